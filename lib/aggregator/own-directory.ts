/**
 * A directory of this process alone, below one that others share: on Function Compute the instances of its past, on a
 * laptop those of its present, too. What processes left that were killed is removed.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';

/** Its path. It is there, and empty. */
export async function ownDirectory(base: string): Promise<string> {
  await mkdir(base, { recursive: true });
  const own = String(process.pid);
  const left = (await readdir(base)).filter(
    (name) => /^\d+$/.test(name) && (name === own || !isAlive(Number(name))),
  );
  await Promise.all(left.map((name) => rm(path.join(base, name), { recursive: true, force: true })));
  const directory = path.join(base, own);
  await mkdir(directory);
  return directory;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // A process of someone else's is alive, too.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
