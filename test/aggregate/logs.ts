/** Random logs, as writers make them and with what others append between (PROTOCOL.md §3). */
import fc from 'fast-check';
import type { RangeBytes } from '../../lib/aggregate/ports.ts';
import { checkpointLine } from '../../lib/append/checkpoint.ts';
import { encodeAppend } from '../../lib/append/encode.ts';
import { bytesLine, jsonLine, textLine } from '../../lib/append/record.ts';
import { type LogRecord, position } from '../../lib/append/types.ts';

/** Bytes of an object, and where appends begin and end in it. */
export interface MadeObject {
  readonly key: string;
  readonly family: string;
  readonly bytes: Buffer;
  /** 0 first, the length last. */
  readonly boundaries: readonly number[];
}

interface AppendSpec {
  readonly records: readonly LogRecord[];
  readonly atMs: number;
  /** What somebody else appends before it. */
  readonly foreign: string | null;
  readonly checkpoint: boolean;
}

export const BASE_MS = Date.UTC(2026, 10, 22, 20);
const HOUR_MS = 3_600_000;

const json = fc.oneof(
  fc.constantFrom(
    '{"n":9007199254740993}',
    '{"n":0.1000000000000000055511151231257827,"a":{"b":"deep"}}',
    '{ "n" : 1 , "s" : "a\\u0000\\ud83d\\ude00\\"" }',
    '{"n":-12,"s":"\u00e9\u6f22\ud83d\ude00\u2028"}',
    '{"s":"x","a":{"b":"y"},"k":-5}',
    '{"k":9007199254740993,"a":1}',
    '{"$commit":{"v":1}}',
    '{"$record":{"$record":1}}',
    '{"\\u0024bytes":"AP8="}',
    '{"n":"7","s":""}',
    '[1,[2],{}]',
    'null',
    '1e3',
    '""',
  ),
  // None of the members that tests have columns of: what is cast there is plain.
  fc.json().filter((text) => !/"(n|a|k|__proto__)"/.test(text)),
);
const line = fc.oneof(
  { weight: 4, arbitrary: json.map((text) => jsonLine(text)) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme' }).map(textLine) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }).map(bytesLine) },
);

/** Few names, so that they come again. */
const named = fc.record({
  source: fc.constantFrom('a', 'b', 'queue/\u00e9"\\'),
  id: fc.oneof(
    fc.integer({ min: 0, max: 12 }).map((n) => `id-${n}`),
    fc.constantFrom('\u6f22\ud83d\ude00', '"', "'"),
  ),
});
const numbered = fc
  .record({
    source: fc.constantFrom('a', 'p'),
    number: fc.oneof(fc.integer({ min: 0, max: 6 }), fc.constant(Number.MAX_SAFE_INTEGER - 1)),
    epoch: fc.constantFrom(null, 0, 1, Number.MAX_SAFE_INTEGER),
  })
  .map(({ source, number, epoch }) => ({ source, id: String(number), numbered: { number, epoch } }));
const times = fc.oneof(
  fc.integer({ min: -HOUR_MS, max: 2 * HOUR_MS }),
  fc.constantFrom(0, -1, HOUR_MS, -BASE_MS, -BASE_MS - 1),
);
const record: fc.Arbitrary<LogRecord> = fc
  .tuple(fc.oneof({ weight: 3, arbitrary: named }, { weight: 1, arbitrary: numbered }), line, times)
  .map(([names, of, ms]) => ({ ...names, line: of, timeMs: BASE_MS + ms }));

const foreign = fc.oneof(
  { weight: 5, arbitrary: fc.constant(null) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'torn, without a line end',
      '{"foreign":1}\n',
      '\n\n',
      '{"$commit":{"v":1}}\n{"$commit":',
      '{"$commit":{"v":1,"state":{},"checkpoint":7}}\n',
      'the last append, again',
    ),
  },
);

const append: fc.Arbitrary<AppendSpec> = fc.record({
  records: fc.array(record, { minLength: 1, maxLength: 6 }),
  atMs: fc.integer({ min: BASE_MS - HOUR_MS, max: BASE_MS + 2 * HOUR_MS }),
  foreign,
  checkpoint: fc.boolean(),
});

/** Objects of a few logs: their lanes and segments are of one family. */
export const objects: fc.Arbitrary<MadeObject[]> = fc
  .array(
    fc.tuple(
      fc.constantFrom('logs/*.ndjson', "it's/*.ndjson"),
      fc.array(append, { maxLength: 6 }),
      fc.boolean(),
    ),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((all) =>
    all.map(([family, appends, closes], lane) =>
      madeObject(family.replace('*', String(lane)), family, appends, closes),
    ),
  );

export function madeObject(
  key: string,
  family: string,
  appends: readonly AppendSpec[],
  closes = false,
): MadeObject {
  let bytes: Buffer = Buffer.alloc(0);
  let last: Uint8Array = Buffer.alloc(0);
  const boundaries = [0];
  for (const [n, { records, atMs, foreign: others, checkpoint }] of appends.entries()) {
    const add = (more: Uint8Array) => {
      bytes = Buffer.concat([bytes, more]);
      if (more.length > 0) boundaries.push(bytes.length);
    };
    if (others !== null) add(others === 'the last append, again' ? last : Buffer.from(others));
    const start = bytes.length;
    const place = {
      start: position(start),
      endsLine: start === 0 || bytes[start - 1] === 10,
      checkpoint: 0,
      segmentBytesMax: closes && n === appends.length - 1 ? 1 : 1e9,
      atMs,
      writer: 'w',
      turn: { roundTripMs: 20, more: 0 },
    };
    const digested = records.map((one) => ({ record: one, digest: 'x'.repeat(12) }));
    const encoded = encodeAppend(digested, place, (commit, length) =>
      checkpoint
        ? checkpointLine({
            position: start + length,
            segment: 0,
            crc64: null,
            closes: commit.closes,
            entombed: false,
            activity: [],
            window: { runs: [], numbers: [], latestMs: atMs },
          })
        : null,
    );
    last = encoded.body;
    add(encoded.body);
  }
  return { key, family, bytes, boundaries };
}

/** The objects cut into ranges at their `cuts`-th boundaries, each range read in pieces of `pieceBytes`. */
export function rangesOf(
  made: readonly MadeObject[],
  cuts: readonly number[],
  pieceBytes: number,
): RangeBytes[] {
  return made.flatMap(({ key, family, bytes, boundaries }) => {
    const ends = boundaries.filter((at, n) => at > 0 && (at === bytes.length || cuts.includes(n)));
    return ends.map((to, n) => {
      const from = ends[n - 1] ?? 0;
      return { object: key, family, from, to, pieces: piecesOf(bytes.subarray(from, to), pieceBytes) };
    });
  });
}

export async function* piecesOf(bytes: Buffer, pieceBytes: number): AsyncGenerator<Uint8Array> {
  // In memory that is used again, as a socket's may be.
  const piece = Buffer.alloc(pieceBytes);
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    yield piece.subarray(0, bytes.copy(piece, 0, at, at + pieceBytes));
  }
}
