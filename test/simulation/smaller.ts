/** The search for a smaller scenario that still breaks a promise. Bounded, and the same every time: it counts runs, not time. */

/** A run with what was wrong with it. */
export interface Broken<Scenario> {
  readonly run: { readonly scenario: Scenario };
  /** Each begins with the name of a promise. */
  readonly violations: readonly string[];
}

export interface Search<Scenario, Failure extends Broken<Scenario>> {
  /** Runs a scenario; null if it keeps every promise. */
  readonly failureOf: (scenario: Scenario) => Promise<Failure | null>;
  readonly sizeOf: (failure: Failure) => number;
  /** One round: makes changes to the scenario of `smallest()`, which is another after each that still fails. */
  readonly round: (smallest: () => Failure, fails: Fails<Scenario>) => Promise<void>;
  readonly runsMax: number;
  /** A smaller scenario takes another course; it may fail in one of a few. */
  readonly salts: number;
}

/** Whether the smallest scenario so far breaks the same promise with a change. */
export type Fails<Scenario> = (change: Partial<Scenario>) => Promise<boolean>;

export async function smallestOf<
  Scenario extends { readonly salt: number },
  Failure extends Broken<Scenario>,
>(first: Failure, search: Search<Scenario, Failure>): Promise<Failure> {
  const { failureOf, sizeOf, round, runsMax, salts } = search;
  const promise = promiseOf(first);
  let smallest = first;
  let runs = 0;
  const fails: Fails<Scenario> = async (change) => {
    for (let salt = 0; salt < salts && runs < runsMax; salt++) {
      runs++;
      const { scenario } = smallest.run;
      const failure = await failureOf({ ...scenario, ...change, salt: scenario.salt + salt });
      if (failure === null || promiseOf(failure) !== promise) continue;
      smallest = failure;
      return true;
    }
    return false;
  };
  for (let before = -1; before !== sizeOf(smallest) && runs < runsMax; ) {
    before = sizeOf(smallest);
    await round(() => smallest, fails);
  }
  return smallest;
}

const promiseOf = ({ violations }: Broken<unknown>): string => violations[0]?.split(':')[0] ?? '';
