/** `npm run torture -- --processes N`: a run with its directory, signals, progress and verdict. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { UsageError } from '../../cli/command.ts';
import { meter } from '../meter.ts';
import { account, keep } from './account.ts';
import { type Counts, Run } from './run.ts';
import { summary } from './summary.ts';

const TERMINAL_MS = 1000;
const LOOK_MS = 250;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const EXIT_CODE_STOPPED = 130;

export interface ProcessesOptions {
  readonly writers: number;
  readonly seed: number;
  readonly seconds: number;
}

/** Sets the exit code. Leaves neither a process nor a directory, unless a promise is broken: then the directory stays. */
export async function tortureProcesses({ writers, seed, seconds }: ProcessesOptions): Promise<void> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'oss-append-torture-'));
  const clock = enoughAfter(seconds);
  const run = new Run({ writers, seed, dir, enough: clock.enough });
  const clear = async () => {
    await run.abandon();
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  };
  let signals = 0;
  const onSignal = () => {
    clock.isEnough();
    if (signals++ === 0) process.stderr.write('\nFinishing and checking. Ctrl-C again to stop at once.\n');
    else void clear().finally(() => process.exit(EXIT_CODE_STOPPED));
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  const startMs = performance.now();
  const progress = meter(TERMINAL_MS);
  const timer = setInterval(
    () => progress.update(line(run.counts, (performance.now() - startMs) / 1000)),
    LOOK_MS,
  );
  let keeps = false;
  try {
    const result = await run.result();
    progress.end();
    const [first] = result.violations;
    if (first !== undefined) {
      keeps = true;
      await keep(dir, result);
      process.stdout.write(`${account(result, first, dir)}\n`);
      process.exitCode = 1;
    }
    const verdict = first === undefined ? 'every promise was kept' : 'a promise is broken';
    process.stdout.write(`${summary(result)}\n`);
    process.stdout.write(`${writers} writers, ${seconds} s, seed ${seed}: ${verdict}\n`);
  } catch (error) {
    // Ctrl-C reaches the programs that building uses too, and they say so in their own words.
    if (signals > 0 && run.counts === null)
      throw new UsageError('Stopped before it had started.', { cause: error });
    throw error;
  } finally {
    clearInterval(timer);
    clock.isEnough();
    if (keeps) await run.abandon();
    else await clear();
    for (const name of SIGNALS) process.off(name, onSignal);
  }
}

/** A promise that resolves after so many seconds, or when it is told to. */
function enoughAfter(seconds: number): { readonly enough: Promise<void>; isEnough(): void } {
  let resolve = () => {};
  const enough = new Promise<void>((resolved) => {
    resolve = resolved;
  });
  const timer = setTimeout(resolve, seconds * 1000);
  const isEnough = () => {
    clearTimeout(timer);
    resolve();
  };
  return { enough, isEnough };
}

function line(counts: Counts | null, seconds: number): string {
  if (counts === null) return 'starting …';
  const { acknowledged, jobs, open, kill, freeze } = counts;
  return `${Math.floor(seconds)} s: ${acknowledged} of ${jobs} jobs in, ${open} calls out, ${kill} writers killed, ${freeze} frozen`;
}
