/** Writers as processes, killed and frozen, for a few seconds: as a user runs it. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ROOT = path.join(import.meta.dirname, '../..');

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'oss-append-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

function torture(...args: string[]) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'infra/torture/main.ts', ...args], {
    cwd: ROOT,
    env: { ...process.env, TMPDIR: dir },
    // A group of its own, so that a signal can reach all of it as Ctrl-C does.
    detached: true,
  });
  const ended = Promise.all([
    once(child, 'close').then(([code]) => code as number | null),
    text(child.stdout),
    text(child.stderr),
  ]).then(([code, out, err]) => ({ code, out, err }));
  const interrupt = () => child.pid !== undefined && process.kill(-child.pid, 'SIGINT');
  return { child, ended, interrupt };
}

/** Processes whose command line names the test's directory: those that the run started. */
async function running(): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-ww', '-o', 'args=']);
  return stdout.split('\n').filter((line) => line.includes(dir));
}

/** Resolves when the run has processes, or is over. */
async function started({ child }: ReturnType<typeof torture>, processes: number): Promise<void> {
  while ((await running()).length < processes && child.exitCode === null);
}

/** What is in the directory for temporary files, apart from what tsx keeps there. */
const left = async () => (await readdir(dir)).filter((name) => !name.startsWith('tsx-'));

describe('npm run torture -- --processes', () => {
  it('keeps every promise, says what happened, and leaves nothing behind', async () => {
    const run = torture('--processes', '4', '--seconds', '6', '--seed', '11');
    const { code, out } = await run.ended;
    expect(out).toMatch(/\n4 writers, 6 s, seed 11: every promise was kept\n$/);
    for (const what of [
      'records and payloads in',
      'appends to logs',
      'repeats recognised',
      'writers killed',
      'writers frozen',
      'store killed',
      'faults that struck',
      'objects checked',
    ])
      expect(out).toMatch(new RegExp(`^${what} +[1-9]`, 'm'));
    expect(code).toBe(0);
    expect(await left()).toEqual([]);
    expect(await running()).toEqual([]);
  });

  it('finishes and checks on Ctrl-C, and ends at once on a second one', async () => {
    const first = torture('--processes', '2', '--seconds', '600', '--seed', '12');
    await started(first, 3);
    first.interrupt();
    const { code, out } = await first.ended;
    expect(out).toMatch(/seed 12: every promise was kept\n$/);
    expect(code).toBe(0);
    expect([await left(), await running()]).toEqual([[], []]);

    const second = torture('--processes', '2', '--seconds', '600');
    const heard = once(
      createInterface({ input: second.child.stderr }).on('line', () => {}),
      'line',
    );
    await started(second, 3);
    second.interrupt();
    await heard;
    second.interrupt();
    expect([130, 0]).toContain((await second.ended).code);
    expect([await left(), await running()]).toEqual([[], []]);
  });

  it('refuses options that do not fit together, and says what to do', async () => {
    const cases = [
      [['--processes', '0'], '--processes 0: give a number from 1 to 64, such as 6.'],
      [['--processes', '65'], '--processes 65: give a number from 1 to 64, such as 6.'],
      [['--processes', 'many'], '--processes many: give a whole number'],
      [['--processes', '2', '--seeds', '3'], '--seeds is for the simulation'],
      [['--processes', '2', '--seconds', '86401'], '--seconds 86401: with --processes, give a number'],
      [
        ['--processes', '2', '--seconds', '0'],
        '--seconds 0: with --processes, give a number from 1 to 86400.',
      ],
    ] as const;
    const ends = await Promise.all(cases.map(([args]) => torture(...args).ended));
    for (const [at, { code, err }] of ends.entries()) {
      expect(err).toContain(cases[at]?.[1]);
      expect(code).toBe(2);
    }
  });
});
