import type { RecordNumber } from './types.ts';

/**
 * Which numbers of each source a log has, as ranges (PROTOCOL.md §3.4).
 *
 * A source that numbers its records without gaps takes one range, however many records there are. When there are more
 * than `rangesMax`, the lowest one goes of the source that was committed to longest ago.
 */
export interface NumberedRun {
  readonly source: string;
  /** Null for offsets. */
  readonly epoch: number | null;
  /** Of its first record; the others follow. */
  readonly first: number;
  readonly count: number;
}

/** Numbers of a source that are in: `ranges` is from, to, from, to …, ascending, ends included. */
export interface SourceNumbers {
  readonly source: string;
  readonly epoch: number | null;
  readonly ranges: readonly number[];
}

/** What to do with a numbered record. */
export type Verdict =
  | { readonly verdict: 'new' }
  | { readonly verdict: 'in' }
  /** A later epoch is in. */
  | { readonly verdict: 'fenced'; readonly epoch: number }
  /** Another number is next. */
  | { readonly verdict: 'gap'; readonly expected: number };

interface Known {
  epoch: number | null;
  readonly ranges: number[];
}

const NEW: Verdict = { verdict: 'new' };
const IN: Verdict = { verdict: 'in' };

export class Numbers {
  readonly #rangesMax: number;
  /** Least recently committed to first. */
  readonly #sources = new Map<string, Known>();
  #ranges = 0;

  constructor(rangesMax: number, known: Iterable<SourceNumbers> = []) {
    this.#rangesMax = rangesMax;
    for (const { source, epoch, ranges } of known) {
      this.#sources.set(source, { epoch, ranges: [...ranges] });
      this.#ranges += ranges.length / 2;
    }
  }

  judge(source: string, { number, epoch }: RecordNumber): Verdict {
    const known = this.#sources.get(source);
    if (known === undefined) return NEW;
    if (epoch === null) return isIn(known.ranges, number) ? IN : NEW;
    const { epoch: current } = known;
    if (current === null || current < epoch) return NEW;
    if (current > epoch) return { verdict: 'fenced', epoch: current };
    if (isIn(known.ranges, number)) return IN;
    const expected = (known.ranges.at(-1) ?? -1) + 1;
    return number === expected ? NEW : { verdict: 'gap', expected };
  }

  /** Takes what a commit says is in. */
  accept({ source, epoch, first, count }: NumberedRun): void {
    const known = this.#sources.get(source) ?? { epoch, ranges: [] };
    if (epoch !== null && known.epoch !== null && known.epoch > epoch) return;
    this.#sources.delete(source);
    this.#sources.set(source, known);
    this.#ranges -= known.ranges.length / 2;
    if (epoch !== null && known.epoch !== epoch) known.ranges.length = 0;
    known.epoch = epoch;
    add(known.ranges, first, first + count - 1);
    this.#ranges += known.ranges.length / 2;
    while (this.#ranges > this.#rangesMax) this.#forgetOne();
  }

  /** All of it, the source committed to longest ago first. */
  all(): SourceNumbers[] {
    return [...this.#sources].map(([source, { epoch, ranges }]) => ({ source, epoch, ranges: [...ranges] }));
  }

  #forgetOne(): void {
    const [oldest] = this.#sources;
    if (oldest === undefined) return;
    const [source, { ranges }] = oldest;
    ranges.splice(0, 2);
    this.#ranges--;
    if (ranges.length === 0) this.#sources.delete(source);
  }
}

/** Index of the first range that ends at `number` or after it. */
function rangeAt(ranges: readonly number[], number: number): number {
  let low = 0;
  let high = ranges.length / 2;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[2 * middle + 1] ?? 0) < number) low = middle + 1;
    else high = middle;
  }
  return 2 * low;
}

function isIn(ranges: readonly number[], number: number): boolean {
  const from = ranges[rangeAt(ranges, number)];
  return from !== undefined && from <= number;
}

/** Joins `[from, to]` with the ranges that it meets or touches. */
function add(ranges: number[], from: number, to: number): void {
  const start = rangeAt(ranges, from - 1);
  let end = start;
  let [low, high] = [from, to];
  while (end < ranges.length && (ranges[end] ?? 0) <= to + 1) {
    low = Math.min(low, ranges[end] ?? low);
    high = Math.max(high, ranges[end + 1] ?? high);
    end += 2;
  }
  ranges.splice(start, end - start, low, high);
}
