import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimal, median, percentile, quantile, ratio, times } from '../../../infra/bench/report/numbers.ts';

const ended = (...values: number[]) => values.map((ms) => ({ ms, ended: true }));

describe('a percentile', () => {
  it('is the smallest value that the share of all values does not exceed', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(percentile(hundred, 0.5)).toBe(50);
    expect(percentile(hundred, 0.99)).toBe(99);
    expect(percentile(hundred, 1)).toBe(100);
    expect(percentile([7], 0.01)).toBe(7);
    expect(median([3, 1, 2])).toBe(2);
  });

  it('is always one of the values, with at least that share of them at or below it', () => {
    const values = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1 });
    fc.assert(
      fc.property(values, fc.double({ min: 0.01, max: 1, noNaN: true }), (all, share) => {
        const value = percentile(all, share);
        expect(all).toContain(value);
        expect(all.filter((one) => one <= value).length).toBeGreaterThanOrEqual(share * all.length - 1e-9);
      }),
    );
  });

  it('is a lower bound if anything at or below it was still waited for', () => {
    const waited = [...ended(1, 2, 3), { ms: 4, ended: false }];
    expect(quantile(waited, 0.75)).toEqual({ value: 3, atLeast: false });
    expect(quantile(waited, 0.99)).toEqual({ value: 4, atLeast: true });
    expect(quantile([{ ms: 1, ended: false }, ...ended(2, 3)], 0.99)).toEqual({ value: 3, atLeast: true });
  });

  it('of nothing is nothing', () => {
    expect(quantile([], 0.5)).toBeNull();
  });
});

describe('a ratio', () => {
  it('is nothing where there is nothing to divide by', () => {
    expect(ratio(1, 4)).toBe(0.25);
    for (const none of [0, null, undefined, Number.NaN]) expect(ratio(1, none)).toBeNull();
    expect(ratio(null, 1)).toBeNull();
  });

  it('is written with two digits that count', () => {
    expect([0.00432, 0.251, 1.26, 34.6, 1234].map(times)).toEqual([
      '0.0043×',
      '0.25×',
      '1.3×',
      '35×',
      '1,200×',
    ]);
  });
});

describe('a number', () => {
  it('has digits after the point while it is small', () => {
    expect(decimal(2.5049, 2)).toBe('2.50');
    expect(decimal(31_415.9, 2)).toBe('31,416');
  });
});
