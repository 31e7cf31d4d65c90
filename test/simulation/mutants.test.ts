import { describe, expect, it } from 'vitest';
import { check } from './check.ts';
import { MUTATIONS, mutant } from './mutants.ts';
import { simulate } from './run.ts';
import { scenario } from './scenario.ts';

/** Each mutant has to be found out within these; most are in the first fifty. */
const SEEDS = 2500;

describe('the simulation finds out an appender that does without', () => {
  it.each(MUTATIONS)('$name', async (mutation) => {
    const system = await mutant(mutation);
    const breaks = (violations: readonly string[]) =>
      violations.some((violation) => violation.startsWith(`${mutation.breaks}:`));
    for (let seed = 0; seed < SEEDS; seed++) {
      if (!breaks(check(await simulate(scenario(seed), system)))) continue;
      // The course has to be the mutation's doing.
      if (!breaks(check(await simulate(scenario(seed))))) return;
    }
    expect.fail(`${SEEDS} seeds did not break ${mutation.breaks}`);
  });
});
