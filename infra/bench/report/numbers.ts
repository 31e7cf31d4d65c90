/** Percentiles, ratios and how numbers are written. */

/** How long something took, or how long it had been waited for when the measurement ended. */
export interface Waited {
  readonly ms: number;
  readonly ended: boolean;
}

export interface Quantile {
  readonly value: number;
  /** The true value is this or more: something at or below it had not ended. */
  readonly atLeast: boolean;
}

/** The nearest-rank quantile, `share` from 0 to 1. Null of nothing. */
export function quantile(waited: readonly Waited[], share: number): Quantile | null {
  const sorted = waited.toSorted((a, b) => a.ms - b.ms);
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  const upTo = sorted.slice(0, rank);
  const last = upTo.at(-1);
  return last === undefined ? null : { value: last.ms, atLeast: upTo.some(({ ended }) => !ended) };
}

/** The nearest-rank quantile of plain numbers. NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
  return (
    quantile(
      values.map((ms) => ({ ms, ended: true })),
      share,
    )?.value ?? Number.NaN
  );
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** `a / b`, null where that says nothing. */
export function ratio(a: number | null | undefined, b: number | null | undefined): number | null {
  return a == null || b == null || b === 0 || !Number.isFinite(a / b) ? null : a / b;
}

/** With thousands separated; `digits` after the point below 100. */
export function decimal(value: number, digits: number): string {
  const fixed = Math.abs(value) < 100 ? digits : 0;
  return value.toLocaleString('en-US', { minimumFractionDigits: fixed, maximumFractionDigits: fixed });
}

/** Two significant digits, such as `0.0043×`, `1.3×`, `35×`. */
export function times(value: number): string {
  return `${value.toLocaleString('en-US', { maximumSignificantDigits: 2 })}×`;
}
