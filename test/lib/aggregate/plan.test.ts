import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GroupState } from '../../../lib/aggregate/fold.ts';
import { JobFold } from '../../../lib/aggregate/fold.ts';
import { isPart, partKey } from '../../../lib/aggregate/output.ts';
import {
  affordableBytes,
  bytesOf,
  claimable,
  groupsOf,
  isDue,
  type ListedObject,
  type SourceRange,
  sourceProblem,
  type Timing,
  uncovered,
} from '../../../lib/aggregate/plan.ts';
import { sourceLayout } from '../../../lib/aggregate/source.ts';
import { parseTime, SPANS, spanEnd, spanStart, timeText } from '../../../lib/aggregate/time.ts';
import { parseTemplate } from '../../../lib/key-template.ts';

const T20 = Date.UTC(2026, 10, 22, 20);
const HOUR_MS = 3_600_000;
const layout = sourceLayout(
  parseTemplate('in/{time:yyyy/MM/dd/HH}/{lane}.ndjson', { segmented: true }),
  'hour',
);
const object = (key: string, length: number, type = 'Appendable'): ListedObject => ({ key, length, type });
const state = (more: Partial<GroupState> = {}): GroupState => ({ ...JobFold.empty().group('g'), ...more });

describe('what is there of a source', () => {
  it('is in groups, by log and segment, without what is none of it', () => {
    const { sources, strays } = groupsOf(layout, [
      object('in/2026/11/22/20/1~00010.ndjson', 1),
      object('in/2026/11/22/20/1~00002.ndjson', 1),
      object('in/2026/11/22/20/1.ndjson', 1),
      object('in/2026/11/22/21/0.ndjson', 1),
      object('in/2026/11/22/20/0.ndjson', 1),
      object('in/notes.txt', 1),
    ]);
    expect(strays).toEqual(['in/notes.txt']);
    expect([...sources.keys()]).toEqual(['2026-11-22T20:00Z', '2026-11-22T21:00Z']);
    expect(
      sources.get('2026-11-22T20:00Z')?.objects.map(({ key }) => key.slice('in/2026/11/22/20/'.length)),
    ).toEqual(['0.ndjson', '1.ndjson', '1~00002.ndjson', '1~00010.ndjson']);
  });

  it('is uncovered from where the commits end, if it is a log', () => {
    const [a, b, c] = ['0', '1', '2'].map((lane) => `in/2026/11/22/20/${lane}.ndjson`) as [
      string,
      string,
      string,
    ];
    const { sources } = groupsOf(layout, [object(a, 9), object(b, 5), object(c, 7, 'Normal')]);
    const source = sources.get('2026-11-22T20:00Z');
    if (source === undefined) throw new Error('no group');
    const ends = new Map([
      [a, 4],
      [b, 5],
    ]);
    expect(uncovered(source, { ends })).toEqual([
      { object: a, from: 4, to: 9, family: 'in/2026/11/22/20/*.ndjson' },
    ]);
    expect(sourceProblem(source, { ends, retired: [] })).toBeNull();
    // A tombstone may be shorter than what it stands for.
    expect(sourceProblem(source, { ends: new Map([[c, 99]]), retired: [c] })).toBeNull();
    const replaced = (key: string, to: number) =>
      sourceProblem(source, { ends: new Map([[key, to]]), retired: [] });
    expect(replaced(c, 99)?.message).toMatch(/type Normal/);
    expect(replaced(a, 10)?.message).toMatch(/9 bytes, and 10/);
  });
});

describe('a group is due', () => {
  const source = groupsOf(layout, [object('in/2026/11/22/20/0.ndjson', 9)]).sources.get('2026-11-22T20:00Z');
  const timing: Omit<Timing, 'nowMs'> = { graceMs: 1000, window: 'hour', isWide: false, claimBytesMax: 100 };
  const due = (
    nowMs: number,
    group: Partial<GroupState> = {},
    more: Partial<typeof timing> = {},
    bytes = 9,
  ) => source !== undefined && isDue(source, state(group), bytes, { ...timing, ...more, nowMs });

  it('when it has ended, and its grace, and there is something in it', () => {
    expect(due(T20 + HOUR_MS + 999)).toBe(false);
    expect(due(T20 + HOUR_MS + 1000)).toBe(true);
    expect(due(T20 + HOUR_MS + 1000, {}, {}, 0)).toBe(false);
  });

  it('when the run that had its claim has had its time', () => {
    const open: GroupState['open'] = {
      type: 'claim',
      group: 'g',
      seq: 1,
      run: 'r',
      untilMs: 500,
      atMs: 0,
      over: null,
      rebuild: false,
      ranges: [{ object: 'o', from: 0, to: 1 }],
    };
    expect(due(499, { open })).toBe(false);
    expect(due(500, { open }, {}, 0)).toBe(true);
  });

  it('once in each window, or for a whole claim, where it is longer than a window', () => {
    const wide = { isWide: true, window: 'minute' as const };
    const claimedMs = T20 + 90_000;
    expect(due(T20 + 120_999, { claimedMs }, wide)).toBe(false);
    expect(due(T20 + 121_000, { claimedMs }, wide)).toBe(true);
    expect(due(T20 + 120_999, { claimedMs }, { ...wide, claimBytesMax: 9 })).toBe(true);
    expect(due(T20 + 121_000, { claimedMs })).toBe(false);
  });
});

describe('a claim', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 10 });

  it('has as much as it may from the first range on, and something always', () => {
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 200 }), (sizes, bytesMax) => {
        const all: SourceRange[] = sizes.map((size, n) => ({
          object: `o${n}`,
          from: 3,
          to: 3 + size,
          family: 'f',
        }));
        const { ranges, cut } = claimable(all, bytesMax);
        expect(ranges).toEqual(all.slice(0, ranges.length));
        const bytes = bytesOf(ranges);
        expect(bytes).toBeLessThanOrEqual(bytesMax);
        if (cut !== null) {
          expect(cut.range).toBe(all[ranges.length]);
          expect(bytes + cut.at - cut.range.from).toBe(bytesMax);
        } else if (ranges.length < all.length) expect(bytes).toBeGreaterThanOrEqual(bytesMax * 0.75);
        expect(ranges.length > 0 || cut !== null).toBe(true);
      }),
    );
  });

  it('is as large as the time allows by what was measured, with the parts that are read again', () => {
    const capacity = {
      leftMs: 100_000,
      bytesPerMs: 1000,
      claimMsMax: 0,
      earlierBytes: 0,
      claimBytesMax: 1e9,
    };
    expect(affordableBytes(capacity)).toBe(30_000_000);
    expect(affordableBytes({ ...capacity, earlierBytes: 10_000_000 })).toBe(20_000_000);
    expect(affordableBytes({ ...capacity, claimBytesMax: 7 })).toBe(7);
    // Too little: the first claim of a run has some, another is left to another run.
    expect(affordableBytes({ ...capacity, bytesPerMs: 1 })).toBe(4 * 1024 * 1024);
    expect(affordableBytes({ ...capacity, bytesPerMs: 1, claimMsMax: 5 })).toBe(0);
    expect(affordableBytes({ ...capacity, claimMsMax: 100_000 })).toBe(0);
    expect(affordableBytes({ ...capacity, leftMs: 0 })).toBe(0);
  });
});

describe('the key of a part', () => {
  const job = { name: 'j', output: parseTemplate('out/{time:yyyy-MM-dd}'), format: 'ndjson-gzip' as const };
  const claimed = { group: 'g', seq: 7, ranges: [{ object: 'o', from: 0, to: 9 }] };

  it('tells window and claim, and is another for every other claim and window', () => {
    const key = partKey(job, claimed, T20);
    expect(key).toMatch(/^out\/2026-11-22\/part-00007-[0-9a-f]{16}\.ndjson\.gz$/);
    expect(isPart(key)).toBe(true);
    expect(isPart('out/2026-11-22/part-1.parquet')).toBe(false);
    const others = [
      partKey({ ...job, name: 'k' }, claimed, T20),
      partKey(job, { ...claimed, group: 'h' }, T20),
      partKey(job, { ...claimed, seq: 8 }, T20),
      partKey(job, { ...claimed, ranges: [{ object: 'o', from: 0, to: 10 }] }, T20),
      // The same directory.
      partKey(job, claimed, T20 + HOUR_MS),
    ];
    expect(new Set([key, ...others]).size).toBe(6);
    expect(partKey(job, { ...claimed, ranges: [...claimed.ranges] }, T20)).toBe(key);
  });

  it('is there for windows that no key can tell', () => {
    expect(partKey(job, claimed, Date.UTC(12_026, 0))).toMatch(/^out\/9999-12-31\/part-/);
    expect(partKey(job, claimed, Date.UTC(-5, 0))).toMatch(/^out\/0000-01-01\/part-/);
  });
});

describe('spans of time', () => {
  it('begin at or before a time, end after it, and follow each other', () => {
    const time = fc.integer({ min: Date.UTC(0, 0), max: Date.UTC(9998, 0) });
    fc.assert(
      fc.property(time, fc.constantFrom(...SPANS), (timeMs, span) => {
        const start = spanStart(timeMs, span);
        const end = spanEnd(start, span);
        expect(start).toBeLessThanOrEqual(timeMs);
        expect(end).toBeGreaterThan(timeMs);
        expect(spanStart(end, span)).toBe(end);
        expect(spanStart(end - 1, span)).toBe(start);
        expect(parseTime(timeText(start))).toBe(start);
      }),
    );
  });
});
