import { describe, expect, it } from 'vitest';
import { checkJob } from './check.ts';
import { JOB_MUTATIONS, jobMutant } from './mutants.ts';
import { jobScenario } from './scenario.ts';
import { simulateJob } from './world.ts';

/** Each mutant has to be found out within these; most are in the first fifty. */
const SEEDS = 1000;

describe('the simulation finds out runs of jobs that do without', () => {
  it.each(JOB_MUTATIONS)('$name', { timeout: 300_000 }, async (mutation) => {
    const system = await jobMutant(mutation);
    const breaks = (violations: readonly string[]) =>
      violations.some((violation) => violation.startsWith(`${mutation.breaks}:`));
    for (let seed = 0; seed < SEEDS; seed++) {
      if (!breaks(checkJob(await simulateJob(jobScenario(seed), system)))) continue;
      // The course has to be the mutation's doing.
      if (!breaks(checkJob(await simulateJob(jobScenario(seed))))) return;
    }
    expect.fail(`${SEEDS} seeds did not break ${mutation.breaks}`);
  });
});
