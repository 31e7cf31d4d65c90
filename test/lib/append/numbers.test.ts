import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type NumberedRun, Numbers, type Verdict } from '../../../lib/append/numbers.ts';
import { range } from './logs.ts';

/** The same with a set of numbers for each source, the one committed to longest ago first. */
class Model {
  readonly #rangesMax: number;
  readonly #sources = new Map<string, { readonly epoch: number | null; readonly numbers: Set<number> }>();

  constructor(rangesMax: number) {
    this.#rangesMax = rangesMax;
  }

  judge(source: string, number: number, epoch: number | null): Verdict {
    const known = this.#sources.get(source);
    if (known === undefined) return { verdict: 'new' };
    if (epoch !== null && known.epoch !== null) {
      if (epoch < known.epoch) return { verdict: 'fenced', epoch: known.epoch };
      if (epoch > known.epoch) return { verdict: 'new' };
    }
    if (known.numbers.has(number)) return { verdict: 'in' };
    const expected = Math.max(...known.numbers) + 1;
    return epoch === null || number === expected ? { verdict: 'new' } : { verdict: 'gap', expected };
  }

  accept({ source, epoch, first, count }: NumberedRun): void {
    const known = this.#sources.get(source);
    if (known !== undefined && epoch !== null && (known.epoch ?? 0) > epoch) return;
    this.#sources.delete(source);
    const before = known?.epoch === epoch ? known.numbers : [];
    this.#sources.set(source, { epoch, numbers: new Set([...before, ...range(first, first + count)]) });
    while (this.rangeCount() > this.#rangesMax) this.#forgetLowest();
  }

  rangeCount(): number {
    return [...this.#sources.values()].flatMap(({ numbers }) => startsOf(numbers)).length;
  }

  #forgetLowest(): void {
    for (const [source, { numbers }] of this.#sources) {
      for (let number = Math.min(...numbers); numbers.delete(number); number++);
      if (numbers.size === 0) this.#sources.delete(source);
      return;
    }
  }
}

const startsOf = (numbers: ReadonlySet<number>) => [...numbers].filter((number) => !numbers.has(number - 1));

const BASE = 40;
const run = (source: string, epoch: fc.Arbitrary<number | null>) =>
  fc.record({
    source: fc.constant(source),
    epoch,
    first: fc.nat(BASE),
    count: fc.integer({ min: 1, max: 5 }),
  });
const runs = fc.array(
  fc.oneof(
    run('offsets', fc.constant(null)),
    run('more offsets', fc.constant(null)),
    run('producer', fc.nat(2)),
    run('another', fc.nat(2)),
  ),
  { maxLength: 40 },
);

const expectSame = (numbers: Numbers, model: Model) => {
  const asked = ['offsets', 'more offsets', 'producer', 'another', 'nobody'].flatMap((source) =>
    (source.endsWith('offsets') ? [null] : [0, 1, 2, 3]).flatMap((epoch) =>
      range(0, BASE + 8).map((number) => ({ source, number, epoch })),
    ),
  );
  const told = asked.map((one) => ({ ...one, ...numbers.judge(one.source, one) }));
  expect(told).toEqual(asked.map((one) => ({ ...one, ...model.judge(one.source, one.number, one.epoch) })));
};

describe('the numbers of a log', () => {
  it('are judged as with a set for each source, also when there are more ranges than are kept', () => {
    fc.assert(
      fc.property(runs, fc.constantFrom(1, 2, 3, 5, 1000), (accepted, rangesMax) => {
        const [numbers, model] = [new Numbers(rangesMax), new Model(rangesMax)];
        for (const one of accepted) {
          numbers.accept(one);
          model.accept(one);
          expect(numbers.all().flatMap(({ ranges }) => ranges).length / 2).toBe(model.rangeCount());
        }
        expectSame(numbers, model);
      }),
      { numRuns: 300 },
    );
  });

  it('are the same after they were written down, and go on the same', () => {
    fc.assert(
      fc.property(runs, runs, fc.constantFrom(2, 5, 1000), (before, after, rangesMax) => {
        const model = new Model(rangesMax);
        const first = new Numbers(rangesMax);
        for (const one of before) {
          first.accept(one);
          model.accept(one);
        }
        const second = new Numbers(rangesMax, first.all());
        for (const one of after) {
          second.accept(one);
          model.accept(one);
        }
        expectSame(second, model);
      }),
    );
  });

  it('of a source without gaps are one range, however they come', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(range(0, 50), { minLength: 50 }), (order) => {
        const numbers = new Numbers(1000);
        for (const first of order) numbers.accept({ source: 's', epoch: null, first, count: 1 });
        expect(numbers.all()).toEqual([{ source: 's', epoch: null, ranges: [0, 49] }]);
      }),
    );
  });

  it('that are written down are not changed by what comes later', () => {
    const numbers = new Numbers(10);
    numbers.accept({ source: 's', epoch: null, first: 1, count: 1 });
    const written = numbers.all();
    const restored = new Numbers(10, written);
    for (const one of [numbers, restored]) one.accept({ source: 's', epoch: null, first: 2, count: 1 });
    expect(written).toEqual([{ source: 's', epoch: null, ranges: [1, 1] }]);
  });

  it('take the first of a producer, and of a new epoch, as it is', () => {
    const numbers = new Numbers(10);
    const verdict = (number: number, epoch: number) => numbers.judge('p', { number, epoch });
    expect(verdict(7, 3)).toEqual({ verdict: 'new' });
    numbers.accept({ source: 'p', epoch: 3, first: 7, count: 2 });
    expect([verdict(7, 3), verdict(8, 3)]).toEqual([{ verdict: 'in' }, { verdict: 'in' }]);
    expect(verdict(9, 3)).toEqual({ verdict: 'new' });
    expect([verdict(6, 3), verdict(10, 3)]).toEqual([
      { verdict: 'gap', expected: 9 },
      { verdict: 'gap', expected: 9 },
    ]);
    expect(verdict(9, 2)).toEqual({ verdict: 'fenced', epoch: 3 });
    expect(verdict(40, 4)).toEqual({ verdict: 'new' });
  });

  it('may be as large as numbers are', () => {
    const numbers = new Numbers(10);
    const last = Number.MAX_SAFE_INTEGER;
    numbers.accept({ source: 's', epoch: null, first: last - 1, count: 1 });
    numbers.accept({ source: 's', epoch: null, first: 0, count: 1 });
    expect(numbers.judge('s', { number: last - 1, epoch: null }).verdict).toBe('in');
    expect(numbers.judge('s', { number: last, epoch: null }).verdict).toBe('new');
    expect(numbers.judge('s', { number: 1, epoch: null }).verdict).toBe('new');
  });
});
