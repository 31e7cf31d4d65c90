/** Makes a failing scenario smaller, and tells it as a story. Bounded, and the same every time: it counts runs, not time. */
import { check } from './check.ts';
import { FAULTS, type Rates } from './faults.ts';
import type { Violation } from './object.ts';
import { type Run, simulate } from './run.ts';
import type { Scenario } from './scenario.ts';
import { REAL, type System } from './system.ts';

export interface Failure {
  readonly run: Run;
  readonly violations: readonly Violation[];
}

const RUNS_MAX = 1500;
/** A smaller scenario takes another course; it may fail in one of a few. */
const SALTS = 6;

/** Runs a scenario; null if it keeps every promise. */
export async function failureOf(scenario: Scenario, system: System = REAL): Promise<Failure | null> {
  const run = await simulate(scenario, system);
  const violations = check(run);
  return violations.length === 0 ? null : { run, violations };
}

/** The smallest scenario found that breaks the same promise. */
export async function shrink(first: Failure, system: System = REAL): Promise<Failure> {
  const promise = promiseOf(first);
  let smallest = first;
  let runs = 0;
  const fails = async (scenario: Scenario): Promise<boolean> => {
    for (let salt = 0; salt < SALTS && runs < RUNS_MAX; salt++) {
      runs++;
      const failure = await failureOf({ ...scenario, salt: scenario.salt + salt }, system);
      if (failure === null || promiseOf(failure) !== promise) continue;
      smallest = failure;
      return true;
    }
    return false;
  };

  for (let before = -1; before !== sizeOf(smallest) && runs < RUNS_MAX; ) {
    before = sizeOf(smallest);
    while (smallest.run.struck.length > 3 && (await fails(halved(smallest.run.scenario)))) {}
    for (const job of smallest.run.scenario.jobs) {
      const { scenario } = smallest.run;
      if (scenario.jobs.length > 1)
        await fails({ ...scenario, jobs: scenario.jobs.filter(({ index }) => index !== job.index) });
    }
    for (const retirement of smallest.run.scenario.retirements) {
      const { scenario } = smallest.run;
      const retirements = scenario.retirements.filter((one) => one !== retirement);
      await fails({ ...scenario, retirements });
    }
    for (const fault of FAULTS) {
      const { scenario } = smallest.run;
      if (scenario.rates[fault] > 0) await fails({ ...scenario, rates: without(scenario.rates, fault) });
    }
    for (let instances = 1; instances < smallest.run.scenario.instances; instances++)
      if (await fails({ ...smallest.run.scenario, instances })) break;
    // The last ones first: what came before them stays as it was.
    for (const fault of [...smallest.run.struck].reverse()) {
      const { scenario } = smallest.run;
      await fails({ ...scenario, spared: new Set([...scenario.spared, fault]) });
    }
  }
  return smallest;
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

const promiseOf = ({ violations }: Failure): string => violations[0]?.split(':')[0] ?? '';

const sizeOf = ({ run }: Failure): number =>
  run.scenario.jobs.length +
  run.scenario.retirements.length +
  run.scenario.instances +
  run.struck.length +
  run.trace.length / 1000;

const halved = (scenario: Scenario): Scenario => ({
  ...scenario,
  rates: Object.fromEntries(FAULTS.map((fault) => [fault, scenario.rates[fault] / 2])) as Rates,
});

const without = (rates: Rates, fault: keyof Rates): Rates => ({ ...rates, [fault]: 0 });
