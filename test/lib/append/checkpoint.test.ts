import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Checkpoint,
  checkpointLine,
  looksLikeCheckpoint,
  parseCheckpointLine,
  pointers,
} from '../../../lib/append/checkpoint.ts';
import { COMMIT_PREFIX, parseCommitLine } from '../../../lib/append/commit.ts';
import { digestOf } from '../../../lib/append/digest.ts';
import { LogFold } from '../../../lib/append/fold.ts';
import { position } from '../../../lib/append/types.ts';
import type { Run } from '../../../lib/append/window.ts';
import { AT_MS, LIMITS, numbered, range } from './logs.ts';

const large = fc.oneof(fc.nat(1000), fc.nat(2 ** 51));
const digest = fc
  .uint8Array({ minLength: 12, maxLength: 12 })
  .map((bytes) => Buffer.from(bytes).toString('latin1'));
const run = fc
  .record({
    segment: fc.oneof(fc.nat(3), fc.nat(99_999)),
    start: large,
    length: large,
    atMs: fc.oneof(fc.integer({ min: AT_MS - 1000, max: AT_MS + 1000 }), fc.integer()),
    firstRecord: fc.nat(10_000),
    digests: fc.array(digest, { maxLength: 4 }),
  })
  .map(
    ({ start, length, ...rest }): Run => ({
      ...rest,
      start: position(start),
      end: position(start + length),
      writer: '',
    }),
  );
const ranges = fc
  .uniqueArray(fc.oneof(fc.nat(100), fc.maxSafeNat()), { minLength: 2, maxLength: 8 })
  .map((ends) => ends.toSorted((a, b) => a - b).slice(ends.length % 2));
const checkpoint: fc.Arbitrary<Checkpoint> = fc.record({
  position: fc.maxSafeNat(),
  segment: fc.nat(99_999),
  crc64: fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
  closes: fc.boolean(),
  entombed: fc.boolean(),
  activity: fc.array(
    fc.record({
      writer: fc.string({ unit: 'grapheme' }),
      atMs: fc.integer(),
      turn: fc.record({ roundTripMs: fc.nat().map((tenths) => tenths / 10), more: fc.nat() }),
    }),
    { maxLength: 4 },
  ),
  window: fc.record({
    runs: fc.array(run, { maxLength: 12 }),
    numbers: fc.uniqueArray(
      fc.record({ source: fc.string({ unit: 'grapheme' }), epoch: fc.option(fc.maxSafeNat()), ranges }),
      { maxLength: 4, selector: ({ source }) => source },
    ),
    latestMs: fc.oneof(fc.constant(Number.NEGATIVE_INFINITY), fc.integer()),
  }),
});

const EXAMPLE: Checkpoint = {
  position: 1234,
  segment: 1,
  crc64: 77n,
  closes: false,
  entombed: false,
  activity: [{ writer: 'w', atMs: AT_MS, turn: { roundTripMs: 20.5, more: 1 } }],
  window: {
    runs: [
      {
        segment: 1,
        start: position(10),
        end: position(20),
        atMs: AT_MS,
        writer: '',
        firstRecord: 0,
        digests: [digestOf('s', 'a')],
      },
    ],
    numbers: [{ source: 'q', epoch: 2, ranges: [1, 4, 7, 7] }],
    latestMs: AT_MS,
  },
};

describe('a checkpoint line', () => {
  it('says all that it was made of', () => {
    fc.assert(
      fc.property(checkpoint, (made) => {
        const line = checkpointLine(made);
        expect(line).not.toContain('\n');
        expect(parseCheckpointLine(line)).toEqual(made);
        expect(parseCommitLine(line)).toBeNull();
        expect([...pointers(Buffer.from(`${line}\n`))]).toEqual([
          { checkpoint: made.position, closes: made.closes },
        ]);
      }),
      { numRuns: 500 },
    );
  });

  it('of a log of which nothing is remembered says so', () => {
    const window = { runs: [], numbers: [], latestMs: Number.NEGATIVE_INFINITY };
    const nothing = {
      position: 1,
      segment: 0,
      crc64: null,
      closes: false,
      entombed: false,
      activity: [],
      window,
    };
    expect(parseCheckpointLine(checkpointLine(nothing))).toEqual(nothing);
  });

  it.each([
    ['cut off', /.$/, ''],
    ['of an unknown version', /"v":1/, '"v":2'],
    ['without a state', /"state":\{/, '"state":[],"x":{'],
    ['at a position that is none', /"checkpoint":1234/, '"checkpoint":-1'],
    ['of a segment that is none', /"segment":1/, '"segment":1.5'],
    ['with a checksum that is none', /"crc64":"77"/, '"crc64":"x"'],
    ['with a checksum that is a number', /"crc64":"77"/, '"crc64":77'],
    ['with a time that is none', /"at":"[^"]*"/, '"at":"noon"'],
    ['with a time that is a number', /"at":"[^"]*"/, '"at":5'],
    ['with a turn too short', /\["w",\d+,20.5,1\]/, '["w",1,1]'],
    ['with a turn that is none', /\["w",\d+,20.5,1\]/, '["w",1,-1,1]'],
    ['with turns that are none', /"turns":\[\[.*?\]\]/, '"turns":{}'],
    ['with half a range', /\[1,4,7,7\]/, '[1,4,7]'],
    ['with ranges that go down', /\[1,4,7,7\]/, '[7,7,1,4]'],
    ['with ranges below 0', /\[1,4,7,7\]/, '[-1,4]'],
    ['with an epoch that is none', /\["q",2,/, '["q","2",'],
    ['with a source twice', /\["q",2,\[1,4,7,7\]\]/, '["q",2,[1,4]],["q",2,[1,4]]'],
    ['with a run too short', /"runs":"[^"]*"/, '"runs":"AAAA"'],
    ['with fewer digests than records', /"digests":"[^"]*"/, '"digests":""'],
    ['with more digests than records', /"digests":"/, '"digests":"AAAAAAAAAAAAAAAA'],
    ['with digests that are none', /"digests":"[^"]*"/, '"digests":[]'],
    ['with an end that is neither', /"checkpoint":1234/, '"closes":1,"checkpoint":1234'],
  ])('%s is none', (_, from, to) => {
    const line = checkpointLine(EXAMPLE);
    expect(parseCheckpointLine(line)).toEqual(EXAMPLE);
    expect(line).toMatch(from);
    expect(parseCheckpointLine(line.replace(from, to))).toBeNull();
  });

  /** Whatever is taken for a checkpoint has to be good to go on from. */
  const expectUsable = (line: string) => {
    const parsed = parseCheckpointLine(line);
    if (parsed === null) return;
    const { runs } = parsed.window;
    expect(runs.flatMap(({ atMs, end }) => [atMs, end]).every(Number.isSafeInteger)).toBe(true);
    const limits = { ...LIMITS, dedupe: { records: 1, ageMs: null } };
    const fold = LogFold.restored(limits, parsed);
    const record = numbered('q', 5, 2);
    fold.find(record, digestOf(record.source, record.id));
  };

  it('that was damaged anywhere is none, or one that can be gone on from', () => {
    fc.assert(
      fc.property(
        checkpoint,
        fc.array(fc.tuple(fc.nat(), fc.constantFrom('', '0', '9', '"', ']', '-', 'A', '\ufffd')), {
          minLength: 1,
          maxLength: 3,
        }),
        (made, damages) => {
          let line = checkpointLine(made);
          for (const [at, by] of damages) {
            const place = at % line.length;
            line = line.slice(0, place) + by + line.slice(place + 1);
          }
          expectUsable(line);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('with any numbers for its runs is none, or one that can be gone on from', () => {
    const big = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
    const varint = fc.constantFrom([0], [1], [2], [24], big, [0xff, ...big], [...Buffer.alloc(160, 0x80), 1]);
    const oneRun = fc.array(varint, { minLength: 5, maxLength: 5 }).map((fields) => [...fields, [0]].flat());
    const bytes = fc.oneof(
      fc.array(oneRun, { maxLength: 3 }).map((fields) => fields.flat()),
      fc.uint8Array(),
    );
    fc.assert(
      fc.property(bytes, (runs) => {
        const line = checkpointLine(EXAMPLE)
          .replace(/"runs":"[^"]*"/, `"runs":"${Buffer.from(runs).toString('base64')}"`)
          .replace(/"digests":"[^"]*"/, '"digests":""');
        expectUsable(line);
      }),
      { numRuns: 2000 },
    );
  });

  it('is looked for by how it begins', () => {
    const line = checkpointLine(EXAMPLE);
    expect(looksLikeCheckpoint(line)).toBe(true);
    expect(looksLikeCheckpoint(line.replace('"state"', '"start"'))).toBe(false);
    expect(parseCheckpointLine(` ${line}`)).toBeNull();
  });

  const window = (commits: number, records: number) => ({
    ...EXAMPLE.window,
    runs: range(0, commits).map(
      (n): Run => ({
        segment: 3,
        start: position(900_000_000 + n * 700),
        end: position(900_000_000 + (n + 1) * 700 - (n % 50)),
        atMs: AT_MS + n * 25 - (n % 7),
        writer: '',
        firstRecord: 0,
        digests: range(0, records).map((m) => digestOf('s', `${n}/${m}`)),
      }),
    ),
  });

  it.each([
    [512, 16_000, 1],
    [300, 16, 1000],
  ])('takes less than %s KiB for %s commits of %s records', (kib, commits, records) => {
    const line = checkpointLine({ ...EXAMPLE, window: window(commits, records) });
    expect(line.length).toBeLessThan(kib * 1024);
    expect(parseCheckpointLine(line)?.window.runs).toHaveLength(commits);
  });
});

describe('the pointer at the end of a line', () => {
  const found = (text: string) => [...pointers(Buffer.from(text))];

  it('is found from the last line on, in whole lines only', () => {
    const lines = [
      '{"a":1}',
      '…"checkpoint":5}}',
      'text',
      '…"closes":true,"checkpoint":70}}',
      'torn"checkpoint":9}}',
    ];
    expect(found(lines.join('\n'))).toEqual([
      { checkpoint: 70, closes: true },
      { checkpoint: 5, closes: false },
    ]);
  });

  it.each([
    'x"checkpoint":}}\n',
    'x"checkpoint":-1}}\n',
    'x"checkpoint":1.5}}\n',
    'x"checkpoint":9999999999999999}}\n',
    'x"checkpoint":1}} \n',
    'x"checkpoint":1}}\r\n',
    'checkpoint":1}}\n',
    '\n\n',
    '',
  ])('is none in %j', (text) => {
    expect(found(text)).toEqual([]);
  });

  it('ends every line of ours', () => {
    expect(checkpointLine(EXAMPLE).startsWith(COMMIT_PREFIX)).toBe(true);
    expect(checkpointLine(EXAMPLE)).toMatch(/"checkpoint":1234\}\}$/);
    expect(checkpointLine({ ...EXAMPLE, closes: true })).toMatch(/"closes":true,"checkpoint":1234\}\}$/);
  });
});
