import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { ownDirectory } from '../../../lib/aggregator/own-directory.ts';

it('is empty, and what killed processes left is gone; that of others stays', async () => {
  const base = path.join(await mkdtemp(path.join(tmpdir(), 'oss-append-own-')), 'jobs');
  onTestFinished(() => rm(path.dirname(base), { recursive: true }));
  const [dead, other] = [0, 1].map(() => spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']));
  onTestFinished(() => void other?.kill('SIGKILL'));
  for (const name of [dead?.pid, other?.pid, process.pid, 'notes'].map(String)) {
    await mkdir(path.join(base, name, 'claim-1'), { recursive: true });
    await writeFile(path.join(base, name, 'claim-1/part'), 'rows');
  }
  dead?.kill('SIGKILL');
  if (dead) await once(dead, 'exit');
  expect(await ownDirectory(base)).toBe(path.join(base, String(process.pid)));
  expect((await readdir(base)).sort()).toEqual([other?.pid, process.pid, 'notes'].map(String).sort());
  expect(await readdir(path.join(base, String(process.pid)))).toEqual([]);
  expect(await readdir(path.join(base, String(other?.pid)))).toEqual(['claim-1']);
});
