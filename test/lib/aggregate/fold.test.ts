import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JobFold } from '../../../lib/aggregate/fold.ts';
import {
  type Claim,
  type ClaimCommit,
  encodeRecord,
  type JobRecord,
  parseRecord,
} from '../../../lib/aggregate/records.ts';

const GROUP = 'g';
const claim = (more: Partial<Claim> = {}): Claim => ({
  type: 'claim',
  group: GROUP,
  seq: 1,
  run: 'r',
  untilMs: 10,
  atMs: 1,
  over: null,
  rebuild: false,
  ranges: [{ object: 'o', from: 0, to: 5 }],
  ...more,
});
const commit = (more: Partial<ClaimCommit> = {}): ClaimCommit => ({
  type: 'commit',
  group: GROUP,
  seq: 1,
  run: 'r',
  records: 3,
  rows: 2,
  repeats: 1,
  hash: 2n ** 63n,
  parts: [{ key: 'p1', windowMs: 0, rows: 2, bytes: 9, crc64: 7n }],
  rollups: [],
  ...more,
});

function folded(...records: readonly JobRecord[]) {
  const fold = JobFold.empty();
  fold.apply({ type: 'job', job: 'j', layout: '{}' });
  return { fold, valid: records.map((record) => fold.apply(record)) };
}

describe('the fold of a job', () => {
  it('takes a claim that goes on where the commits end, and no other', () => {
    const first = [claim(), commit()];
    const next = { seq: 2, ranges: [{ object: 'o', from: 5, to: 9 }] };
    expect(folded(...first, claim(next)).valid).toEqual([true, true, true]);
    for (const bad of [
      { ...next, seq: 1 },
      { ...next, seq: 3 },
      { ...next, over: 'r' },
      { ...next, ranges: [{ object: 'o', from: 4, to: 9 }] },
      { ...next, ranges: [{ object: 'o', from: 6, to: 9 }] },
      { ...next, ranges: [...next.ranges, ...next.ranges] },
      { ...next, ranges: [{ object: 'other', from: 5, to: 9 }] },
    ])
      expect(folded(...first, claim(bad)).valid).toEqual([true, true, false]);
  });

  it('has one claim of a group open, which one run at a time may take over as it is', () => {
    const over = claim({ run: 's', over: 'r', untilMs: 99 });
    const { fold, valid } = folded(
      claim(),
      claim({ run: 'x' }),
      claim({ seq: 2, ranges: [{ object: 'p', from: 0, to: 1 }] }),
      over,
      claim({ run: 't', over: 'r' }),
      claim({ run: 't', over: 's', ranges: [{ object: 'o', from: 0, to: 6 }] }),
      claim({ run: 't', over: 's', rebuild: true }),
    );
    expect(valid).toEqual([true, false, false, true, false, false, false]);
    expect(fold.group(GROUP).open).toEqual(over);
  });

  it('takes one commit of a claim, whose run it may be', () => {
    const { fold, valid } = folded(commit(), claim(), commit({ seq: 2 }), commit({ run: 'other' }), commit());
    expect(valid).toEqual([false, true, false, true, false]);
    expect(fold.group(GROUP)).toMatchObject({ seq: 1, open: null, records: 3, rows: 2, repeats: 1 });
    expect([...fold.group(GROUP).ends]).toEqual([['o', 5]]);
  });

  it('adds hashes modulo 2⁶⁴', () => {
    const { fold } = folded(
      claim(),
      commit(),
      claim({ seq: 2, ranges: [{ object: 'o', from: 5, to: 9 }] }),
      commit({ seq: 2 }),
    );
    expect(fold.group(GROUP)).toMatchObject({ records: 6, hash: 0n });
    expect(fold.group(GROUP).parts.length).toBe(2);
  });

  it('lets a run give its own claim up, and no other', () => {
    const release = { type: 'release', group: GROUP, seq: 1, run: 'r' } as const;
    expect(folded(claim(), { ...release, run: 's' }, { ...release, seq: 2 }).valid).toEqual([
      true,
      false,
      false,
    ]);
    const { fold } = folded(claim(), release);
    expect(fold.group(GROUP).open?.untilMs).toBe(0);
  });

  it('forgets with a rebuild what was before it, once that is committed', () => {
    const rebuild = claim({ seq: 2, rebuild: true, ranges: [{ object: 'o', from: 0, to: 3 }] });
    const { fold, valid } = folded(
      claim(),
      commit(),
      claim({ ...rebuild, ranges: [{ object: 'o', from: 5, to: 9 }] }),
      rebuild,
    );
    expect(valid).toEqual([true, true, false, true]);
    expect(fold.group(GROUP).parts.length).toBe(1);
    const part = { key: 'p2', windowMs: 0, rows: 1, bytes: 3, crc64: null };
    fold.apply(commit({ seq: 2, records: 1, rows: 1, repeats: 0, hash: 5n, parts: [part] }));
    expect(fold.group(GROUP)).toMatchObject({
      seq: 2,
      records: 1,
      rows: 1,
      repeats: 0,
      hash: 5n,
      parts: [part],
    });
    expect([...fold.group(GROUP).ends]).toEqual([['o', 3]]);
  });

  it('keeps of each window the last file of a rollup, through a rebuild', () => {
    const file = (key: string, windowMs: number) => ({ key, windowMs, rows: 1, bytes: 3, crc64: null });
    const { fold } = folded(
      claim(),
      commit({ rollups: [file('a1', 0), file('b1', 60_000), file('c1', 120_000)] }),
      claim({ seq: 2, ranges: [{ object: 'o', from: 5, to: 9 }] }),
      commit({ seq: 2, rollups: [file('b2', 60_000)] }),
      claim({ seq: 3, rebuild: true }),
      commit({ seq: 3, rollups: [file('a3', 0)] }),
    );
    expect(fold.group(GROUP).rollups.map(({ key }) => key)).toEqual(['a3', 'b2', 'c1']);
  });

  it('lets objects be retired that are committed whole, and no rebuild after that', () => {
    const retired = { type: 'retired', group: GROUP, objects: [{ object: 'o', length: 5 }] } as const;
    const rebuild = claim({ seq: 2, rebuild: true });
    expect(
      folded(claim(), retired, commit(), { ...retired, objects: [{ object: 'o', length: 6 }] }).valid,
    ).toEqual([true, false, true, false]);
    const { fold, valid } = folded(claim(), commit(), retired, retired, rebuild);
    expect(valid).toEqual([true, true, true, true, false]);
    expect(fold.group(GROUP).retired).toEqual(['o']);
    expect(folded(claim(), commit(), rebuild).valid).toEqual([true, true, true]);
  });

  it('is void before its first record, and has one', () => {
    const fold = JobFold.empty();
    expect(fold.apply(claim())).toBe(false);
    expect(fold.apply({ type: 'job', job: 'j', layout: 'a' })).toBe(true);
    expect(fold.apply({ type: 'job', job: 'j', layout: 'b' })).toBe(false);
    expect(fold.layout).toBe('a');
  });
});

const range = fc.record({
  object: fc.constantFrom('o', 'p', 'q'),
  from: fc.integer({ min: 0, max: 4 }),
  to: fc.integer({ min: 1, max: 6 }),
});
const run = fc.constantFrom('r', 's');
const seq = fc.integer({ min: 1, max: 4 });
const rollups = fc
  .subarray([0, 1, 2])
  .map((windows) =>
    windows.map((windowMs) => ({ key: `f${windowMs}`, windowMs, rows: 1, bytes: 2, crc64: 3n })),
  );
const record: fc.Arbitrary<JobRecord> = fc.oneof(
  { weight: 1, arbitrary: fc.constant<JobRecord>({ type: 'job', job: 'j', layout: '{"a":1}' }) },
  {
    weight: 6,
    arbitrary: fc
      .record({
        seq,
        run,
        over: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: run }),
        rebuild: fc.boolean(),
        ranges: fc.array(
          range.filter(({ from, to }) => from < to),
          { minLength: 1, maxLength: 2 },
        ),
      })
      .map(claim),
  },
  { weight: 5, arbitrary: fc.record({ seq, run, rollups }).map(commit) },
  {
    weight: 1,
    arbitrary: fc.record({ seq, run }).map((one): JobRecord => ({ type: 'release', group: GROUP, ...one })),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ object: fc.constantFrom('o', 'p'), length: fc.integer({ min: 1, max: 6 }) })
      .map((object): JobRecord => ({ type: 'retired', group: GROUP, objects: [object] })),
  },
);

describe('the records of a job', () => {
  it('tell of no files of a rollup where they are of before there were any', () => {
    const { rollups, ...before } = commit();
    const line = JSON.stringify({ v: 1, ...before, state: null }, (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    expect(parseRecord(line)?.record).toEqual({ ...before, rollups });
  });

  it('come back from a line as they were, and from a state as all before it', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 25 }), fc.nat(25), (records, cut) => {
        const whole = JobFold.empty();
        let short = JobFold.empty();
        for (const [at, one] of records.entries()) {
          if (at === cut) {
            const line = encodeRecord(short.snapshot(), null);
            const parsed = parseRecord(line)?.record;
            if (parsed?.type !== 'state') throw new Error(`not a state: ${line}`);
            short = JobFold.restored(parsed);
          }
          const place = { segment: at, position: 7 };
          const parsed = parseRecord(encodeRecord(one, place));
          expect(parsed).toEqual({ record: one, state: place });
          expect(short.apply(one)).toBe(whole.apply(one));
        }
        expect(short.snapshot()).toEqual(whole.snapshot());
      }),
      { numRuns: 500 },
    );
  });

  it('never cover a byte of an object in two claims, nor leave one out between them', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 60 }), (records) => {
        const fold = JobFold.empty();
        fold.apply({ type: 'job', job: 'j', layout: '' });
        const covered = new Map<string, number>();
        for (const one of records) {
          const { open } = fold.group(GROUP);
          if (!fold.apply(one) || one.type !== 'commit' || open === null) continue;
          if (open.rebuild) covered.clear();
          for (const { object, from, to } of open.ranges) {
            expect(from).toBe(covered.get(object) ?? 0);
            covered.set(object, to);
          }
        }
        expect([...fold.group(GROUP).ends].sort()).toEqual([...covered].sort());
      }),
      { numRuns: 500 },
    );
  });

  it('are void if they are anything else', () => {
    const good = encodeRecord(claim(), null);
    expect(parseRecord(good)).not.toBeNull();
    for (const [text, by] of [
      ['"v":1', '"v":2'],
      ['"claim"', '"clam"'],
      ['"seq":1', '"seq":-1'],
      ['"seq":1', '"seq":"1"'],
      ['"to":5', '"to":0'],
      ['"state":null', '"state":[1]'],
      ['"over":null', '"over":1'],
      ['"ranges":[{', '"ranges":[],"x":[{'],
    ] as const)
      expect(parseRecord(good.replace(text, by)), by).toBeNull();
    for (const text of ['', 'null', '[]', '{}', '"claim"', '{"v":1']) expect(parseRecord(text)).toBeNull();
    expect(() => fc.assert(fc.property(fc.json(), (json) => parseRecord(json) === null))).not.toThrow();
  });
});
