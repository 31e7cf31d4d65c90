/** Makes a failing scenario smaller, and tells it as a story. Bounded, and the same every time: it counts runs, not time. */
import { FAULTS, type Rates } from '../faults.ts';
import { checkJob, type Violation } from './check.ts';
import type { JobScenario } from './scenario.ts';
import { type JobRun, type JobSystem, REAL_JOBS, simulateJob } from './world.ts';

export interface JobFailure {
  readonly run: JobRun;
  readonly violations: readonly Violation[];
}

const RUNS_MAX = 600;
/** A smaller scenario takes another course; it may fail in one of a few. */
const SALTS = 4;

/** Runs a scenario; null if it keeps every promise. */
export async function jobFailureOf(
  scenario: JobScenario,
  system: JobSystem = REAL_JOBS,
): Promise<JobFailure | null> {
  const run = await simulateJob(scenario, system);
  const violations = checkJob(run);
  return violations.length === 0 ? null : { run, violations };
}

/** The smallest scenario found that breaks the same promise. */
export async function shrinkJob(first: JobFailure, system: JobSystem = REAL_JOBS): Promise<JobFailure> {
  const promise = promiseOf(first);
  let smallest = first;
  let runs = 0;
  const fails = async (change: Partial<JobScenario>): Promise<boolean> => {
    for (let salt = 0; salt < SALTS && runs < RUNS_MAX; salt++) {
      runs++;
      const { scenario } = smallest.run;
      const failure = await jobFailureOf({ ...scenario, ...change, salt: scenario.salt + salt }, system);
      if (failure === null || promiseOf(failure) !== promise) continue;
      smallest = failure;
      return true;
    }
    return false;
  };

  for (let before = -1; before !== sizeOf(smallest) && runs < RUNS_MAX; ) {
    before = sizeOf(smallest);
    for (const { index } of smallest.run.scenario.calls)
      await fails({ calls: smallest.run.scenario.calls.filter((call) => call.index !== index) });
    for (const { index } of smallest.run.scenario.writes)
      await fails({ writes: smallest.run.scenario.writes.filter((write) => write.index !== index) });
    for (const fault of FAULTS) {
      const { rates } = smallest.run.scenario;
      if (rates[fault] > 0) await fails({ rates: { ...rates, [fault]: 0 } satisfies Rates });
    }
    // The last ones first: what came before them stays as it was.
    for (const fault of [...smallest.run.struck].reverse())
      await fails({ spared: new Set([...smallest.run.scenario.spared, fault]) });
  }
  return smallest;
}

/** What happened, one event a line, and what was wrong with it. */
export function jobStory({ run, violations }: JobFailure): string {
  const { seed, kind, source, window, writes, calls, claimBytesMax } = run.scenario;
  return [
    `seed ${seed} breaks a promise. Run it again: npm run torture -- --aggregate --seed ${seed} --seeds 1`,
    `${kind} of ${source} in windows of a ${window}; ${writes.length} writes, ${calls.length} calls, ${run.struck.length} faults; claims of ${claimBytesMax} bytes at most`,
    '',
    '    time ms  who     what',
    ...run.trace,
    '',
    ...violations.map((violation) => `BROKEN  ${violation}`),
  ].join('\n');
}

const promiseOf = ({ violations }: JobFailure): string => violations[0]?.split(':')[0] ?? '';

const sizeOf = ({ run }: JobFailure): number =>
  run.scenario.writes.length + run.scenario.calls.length + run.struck.length + run.trace.length / 1000;
