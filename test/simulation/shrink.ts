/** Makes a failing scenario smaller, and tells it as a story. */
import { check } from './check.ts';
import { FAULTS, type Rates } from './faults.ts';
import type { Violation } from './object.ts';
import { type Run, simulate } from './run.ts';
import type { Scenario } from './scenario.ts';
import { type Fails, smallestOf } from './smaller.ts';
import { REAL, type System } from './system.ts';

export interface Failure {
  readonly run: Run;
  readonly violations: readonly Violation[];
}

const RUNS_MAX = 1500;
const SALTS = 6;

/** Runs a scenario; null if it keeps every promise. */
export async function failureOf(scenario: Scenario, system: System = REAL): Promise<Failure | null> {
  const run = await simulate(scenario, system);
  const violations = check(run);
  return violations.length === 0 ? null : { run, violations };
}

/** The smallest scenario found that breaks the same promise. */
export const shrink = (first: Failure, system: System = REAL): Promise<Failure> =>
  smallestOf<Scenario, Failure>(first, {
    failureOf: (scenario) => failureOf(scenario, system),
    sizeOf,
    round,
    runsMax: RUNS_MAX,
    salts: SALTS,
  });

async function round(smallest: () => Failure, fails: Fails<Scenario>): Promise<void> {
  const now = () => smallest().run.scenario;
  while (smallest().run.struck.length > 3 && (await fails({ rates: halved(now().rates) }))) {}
  for (const { index } of now().jobs)
    if (now().jobs.length > 1) await fails({ jobs: now().jobs.filter((job) => job.index !== index) });
  for (const retirement of now().retirements)
    await fails({ retirements: now().retirements.filter((one) => one !== retirement) });
  for (const fault of FAULTS)
    if (now().rates[fault] > 0) await fails({ rates: { ...now().rates, [fault]: 0 } });
  for (let instances = 1; instances < now().instances; instances++) if (await fails({ instances })) break;
  // The last ones first: what came before them stays as it was.
  for (const fault of [...smallest().run.struck].reverse())
    await fails({ spared: new Set([...now().spared, fault]) });
}

/** What happened, one event a line, and what was wrong with it. */
export function story({ run, violations }: Failure): string {
  const { seed, jobs, instances, dedupe, segmentBytesMax, requestTimeoutMs, requestsMax, expectsNew } =
    run.scenario;
  return [
    `seed ${seed} breaks a promise. Run it again: npm run torture -- --seed ${seed} --seeds 1`,
    `${jobs.length} calls, ${instances} instances, ${run.struck.length} faults; window ${dedupe.records} records and ${dedupe.ageMs} ms, segments ${segmentBytesMax} bytes, ${expectsNew ? 'logs tried at 0 first, ' : ''}requests ${requestTimeoutMs} ms and ${requestsMax} at most`,
    '',
    '    time ms  who     what',
    ...run.trace,
    '',
    ...violations.map((violation) => `BROKEN  ${violation}`),
  ].join('\n');
}

const sizeOf = ({ run }: Failure): number =>
  run.scenario.jobs.length +
  run.scenario.retirements.length +
  run.scenario.instances +
  run.struck.length +
  run.trace.length / 1000;

const halved = (rates: Rates): Rates =>
  Object.fromEntries(FAULTS.map((fault) => [fault, rates[fault] / 2])) as Rates;
