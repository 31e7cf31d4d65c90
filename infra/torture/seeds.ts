/** Simulates seeds until one breaks a promise, and tells its story. */
import { checkJob } from '../../test/simulation/aggregate/check.ts';
import { jobScenario } from '../../test/simulation/aggregate/scenario.ts';
import { jobStory, shrinkJob } from '../../test/simulation/aggregate/shrink.ts';
import { simulateJob } from '../../test/simulation/aggregate/world.ts';
import { check } from '../../test/simulation/check.ts';
import { simulate } from '../../test/simulation/run.ts';
import { scenario } from '../../test/simulation/scenario.ts';
import { shrink, story } from '../../test/simulation/shrink.ts';
import { meter } from './meter.ts';

const TERMINAL_MS = 100;

export interface SeedsOptions {
  /** What is simulated: the appender, or jobs. */
  readonly what: Simulated;
  readonly first: number;
  /** How many, at most. */
  readonly seeds: number;
  readonly seconds: number;
}

/** Sets the exit code. */
export async function tortureSeeds({ what, first, seeds, seconds }: SeedsOptions): Promise<void> {
  let stopped = false;
  const stop = () => {
    stopped = true;
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const startMs = performance.now();
  const progress = meter(TERMINAL_MS);
  const totals = { seeds: 0, calls: 0, faults: 0 };
  while (!stopped && totals.seeds < seeds && performance.now() - startMs < seconds * 1000) {
    const { calls, faults, story } = await what(first + totals.seeds);
    totals.seeds++;
    totals.calls += calls;
    totals.faults += faults;
    progress.update(text(totals, startMs));
    if (story === null) continue;
    progress.end();
    process.stderr.write(`seed ${first + totals.seeds - 1} fails; making it smaller …\n`);
    process.stdout.write(`${await story()}\n`);
    process.exitCode = 1;
    break;
  }
  progress.end();
  process.off('SIGINT', stop).off('SIGTERM', stop);
  const verdict = process.exitCode === 1 ? 'a promise is broken' : 'every promise was kept';
  process.stdout.write(`${text(totals, startMs)}, from seed ${first} on: ${verdict}\n`);
}

/** Simulates one seed. `story` makes it smaller and tells it, if it broke a promise. */
export type Simulated = (seed: number) => Promise<{
  readonly calls: number;
  readonly faults: number;
  readonly story: (() => Promise<string>) | null;
}>;

export const appender: Simulated = async (seed) => {
  const run = await simulate(scenario(seed));
  const violations = check(run);
  const told = async () => story(await shrink({ run, violations }));
  return {
    calls: run.deliveries.length,
    faults: run.struck.length,
    story: violations.length === 0 ? null : told,
  };
};

export const jobs: Simulated = async (seed) => {
  const run = await simulateJob(jobScenario(seed));
  const violations = checkJob(run);
  const told = async () => jobStory(await shrinkJob({ run, violations }));
  return { calls: run.runs.length, faults: run.struck.length, story: violations.length === 0 ? null : told };
};

function text({ seeds, calls, faults }: { seeds: number; calls: number; faults: number }, startMs: number) {
  const rate = Math.round(seeds / Math.max(0.001, (performance.now() - startMs) / 1000));
  return `${seeds} seeds, ${calls} calls, ${faults} faults, ${rate} seeds/s`;
}
