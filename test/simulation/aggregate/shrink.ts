/** Makes a failing scenario smaller, and tells it as a story. */
import { FAULTS } from '../faults.ts';
import { type Fails, smallestOf } from '../smaller.ts';
import { checkJob, type Violation } from './check.ts';
import type { JobScenario } from './scenario.ts';
import { type JobRun, type JobSystem, REAL_JOBS, simulateJob } from './world.ts';

export interface JobFailure {
  readonly run: JobRun;
  readonly violations: readonly Violation[];
}

const RUNS_MAX = 600;
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
export const shrinkJob = (first: JobFailure, system: JobSystem = REAL_JOBS): Promise<JobFailure> =>
  smallestOf<JobScenario, JobFailure>(first, {
    failureOf: (scenario) => jobFailureOf(scenario, system),
    sizeOf,
    round,
    runsMax: RUNS_MAX,
    salts: SALTS,
  });

async function round(smallest: () => JobFailure, fails: Fails<JobScenario>): Promise<void> {
  const now = () => smallest().run.scenario;
  for (const { index } of now().calls)
    await fails({ calls: now().calls.filter((call) => call.index !== index) });
  for (const { index } of now().writes)
    await fails({ writes: now().writes.filter((write) => write.index !== index) });
  for (const fault of FAULTS)
    if (now().rates[fault] > 0) await fails({ rates: { ...now().rates, [fault]: 0 } });
  // The last ones first: what came before them stays as it was.
  for (const fault of [...smallest().run.struck].reverse())
    await fails({ spared: new Set([...now().spared, fault]) });
}

/** What happened, one event a line, and what was wrong with it. */
export function jobStory({ run, violations }: JobFailure): string {
  const { seed, kind, into, source, window, writes, calls, claimBytesMax } = run.scenario;
  return [
    `seed ${seed} breaks a promise. Run it again: npm run torture -- --aggregate --seed ${seed} --seeds 1`,
    `${kind}${kind === 'rollup' ? ` into ${into}` : ''} of ${source} in windows of a ${window}; ${writes.length} writes, ${calls.length} calls, ${run.struck.length} faults; claims of ${claimBytesMax} bytes at most`,
    '',
    '    time ms  who     what',
    ...run.trace,
    '',
    ...violations.map((violation) => `BROKEN  ${violation}`),
  ].join('\n');
}

const sizeOf = ({ run }: JobFailure): number =>
  run.scenario.writes.length + run.scenario.calls.length + run.struck.length + run.trace.length / 1000;
