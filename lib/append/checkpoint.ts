import { COMMIT_PREFIX, COMMIT_VERSION, commitBody, isCount, isCrc64, isObject, isTurn } from './commit.ts';
import { DIGEST_BYTES } from './digest.ts';
import type { SourceNumbers } from './numbers.ts';
import type { Activity } from './pace.ts';
import { type Position, position } from './types.ts';
import type { Run, WindowState } from './window.ts';

/**
 * A checkpoint line: all that a writer knows of a log, for one that knows nothing (PROTOCOL.md §3.3). It follows a commit
 * line, in the same append.
 */
export interface Checkpoint {
  /** Where the line starts. */
  readonly position: number;
  /** Number of the segment that it stands in. */
  readonly segment: number;
  /** CRC-64/XZ of the object's bytes before the line, null if it is not known. */
  readonly crc64: bigint | null;
  /** The append that it ends is the last of the segment (§3.5). */
  readonly closes: boolean;
  /** It is all that is left of its segment: the line is in a tombstone (§3.7). */
  readonly entombed: boolean;
  /** Who committed lately (§4.8), oldest first. */
  readonly activity: readonly Activity[];
  readonly window: WindowState;
}

/** Without its line end. */
export function checkpointLine(checkpoint: Checkpoint): string {
  const { position: at, segment, crc64, closes, entombed, activity, window } = checkpoint;
  const { latestMs } = window;
  const body = JSON.stringify({
    v: COMMIT_VERSION,
    state: {
      segment,
      ...(crc64 !== null && { crc64: String(crc64) }),
      ...(entombed && { entombed: true }),
      ...(Number.isFinite(latestMs) && { at: new Date(latestMs).toISOString() }),
      turns: activity.map(({ writer, atMs, turn }) => [writer, atMs, turn.roundTripMs, turn.more]),
      numbers: window.numbers.map(({ source, epoch, ranges }) => [source, epoch, ranges]),
      runs: packed(window.runs),
      digests: Buffer.from(digestsOf(window.runs), 'latin1').toString('base64'),
    },
    ...(closes && { closes: true }),
    checkpoint: at,
  });
  return `${COMMIT_PREFIX}${body}}`;
}

/** Whether `line` is, or could be, a checkpoint line; cheaper than to parse it. Its first characters are enough. */
export const looksLikeCheckpoint = (line: string): boolean => line.startsWith(STATE_PREFIX);
export const STATE_PREFIX = `${COMMIT_PREFIX}{"v":${COMMIT_VERSION},"state":`;

/** The checkpoint on `line`, or null if it is none that this version wrote. */
export function parseCheckpointLine(line: string): Checkpoint | null {
  const body = looksLikeCheckpoint(line) ? commitBody(line) : null;
  if (body === null) return null;
  const { state, closes = false, checkpoint } = body;
  if (!isObject(state) || typeof closes !== 'boolean' || !isCount(checkpoint)) return null;
  const { segment, crc64, entombed = false, at, turns, numbers, runs, digests } = state;
  const latestMs =
    at === undefined ? Number.NEGATIVE_INFINITY : typeof at === 'string' ? Date.parse(at) : NaN;
  if (!isCount(segment) || (crc64 !== undefined && !isCrc64(crc64)) || Number.isNaN(latestMs)) return null;
  if (typeof entombed !== 'boolean') return null;
  if (!Array.isArray(turns) || !turns.every(isTurnRow)) return null;
  if (!Array.isArray(numbers) || !numbers.every(isNumbersRow)) return null;
  if (new Set(numbers.map(([source]) => source)).size < numbers.length) return null;
  const unpackedRuns =
    typeof runs === 'string' && typeof digests === 'string' ? unpacked(runs, digests) : null;
  if (unpackedRuns === null) return null;
  return {
    position: checkpoint,
    segment,
    crc64: crc64 === undefined ? null : BigInt(crc64),
    closes,
    entombed,
    activity: turns.map(([writer, atMs, roundTripMs, more]) => ({
      writer,
      atMs,
      turn: { roundTripMs, more },
    })),
    window: {
      runs: unpackedRuns,
      numbers: numbers.map(([source, epoch, ranges]): SourceNumbers => ({ source, epoch, ranges })),
      latestMs,
    },
  };
}

/** Of each run: segment, start and time as differences from the run before, length, first record, count. */
const RUN_FIELDS = 6;

function packed(runs: readonly Run[]): string {
  const bytes = Buffer.allocUnsafe(runs.length * RUN_FIELDS * VARINT_BYTES_MAX);
  let at = 0;
  let [segment, end, atMs] = [0, 0, 0];
  for (const run of runs) {
    if (run.segment !== segment) end = 0;
    at = putVarint(bytes, at, run.segment - segment);
    at = putVarint(bytes, at, run.start - end);
    at = putVarint(bytes, at, run.atMs - atMs);
    at = putVarint(bytes, at, run.end - run.start);
    at = putVarint(bytes, at, run.firstRecord);
    at = putVarint(bytes, at, run.digests.length);
    ({ segment, end, atMs } = run);
  }
  return bytes.toString('base64', 0, at);
}

/** One after the other. Joining an array of so many takes several times as long. */
function digestsOf(runs: readonly Run[]): string {
  let text = '';
  for (const { digests } of runs) for (const digest of digests) text += digest;
  return text;
}

function unpacked(runsText: string, digestsText: string): Run[] | null {
  const fields = varints(Buffer.from(runsText, 'base64'));
  const all = Buffer.from(digestsText, 'base64').toString('latin1');
  const runs: Run[] = [];
  let [segment, end, atMs, taken] = [0, 0, 0, 0];
  for (let at = 0; at < fields.length; at += RUN_FIELDS) {
    const run = fields.slice(at, at + RUN_FIELDS);
    const [segments = 0, gap = 0, laterMs = 0, length = 0, firstRecord = 0, count = 0] = run;
    if (segments !== 0) end = 0;
    segment += segments;
    atMs += laterMs;
    const start = end + gap;
    end = start + length;
    const until = taken + count * DIGEST_BYTES;
    if (![segment, start, length, end, firstRecord, count].every(isCount)) return null;
    if (!Number.isSafeInteger(atMs) || until > all.length) return null;
    const digests = Array.from({ length: count }, (_, n) =>
      all.slice(taken + n * DIGEST_BYTES, taken + (n + 1) * DIGEST_BYTES),
    );
    runs.push({
      segment,
      start: position(start),
      end: position(end),
      atMs,
      writer: '',
      firstRecord,
      digests,
    });
    taken = until;
  }
  return fields.length % RUN_FIELDS === 0 && taken === all.length ? runs : null;
}

/** Of the difference of two safe integers. */
const VARINT_BYTES_MAX = 8;
const INT32_MAX = 2 ** 31 - 1;

/**
 * Seven bits a byte, the lowest first; the sign is the lowest bit (Protocol Buffers, "Encoding", sint64). Gives where the
 * next one goes.
 */
function putVarint(bytes: Uint8Array, at: number, value: number): number {
  let next = at;
  let large = value < 0 ? -2 * value - 1 : 2 * value;
  for (; large > INT32_MAX; large = Math.floor(large / 0x80)) bytes[next++] = (large % 0x80) + 0x80;
  // Most are small, and the remainder of a large number takes some fifty times as long as a bit.
  let rest = large | 0;
  for (; rest > 0x7f; rest >>= 7) bytes[next++] = (rest & 0x7f) | 0x80;
  bytes[next++] = rest;
  return next;
}

function varints(bytes: Uint8Array): number[] {
  const values: number[] = [];
  let [value, scale] = [0, 1];
  for (const byte of bytes) {
    value += (byte % 0x80) * scale;
    scale *= 0x80;
    if (byte >= 0x80) continue;
    values.push(value % 2 === 0 ? value / 2 : -(value + 1) / 2);
    [value, scale] = [0, 1];
  }
  return values;
}

const isNumberArray = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((one) => Number.isSafeInteger(one));

function isTurnRow(row: unknown): row is [string, number, number, number] {
  if (!Array.isArray(row) || row.length !== 4) return false;
  const [writer, atMs, roundTripMs, more] = row;
  return typeof writer === 'string' && Number.isSafeInteger(atMs) && isTurn({ roundTripMs, more });
}

function isNumbersRow(row: unknown): row is [string, number | null, number[]] {
  if (!Array.isArray(row) || row.length !== 3) return false;
  const [source, epoch, ranges] = row;
  if (typeof source !== 'string' || (epoch !== null && !isCount(epoch)) || !isNumberArray(ranges))
    return false;
  return ranges.length % 2 === 0 && ranges.every((one, at) => isCount(one) && one >= (ranges[at - 1] ?? 0));
}

/** Where the last of a writer's knowledge is to be read from, by the end of a line (§4.1). */
export interface Pointer {
  /** Where the last checkpoint line starts; 0: at the start of the object. */
  readonly checkpoint: Position;
  readonly closes: boolean;
}

const POINTER = /("closes":true,)?"checkpoint":(\d{1,16})\}\}$/;
const POINTER_CHARS_MAX = 64;
const LINE_END = 10;

/** The pointers at the ends of lines of `bytes`, from the last one on. */
export function* pointers(bytes: Buffer): Iterable<Pointer> {
  for (let end = bytes.lastIndexOf(LINE_END); end > 0; end = bytes.lastIndexOf(LINE_END, end - 1)) {
    const found = POINTER.exec(bytes.toString('latin1', Math.max(0, end - POINTER_CHARS_MAX), end));
    if (found !== null && Number.isSafeInteger(Number(found[2])))
      yield { checkpoint: position(Number(found[2])), closes: found[1] !== undefined };
  }
}
