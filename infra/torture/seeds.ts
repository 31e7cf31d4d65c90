/** Simulates seeds until one breaks a promise, and tells its story. */
import { check } from '../../test/simulation/check.ts';
import { simulate } from '../../test/simulation/run.ts';
import { scenario } from '../../test/simulation/scenario.ts';
import { shrink, story } from '../../test/simulation/shrink.ts';
import { meter } from './meter.ts';

const TERMINAL_MS = 100;

export interface SeedsOptions {
  readonly first: number;
  /** How many, at most. */
  readonly seeds: number;
  readonly seconds: number;
}

/** Sets the exit code. */
export async function tortureSeeds({ first, seeds, seconds }: SeedsOptions): Promise<void> {
  let stopped = false;
  const stop = () => {
    stopped = true;
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const startMs = performance.now();
  const progress = meter(TERMINAL_MS);
  const totals = { seeds: 0, calls: 0, faults: 0 };
  while (!stopped && totals.seeds < seeds && performance.now() - startMs < seconds * 1000) {
    const { failure, calls, faults } = await tried(first + totals.seeds);
    totals.seeds++;
    totals.calls += calls;
    totals.faults += faults;
    progress.update(text(totals, startMs));
    if (failure === null) continue;
    progress.end();
    process.stderr.write(`seed ${failure.run.scenario.seed} fails; making it smaller …\n`);
    process.stdout.write(`${story(await shrink(failure))}\n`);
    process.exitCode = 1;
    break;
  }
  progress.end();
  process.off('SIGINT', stop).off('SIGTERM', stop);
  const verdict = process.exitCode === 1 ? 'a promise is broken' : 'every promise was kept';
  process.stdout.write(`${text(totals, startMs)}, from seed ${first} on: ${verdict}\n`);
}

async function tried(seed: number) {
  const run = await simulate(scenario(seed));
  const violations = check(run);
  const failure = violations.length === 0 ? null : { run, violations };
  return { failure, calls: run.deliveries.length, faults: run.struck.length };
}

function text({ seeds, calls, faults }: { seeds: number; calls: number; faults: number }, startMs: number) {
  const rate = Math.round(seeds / Math.max(0.001, (performance.now() - startMs) / 1000));
  return `${seeds} seeds, ${calls} calls, ${faults} faults, ${rate} seeds/s`;
}
