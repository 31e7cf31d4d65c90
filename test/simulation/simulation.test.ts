import { describe, expect, it } from 'vitest';
import { errorOf } from './calls.ts';
import { check } from './check.ts';
import { FAULTS } from './faults.ts';
import { hashOf, keysOf, simulate } from './run.ts';
import { scenario } from './scenario.ts';
import { failureOf, shrink, story } from './shrink.ts';
import { REAL } from './system.ts';

/** Every run of the tests takes these; `npm run torture` takes others. */
const SEEDS = 3000;
const CHUNKS = 10;

/** Fails with the story of the first broken promise, made small. */
async function expectPromises(seeds: Iterable<number>): Promise<void> {
  for (const seed of seeds) {
    const failure = await failureOf(scenario(seed));
    if (failure !== null) expect.fail(story(await shrink(failure)));
  }
}

function* from(first: number, count: number): Iterable<number> {
  for (let seed = first; seed < first + count; seed++) yield seed;
}

describe('the appender in a world of faults', () => {
  it.each(Array.from({ length: CHUNKS }, (_, chunk) => (chunk * SEEDS) / CHUNKS))(
    `keeps every promise in the ${SEEDS / CHUNKS} seeds from %i on`,
    async (first) => {
      await expectPromises(from(first, SEEDS / CHUNKS));
    },
  );
});

describe('the simulation', () => {
  it('runs the same course for the same seed', async () => {
    for (const seed of from(0, 50)) {
      const [one, other] = [await simulate(scenario(seed)), await simulate(scenario(seed))];
      expect(hashOf(other)).toBe(hashOf(one));
    }
  });

  it('runs another course for another seed, and for another salt', async () => {
    const hashes = new Set<string>();
    for (const seed of from(0, 50)) {
      hashes.add(hashOf(await simulate(scenario(seed))));
      hashes.add(hashOf(await simulate({ ...scenario(seed), salt: 1 })));
    }
    expect(hashes.size).toBe(100);
  });

  it('has calm seeds and stormy ones, every fault, and every way for a call to end', async () => {
    const seen = new Set<string>();
    let calm = 0;
    for (const seed of from(0, 1000)) {
      const run = await simulate(scenario(seed));
      if (run.struck.length === 0) calm++;
      for (const line of run.trace) seen.add(/ fault +([\w-]+):/.exec(line)?.[1] ?? '');
      if (run.trace.some((line) => line.includes('conflict without'))) seen.add('no-length');
      for (const { outcome } of run.deliveries) {
        const error = outcome?.kind === 'error' ? outcome.error : null;
        seen.add(error instanceof Error ? error.name : (outcome?.kind ?? 'none'));
        if (outcome?.kind === 'receipts' && outcome.receipts.some(({ start }) => start === null))
          seen.add('in by its number');
      }
      for (const key of keysOf(run)) {
        const objects = run.oss.keysOf(key);
        if (objects.length > 3) seen.add('segments');
        if (objects.some((one) => run.oss.current(one)?.bytes.includes('"state":') === true))
          seen.add('checkpoints');
        const tombstones = objects.map((one) => run.oss.current(one)?.tombstones.length ?? 0);
        if (tombstones.some((count, at) => count > 0 && at + 1 < objects.length))
          seen.add('behind a tombstone');
        if (tombstones.some((count) => count > 1)) seen.add('two tombstones');
      }
    }
    const ends = [
      'receipts',
      'crashed',
      'NotAppended',
      'OutcomeUnknown',
      'PositionMismatch',
      'AppendRefused',
      'ProducerFenced',
      'SequenceGap',
    ];
    const logs = ['in by its number', 'segments', 'checkpoints', 'behind a tombstone', 'two tombstones'];
    expect([...FAULTS, ...ends, ...logs].filter((one) => !seen.has(one))).toEqual([]);
    expect(calm).toBeGreaterThan(20);
  });

  it('puts everything in where nothing goes wrong', async () => {
    for (const seed of from(0, 200)) {
      const { rates, jobs, ...rest } = scenario(seed);
      const calm = Object.fromEntries(FAULTS.map((fault) => [fault, 0]));
      const patient = jobs.map((job) => ({ ...job, timeMs: 600_000, condition: null }));
      const run = await simulate({
        ...rest,
        rates: { ...rates, ...calm },
        jobs: patient,
        requestsMax: 1000,
        dedupe: { records: 16_000, ageMs: null },
      });
      expect(check(run)).toEqual([]);
      // Two sources that speak for one producer are told off, whatever the weather.
      const isRivalry = (error: unknown) =>
        ['ProducerFenced', 'SequenceGap'].includes(errorOf(error)?.code ?? '');
      const failed = run.deliveries.filter(
        ({ outcome }) =>
          outcome?.kind !== 'receipts' && !(outcome?.kind === 'error' && isRivalry(outcome.error)),
      );
      expect(failed).toEqual([]);
    }
  });

  it('tells a failure as a story that is smaller than what was found, and the same every time', async () => {
    const broken = {
      ...REAL,
      createAppender: (options: Parameters<typeof REAL.createAppender>[0]) => {
        const appender = REAL.createAppender(options);
        return {
          ...appender,
          // Sends every payload twice.
          appendBytes: async (...call: Parameters<typeof appender.appendBytes>) => {
            await appender.appendBytes(...call);
            return appender.appendBytes(...call);
          },
        };
      },
    };
    const found = await firstFailure(broken);
    const smallest = await shrink(found, broken);
    expect(smallest.run.scenario.jobs).toHaveLength(1);
    expect(smallest.run.scenario.instances).toBe(1);
    expect(smallest.run.struck).toEqual([]);
    const told = story(smallest);
    expect(told).toContain(`npm run torture -- --seed ${found.run.scenario.seed} --seeds 1`);
    expect(told).toMatch(/BROKEN {2}P3: .* is in 2 times/);
    expect(story(await shrink(found, broken))).toBe(told);
  });
});

async function firstFailure(system: typeof REAL) {
  for (const seed of from(0, 100)) {
    const failure = await failureOf(scenario(seed), system);
    if (failure?.violations[0]?.startsWith('P3') === true) return failure;
  }
  throw new Error('nothing failed');
}
