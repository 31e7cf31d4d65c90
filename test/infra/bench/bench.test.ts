/** `npm run bench` as it is called, in its smallest runs. What it measures is no matter here. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { XMLValidator } from 'fast-xml-parser';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ROOT = path.join(import.meta.dirname, '../../..');

let dir: string;
let temporary: string;

beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'bench-test-'));
  temporary = await mkdtemp(path.join(os.tmpdir(), 'bench-test-tmp-'));
});

afterEach(async () => {
  await rm(dir, { recursive: true });
  await rm(temporary, { recursive: true });
});

function start(...args: string[]) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'infra/bench/main.ts', ...args], {
    cwd: ROOT,
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  // The programs that it starts hold its standard error, so this comes only when they have ended too.
  const closed = once(child, 'close').then(([code]: unknown[]) => ({
    code,
    out: Buffer.concat(out).toString(),
    err: Buffer.concat(err).toString(),
  }));
  return { child, closed };
}

/** Left of what the bench made for itself; the compiler's own cache is not. */
const left = async () => (await readdir(temporary)).filter((name) => name.startsWith('oss-append'));

describe('npm run bench', () => {
  it('measures a row, prints its table, and writes results and chart where it is told', async () => {
    const { code, out, err } = await start('--quick', '--only', 'lone', '--out', dir).closed;
    expect({ code, err }).toMatchObject({ code: 0, err: expect.stringContaining('[1/2] lone 0 ms') });
    expect(out).toMatch(/^lone 0 ms, oss-append, log +[\d,]+ +[\d.]+ +[\d.]+ +1\.00$/m);
    expect(out).toMatch(/^ {2}against lone 0 ms, ali-oss +[\d.]+×/m);

    const results = JSON.parse(await readFile(path.join(dir, 'results.json'), 'utf8'));
    expect(Object.keys(results.machine)).toEqual(['cpu', 'cores', 'node', 'platform', 'date']);
    expect(results.suites).toMatchObject([
      { id: 'lone', rows: Array.from({ length: 6 }, () => ({ values: { requests: 1 } })) },
    ]);
    expect(XMLValidator.validate(await readFile(path.join(dir, 'lone.svg'), 'utf8'))).toBe(true);
    expect(await left()).toEqual([]);
  });

  it('draws no chart of rows that were measured in part', async () => {
    const { code } = await start('--quick', '--only', 'lone 0 ms', '--out', dir).closed;
    expect(code).toBe(0);
    expect(await readdir(dir)).toEqual(['results.json']);
  });

  it('looks into the object for what many writers were told is in it', async () => {
    const { code, out } = await start('--quick', '--only', 'lost answers, oss-append').closed;
    expect(code).toBe(0);
    // Offered, in, lost, twice.
    expect(out).toMatch(/^lost answers, oss-append +\d+ +[\d.]+ +0 +0 /m);
    expect(out).not.toContain('!');
  });

  it('calls the web function and its peer over HTTP, and finds in the objects what they answered', async () => {
    const { code, out } = await start('--quick', '--only', 'web 0 ms').closed;
    expect(code).toBe(0);
    // Requests a second, p50, p99, store requests, lost, twice.
    for (const name of ['ali-oss', 'ali-oss, an object a connection', 'oss-append'])
      expect(out).toMatch(
        new RegExp(`^web 0 ms, ${name} +[\\d,]+ +[\\d,.]+ +[\\d,.]+ +[\\d.]+ +0 +0 *$`, 'm'),
      );
    expect(out).not.toContain('!');
  });

  it('ends on Ctrl-C, and leaves no process and no file', async () => {
    const { child, closed } = start('--quick', '--only', 'contended 4 writers', '--out', dir);
    await once(child.stderr, 'data');
    child.kill('SIGINT');
    expect(await closed).toMatchObject({
      code: 130,
      err: expect.stringMatching(/\nStopped; nothing was written\.\n$/),
    });
    expect(await readdir(dir)).toEqual([]);
    expect(await left()).toEqual([]);
  });

  it('names what there is, if it is asked for what there is not', async () => {
    const { code, err } = await start('--only', 'no such row').closed;
    expect(code).toBe(2);
    expect(err).toContain('\n  16 writers, oss-append\n');
    expect(await left()).toEqual([]);
  });
});
