import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Commit } from '../../../lib/append/commit.ts';
import { sourceRuns } from '../../../lib/append/commit.ts';
import { digestOf } from '../../../lib/append/digest.ts';
import { type DedupeWindow, type LogRecord, position } from '../../../lib/append/types.ts';
import { type Finding, type Landed, Window } from '../../../lib/append/window.ts';
import { AT_MS, named, numbered, range } from './logs.ts';

interface Appended {
  readonly records: readonly LogRecord[];
  readonly atMs: number;
  readonly segment: number;
  readonly start: number;
}

const BYTES = 100;

const landedOf = ({ segment, start }: Appended): Landed => ({
  segment,
  start: position(start),
  end: position(start + BYTES),
});

const commitOf = ({ records, atMs, start }: Appended): Commit => ({
  atMs,
  writer: 'w',
  turn: { roundTripMs: 20, more: 0 },
  start,
  records: records.length,
  bytes: BYTES,
  crc64: 0n,
  sources: sourceRuns(records, atMs),
  closes: false,
  checkpoint: 0,
});

const accept = (window: Window, appended: Appended) => window.accept(commitOf(appended), landedOf(appended));
const find = (window: Window, record: LogRecord) => window.find(record, digestOf(record.source, record.id));

/** What a window is to know of `appends`, said slowly: those that are remembered are searched from the last on. */
function expected(limits: DedupeWindow, appends: readonly Appended[], { source, id }: LogRecord): Finding {
  let kept: Appended[] = [];
  let latestMs = Number.NEGATIVE_INFINITY;
  const countOf = ({ records }: Appended) => records.filter((one) => one.numbered === undefined).length;
  for (const appended of appends) {
    latestMs = Math.max(latestMs, appended.atMs);
    if (countOf(appended) > 0) kept.push(appended);
    for (let [oldest] = kept; oldest !== undefined && kept.length > 1; [oldest] = kept) {
      const others = kept.slice(1).reduce((sum, one) => sum + countOf(one), 0);
      const tooOld = limits.ageMs !== null && oldest.atMs < latestMs - limits.ageMs;
      if (others < limits.records && !tooOld) break;
      kept = kept.slice(1);
    }
  }
  for (const appended of kept.toReversed()) {
    const record = appended.records.findLastIndex((one) => one.source === source && one.id === id);
    if (record < 0) continue;
    return { verdict: 'in', place: { ...landedOf(appended), writer: 'w', atMs: appended.atMs, record } };
  }
  return { verdict: 'new' };
}

const IDS = 12;
const record = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(fc.constantFrom('s', 't'), fc.nat(IDS)).map(([s, n]) => named(`${n}`, s)),
  },
  { weight: 1, arbitrary: fc.nat(50).map((n) => numbered('n', n)) },
);
const histories = fc
  .array(
    fc.record({
      records: fc.array(record, { minLength: 1, maxLength: 6 }),
      laterMs: fc.integer({ min: -20, max: 100 }),
      nextSegment: fc.boolean(),
    }),
    { maxLength: 25 },
  )
  .map((steps) => {
    let [atMs, segment, start] = [AT_MS, 0, 0];
    return steps.map(({ records, laterMs, nextSegment }): Appended => {
      atMs += laterMs;
      start += BYTES;
      if (nextSegment) [segment, start] = [segment + 1, 0];
      return { records, atMs, segment, start };
    });
  });
const limits = fc.record({
  records: fc.constantFrom(1, 2, 5, 17, 1000),
  ageMs: fc.constantFrom(null, 0, 50, 400),
});
const asked = ['s', 't'].flatMap((source) => range(0, IDS + 1).map((n) => named(`${n}`, source)));

describe('the dedupe window', () => {
  it('knows what a list of the last commits knows, and where', () => {
    fc.assert(
      fc.property(limits, histories, (limit, appends) => {
        const window = new Window(limit);
        for (const appended of appends) accept(window, appended);
        expect(asked.map((one) => find(window, one))).toEqual(
          asked.map((one) => expected(limit, appends, one)),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('is the same after it was written down, at any time, and told beforehand what it will be', () => {
    fc.assert(
      fc.property(limits, histories, histories, (limit, before, after) => {
        const warm = new Window(limit);
        let cold = new Window(limit);
        const last = before.at(-1);
        for (const appended of before) {
          if (appended === last)
            cold = new Window(limit, warm.stateAfter(commitOf(appended), landedOf(appended)));
          accept(warm, appended);
        }
        for (const window of [warm, cold]) for (const appended of after) accept(window, appended);
        expect(asked.map((one) => find(cold, one))).toEqual(asked.map((one) => find(warm, one)));
        const numbers = range(0, 51).map((n) => numbered('n', n));
        const verdicts = (window: Window) => numbers.map((one) => find(window, one).verdict);
        // A warm one knows the place of those of the last commit, even of ranges that are too many to be kept.
        if (limit.records > 50) expect(verdicts(cold)).toEqual(verdicts(warm));
      }),
    );
  });

  const lone = (id: string, at: number, atMs = AT_MS): Appended => ({
    records: [named(id)],
    atMs,
    segment: 0,
    start: at * BYTES,
  });
  const known = (window: Window, ids: readonly string[]) =>
    ids.filter((id) => find(window, named(id)).verdict === 'in');

  it('forgets a record once so many others were committed after it', () => {
    const window = new Window({ records: 3, ageMs: null });
    const ids = range(0, 6).map(String);
    const seen = ids.map((id, at) => {
      accept(window, lone(id, at));
      return known(window, ids).join('');
    });
    expect(seen).toEqual(['0', '01', '012', '123', '234', '345']);
  });

  it('forgets whole commits, and never the last', () => {
    const window = new Window({ records: 3, ageMs: 10 });
    const large = { ...lone('', 0), records: range(0, 8).map((n) => named(`${n}`)) };
    accept(window, large);
    expect(known(window, range(0, 8).map(String))).toHaveLength(8);
    accept(window, lone('a', 1));
    accept(window, lone('b', 2));
    expect(known(window, range(0, 8).map(String))).toHaveLength(8);
    accept(window, lone('c', 3));
    expect(known(window, range(0, 8).map(String))).toHaveLength(0);
    accept(window, lone('d', 4, AT_MS + 1000));
    expect(known(window, ['a', 'b', 'c', 'd'])).toEqual(['d']);
  });

  it('forgets a record once the latest commit is so much later', () => {
    const window = new Window({ records: 1000, ageMs: 100 });
    accept(window, lone('a', 0));
    accept(window, lone('b', 1, AT_MS + 100));
    expect(known(window, ['a', 'b'])).toEqual(['a', 'b']);
    // A clock that is behind does not make it younger.
    accept(window, lone('c', 2, AT_MS + 101));
    accept(window, lone('d', 3, AT_MS + 50));
    expect(known(window, ['a', 'b', 'c', 'd'])).toEqual(['b', 'c', 'd']);
  });

  it('is as old as the latest of its commits, also if that has no ids and is out of order', () => {
    const window = new Window({ records: 1000, ageMs: 100 });
    accept(window, { ...lone('', 0, AT_MS + 200), records: [numbered('n', 0)] });
    for (const [at, id] of ['a', 'b', 'c'].entries()) accept(window, lone(id, at + 1));
    expect(known(window, ['a', 'b', 'c'])).toEqual(['c']);
  });

  it('knows the places of the numbers of the last commit of each source, and of the others that they are in', () => {
    const window = new Window({ records: 1000, ageMs: null });
    const append = (start: number, records: readonly LogRecord[]) =>
      accept(window, { ...lone('', 0), start, records });
    append(0, [numbered('p', 0, 1), numbered('q', 10), numbered('p', 1, 1)]);
    append(100, [named('x'), numbered('q', 20), numbered('q', 21), numbered('q', 30)]);
    const place = (start: number, at: number) => ({
      verdict: 'in',
      place: { segment: 0, start, end: start + BYTES, writer: 'w', atMs: AT_MS, record: at },
    });
    expect(find(window, numbered('p', 0, 1))).toEqual(place(0, 0));
    expect(find(window, numbered('p', 1, 1))).toEqual(place(0, 2));
    expect(find(window, numbered('q', 21))).toEqual(place(100, 2));
    expect(find(window, numbered('q', 30))).toEqual(place(100, 3));
    expect(find(window, numbered('q', 10))).toEqual({ verdict: 'in', place: null });
    expect(find(window, numbered('q', 22))).toEqual({ verdict: 'new' });
    expect(find(window, numbered('p', 0, 0))).toEqual({ verdict: 'fenced', epoch: 1 });
    expect(find(window, numbered('p', 3, 1))).toEqual({ verdict: 'gap', expected: 2 });
  });
});
