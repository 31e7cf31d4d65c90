import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCheckpointLine } from '../../../lib/append/checkpoint.ts';
import { crc64 } from '../../../lib/append/crc64.ts';
import { digestOf } from '../../../lib/append/digest.ts';
import { encodeAppend } from '../../../lib/append/encode.ts';
import { type FoldLimits, LogFold } from '../../../lib/append/fold.ts';
import type { LogRecord } from '../../../lib/append/types.ts';
import { AT_MS, findIn, LIMITS, named, numbered, range } from './logs.ts';
import { readLog } from './reference.ts';

const fresh = (limits: FoldLimits = LIMITS) => LogFold.empty(limits);

const encode = (records: readonly LogRecord[], fold: LogFold, segmentBytesMax = 1e9) =>
  encodeAppend(
    records.map((record) => ({ record, digest: digestOf(record.source, record.id) })),
    {
      start: fold.end,
      endsLine: fold.endsLine,
      checkpoint: fold.checkpoint,
      segmentBytesMax,
      atMs: AT_MS,
      writer: 'w',
      turn: { roundTripMs: 20, more: 0 },
    },
    (...commit) => fold.checkpointAfter(...commit),
  );

/** A log made of appends of our own (numbers: how many records) and of foreign bytes (strings). */
const parts = fc.array(
  fc.oneof(
    fc.integer({ min: 1, max: 4 }),
    fc.constantFrom(
      '\n',
      'torn',
      '{"order":1}\n',
      '{"$commit":{"v":1}}\n',
      '{"$commit":{"v":1,"state":{}}}\n',
      '{"$commit":',
      '\n\n{"$commit":{}}',
    ),
  ),
  { maxLength: 12 },
);

function build(content: readonly (number | string)[], limits?: FoldLimits) {
  const warm = fresh(limits);
  const pieces: Uint8Array[] = [];
  let next = 0;
  for (const part of content) {
    if (typeof part === 'string') {
      const bytes = Buffer.from(part);
      pieces.push(bytes);
      warm.push(bytes);
      continue;
    }
    const from = next;
    next += part;
    const records = range(from, next).map((n) => (n % 3 === 2 ? numbered('n', n) : named(`${n}`)));
    const append = encode(records, warm);
    pieces.push(append.body);
    warm.committed(append);
  }
  return { object: Buffer.concat(pieces), warm, records: next };
}

/** With a checkpoint in almost every append, or in none. */
const coldBytesMax = fc.constantFrom(1, 600, 1e6);

describe('a fold', () => {
  it('takes a commit whose claim makes no sense, and no claim from it', () => {
    const { object } = build([1], LIMITS);
    const odd = Buffer.from(object.toString().replace('"more":0', '"more":-1'));
    const fold = fresh();
    fold.push(odd);
    expect(fold.activity).toEqual([]);
    const known = readLog(odd).flatMap(({ records }) => records);
    expect(known.length).toBeGreaterThan(0);
    for (const { source, id } of known)
      expect(findIn(fold, source === 'n' ? numbered('n', Number(id)) : named(id)).verdict).toBe('in');
  });

  it('finds every committed record where the reference reader finds it, wherever the bytes are cut', () => {
    fc.assert(
      fc.property(parts, coldBytesMax, fc.array(fc.nat(3000), { maxLength: 6 }), (content, most, cuts) => {
        const { object, warm } = build(content, { ...LIMITS, coldBytesMax: most });
        const fold = fresh();
        let at = 0;
        for (const cut of [...cuts.filter((c) => c < object.length).sort((a, b) => a - b), object.length]) {
          fold.push(object.subarray(at, cut));
          at = cut;
        }
        expect(fold.end).toBe(object.length);
        expect(fold.agreesWith(crc64(object))).toBe(true);
        expect([fold.checkpoint, fold.endsLine]).toEqual([warm.checkpoint, warm.endsLine]);
        const commits = readLog(object);
        for (const { records, start, end, writer, atMs } of commits) {
          records.forEach(({ source, id }, record) => {
            const found = findIn(fold, source === 'n' ? numbered('n', Number(id)) : named(id));
            // Of numbers, those of the last commit have a place.
            const last = commits.findLast((commit) => commit.records.some((other) => other.source === 'n'));
            const place =
              source === 'n' && last?.start !== start
                ? null
                : { segment: 0, start, end, writer, atMs, record };
            expect(found).toEqual({ verdict: 'in', place });
          });
        }
      }),
    );
  });

  it('knows all records of its own appends among foreign bytes', () => {
    fc.assert(
      fc.property(parts, coldBytesMax, (content, most) => {
        const { object, records } = build(content, { ...LIMITS, coldBytesMax: most });
        const found = readLog(object).flatMap((commit) => commit.records.map(({ id }) => id));
        expect(found).toEqual(range(0, records).map(String));
      }),
    );
  });

  it.each([
    ['another count', /"records":2/, '"records":3'],
    ['another checksum', /"crc64":"\d/, '"crc64":"0'],
    ['another start', /"start":0/, '"start":5'],
    ['an unknown version', /"v":1/, '"v":9'],
    ['a pointer that is none', /"checkpoint":0/, '"checkpoint":-1'],
    ['an end that is neither', /"checkpoint":0/, '"closes":"yes","checkpoint":0'],
  ])('passes over a commit line with %s', (_, from, to) => {
    const fold = fresh();
    const text = Buffer.from(encode([named('a'), named('b')], fold).body).toString('utf8');
    expect(text).toMatch(from);
    fold.push(Buffer.from(text.replace(from, to)));
    expect(findIn(fold, named('a')).verdict).toBe('new');
    expect(fold.end).toBeGreaterThan(0);
  });

  it('passes over a commit whose data was changed', () => {
    const fold = fresh();
    const { body } = encode([named('a')], fold);
    fold.push(Buffer.from(Buffer.from(body).toString('utf8').replace('{"id":"a"}', '{"id":"b"}')));
    expect(findIn(fold, named('a')).verdict).toBe('new');
  });

  it('keeps sources apart', () => {
    const { warm } = build([1]);
    expect(findIn(warm, named('0')).verdict).toBe('in');
    expect(findIn(warm, named('0', 'other')).verdict).toBe('new');
    expect(findIn(warm, numbered('s', 0)).verdict).toBe('new');
  });

  it('says that an append has to begin with a line end after bytes that lack one', () => {
    const fold = fresh();
    fold.push(Buffer.from('torn'));
    expect(fold.endsLine).toBe(false);
    const append = encode([named('a')], fold);
    expect(append.body[0]).toBe(10);
    fold.push(append.body);
    expect(findIn(fold, named('a'))).toMatchObject({ verdict: 'in', place: { start: 4, record: 0 } });
  });

  it('is closed by the append that makes the segment as long as it may be, and by none before', () => {
    const fold = fresh();
    const { length } = encode([named('a')], fold).body;
    const notYet = encode([named('a')], fold, length + 1);
    expect(notYet.commit.closes).toBe(false);
    const closing = encode([named('a')], fold, length);
    expect(closing.commit.closes).toBe(true);
    for (const [append, closes] of [
      [notYet, false],
      [closing, true],
    ] as const) {
      const [pushed, committed] = [fresh(), fresh()];
      pushed.push(append.body);
      committed.committed(append);
      expect([pushed.closed, committed.closed]).toEqual([closes, closes]);
      expect(readLog(append.body)[0]?.closes).toBe(closes);
    }
  });

  it('goes on in the next segment with what it knows, and begins it with a checkpoint', () => {
    const { warm } = build([2]);
    const place = findIn(warm, named('0'));
    const next = warm.next();
    expect([next.segment, next.end, next.endsLine, next.closed]).toEqual([1, 0, true, false]);
    expect(findIn(next, named('0'))).toEqual(place);
    const append = encode([named('x')], next);
    const [, line] = Buffer.from(append.body)
      .toString('utf8')
      .trimEnd()
      .split(/\n(?=.*"state")/);
    const checkpoint = parseCheckpointLine(line ?? '');
    expect(checkpoint).toMatchObject({ segment: 1, position: append.body.length - append.checkpointBytes });
    next.committed(append);
    expect(encode([named('y')], next).checkpointBytes).toBe(0);
  });
});

describe('a checkpoint line', () => {
  const limits = { ...LIMITS, coldBytesMax: 600 };
  const { object, warm, records } = build([2, 2, 2, 2, 2, 2, 2], limits);
  const start = warm.checkpoint;
  const lineEnd = object.indexOf(10, start) + 1;
  const line = object.subarray(start, lineEnd);

  it('stands for all that is before it', () => {
    const parsed = parseCheckpointLine(line.toString('utf8').trimEnd());
    if (parsed === null) throw new Error('the fold points at no checkpoint');
    const fold = LogFold.restored(limits, parsed);
    fold.push(object.subarray(start));
    expect(fold.agreesWith(crc64(object))).toBe(true);
    expect([fold.end, fold.checkpoint]).toEqual([warm.end, start]);
    for (const n of range(0, records))
      for (const record of [named(`${n}`), numbered('n', n)])
        expect(findIn(fold, record).verdict).toBe(findIn(warm, record).verdict);
  });

  it('counts only where it says that it is, and in its own segment', () => {
    const earlier = object.indexOf('{"$commit":{"v":1,"state"');
    expect(earlier).toBeLessThan(start);
    const copied = fresh(limits);
    copied.push(object);
    copied.push(object.subarray(earlier, object.indexOf(10, earlier) + 1));
    expect(copied.checkpoint).toBe(start);
    const elsewhere = build([1], limits).warm.next();
    elsewhere.push(object);
    expect(elsewhere.checkpoint).toBe(0);
  });

  it.each([1, 2000])('is due once there is more to read than %s bytes and twice the last one', (most) => {
    const fold = fresh({ ...LIMITS, coldBytesMax: most });
    let lastBytes = 0;
    for (const n of range(0, 60)) {
      const append = encode([named(`${n}`)], fold);
      const toRead = fold.end + append.body.length - append.checkpointBytes - fold.checkpoint;
      expect(append.checkpointBytes > 0).toBe(toRead > Math.max(most, 2 * lastBytes));
      fold.committed(append);
      lastBytes = append.checkpointBytes || lastBytes;
    }
    expect(lastBytes).toBeGreaterThan(0);
  });
});
