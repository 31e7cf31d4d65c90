import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc64 } from '../../../lib/append/crc64.ts';
import { encodeAppend } from '../../../lib/append/encode.ts';
import { LogFold } from '../../../lib/append/fold.ts';
import { jsonLine } from '../../../lib/append/record.ts';
import { type LogRecord, position } from '../../../lib/append/types.ts';
import { readLog } from './reference.ts';

const record = (id: number | string, json = `{"id":${JSON.stringify(id)}}`): LogRecord => ({
  line: jsonLine(json),
  id: String(id),
  source: 'test',
  timeMs: 1_700_000_000_000,
});

const fresh = (windowBytes = 1e9) => new LogFold(position(0), { windowBytes, crc64: 0n });

const encode = (records: LogRecord[], fold: LogFold) =>
  encodeAppend(records, {
    start: fold.end,
    endsLine: fold.endsLine,
    atMs: 1_700_000_000_500,
    writer: 'w',
    turn: { slot: 0, slotMs: 32 },
  });

/** A log made of appends of our own (numbers: how many records) and of foreign bytes (strings). */
const parts = fc.array(
  fc.oneof(
    fc.integer({ min: 1, max: 4 }),
    fc.constantFrom(
      '\n',
      'torn',
      '{"order":1}\n',
      '{"$commit":{"v":1}}\n',
      '{"$commit":',
      '\n\n{"$commit":{}}',
    ),
  ),
  { maxLength: 12 },
);

function build(content: readonly (number | string)[], windowBytes?: number) {
  const warm = fresh(windowBytes);
  const pieces: Uint8Array[] = [];
  let next = 0;
  for (const part of content) {
    if (typeof part === 'string') {
      const bytes = Buffer.from(part);
      pieces.push(bytes);
      warm.push(bytes);
      continue;
    }
    const append = encode(
      Array.from({ length: part }, () => record(next++)),
      warm,
    );
    pieces.push(append.body);
    warm.committed(append);
  }
  return { object: Buffer.concat(pieces), warm, records: next };
}

describe('a fold', () => {
  it('finds every committed record where the reference reader finds it, wherever the bytes are cut', () => {
    fc.assert(
      fc.property(parts, fc.array(fc.nat(3000), { maxLength: 6 }), (content, cuts) => {
        const { object } = build(content);
        const fold = fresh();
        let at = 0;
        for (const cut of [...cuts.filter((c) => c < object.length).sort((a, b) => a - b), object.length]) {
          fold.push(object.subarray(at, cut));
          at = cut;
        }
        expect(fold.end).toBe(object.length);
        expect(fold.agreesWith(crc64(object))).toBe(true);
        for (const commit of readLog(object)) {
          commit.records.forEach(({ source, id }, line) => {
            const { start, end, writer } = commit;
            expect(fold.find(source, id)).toEqual({ start, end, writer, record: line });
          });
        }
      }),
    );
  });

  it('knows all records of its own appends among foreign bytes', () => {
    fc.assert(
      fc.property(parts, (content) => {
        const { object, records } = build(content);
        const found = readLog(object).flatMap((commit) => commit.records.map(({ id }) => id));
        expect(found).toEqual(Array.from({ length: records }, (_, id) => String(id)));
      }),
    );
  });

  it('knows the same cold as warm', () => {
    fc.assert(
      fc.property(parts, fc.integer({ min: 300, max: 2000 }), (content, windowBytes) => {
        const { object, warm, records } = build(content, windowBytes);
        const start = Math.max(0, object.length - windowBytes - 1);
        const cold = new LogFold(position(start), { windowBytes, crc64: start === 0 ? 0n : null });
        cold.push(object.subarray(start));
        for (let id = 0; id < records; id++)
          expect(cold.find('test', String(id))).toEqual(warm.find('test', String(id)));
        expect(cold.end).toBe(warm.end);
        expect(cold.endsLine).toBe(warm.endsLine);
      }),
      { numRuns: 500 },
    );
  });

  it('takes the last commit even if its data began before the tail', () => {
    const { object } = build([3, 4]);
    const commit = readLog(object).at(-1);
    const start = (commit?.lineStart ?? 0) - 5;
    const cold = new LogFold(position(start), { windowBytes: 1e6, crc64: null });
    cold.push(object.subarray(start));
    expect(cold.find('test', '6')).toMatchObject({ start: commit?.start, record: 3 });
  });

  it.each([
    ['another count', /"records":2/, '"records":3'],
    ['another checksum', /"crc64":"\d/, '"crc64":"0'],
    ['another start', /"start":0/, '"start":5'],
    ['an unknown version', /"v":1/, '"v":9'],
  ])('passes over a commit line with %s', (_, from, to) => {
    const fold = fresh();
    const { body } = encode([record('a'), record('b')], fold);
    fold.push(Buffer.from(Buffer.from(body).toString('utf8').replace(from, to)));
    expect(fold.find('test', 'a')).toBeUndefined();
    expect(fold.end).toBeGreaterThan(0);
  });

  it('passes over a commit whose data was changed', () => {
    const fold = fresh();
    const { body } = encode([record('a')], fold);
    fold.push(Buffer.from(Buffer.from(body).toString('utf8').replace('{"id":"a"}', '{"id":"b"}')));
    expect(fold.find('test', 'a')).toBeUndefined();
  });

  it('keeps sources apart', () => {
    const { warm } = build([1]);
    expect(warm.find('test', '0')).toBeDefined();
    expect(warm.find('other', '0')).toBeUndefined();
  });

  it('says that an append has to begin with a line end after bytes that lack one', () => {
    const fold = fresh();
    fold.push(Buffer.from('torn'));
    expect(fold.endsLine).toBe(false);
    const append = encode([record('a')], fold);
    expect(append.body[0]).toBe(10);
    fold.push(append.body);
    expect(fold.find('test', 'a')).toMatchObject({ start: 4, record: 0 });
  });
});
