/** Where the running stack is: `npm start` leaves a note in its data directory, and the other commands read it. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UsageError } from './command.ts';

export const DATA_DIR = '.local';
/** The key of the laptop's own OSS and FC. They listen on loopback only. */
export const LOCAL_KEY = { accessKeyId: 'local', accessKeySecret: 'local-secret' } as const;
export const LOCAL_BUCKET = 'oss-append-local';
export const LOCAL_REGION = 'cn-hangzhou';

export interface Stack {
  readonly pid: number;
  readonly httpPort: number;
  readonly fcPort: number;
  readonly ossPort: number;
}

const NOTE = 'stack.json';

export async function leaveNote(dataDir: string, stack: Stack): Promise<void> {
  await writeFile(path.join(dataDir, NOTE), `${JSON.stringify(stack, null, 2)}\n`);
}

export async function removeNote(dataDir: string): Promise<void> {
  await rm(path.join(dataDir, NOTE), { force: true });
}

/** The stack that runs on `dataDir`. Throws `UsageError` if there is none. */
export async function findStack(dataDir: string): Promise<Stack> {
  const advice = 'Start it with `npm start` in another terminal, or name its port';
  let note: string;
  try {
    note = await readFile(path.join(dataDir, NOTE), 'utf8');
  } catch (cause) {
    throw new UsageError(`No stack is running on ${dataDir}. ${advice}.`, { cause });
  }
  const stack = JSON.parse(note) as Stack;
  if (isAlive(stack.pid)) return stack;
  throw new UsageError(`The stack on ${dataDir} has stopped. ${advice}.`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // A process of someone else's is alive too.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
