import { looksLikeCheckpoint } from './checkpoint.ts';
import { isCount, isCrc64, isObject } from './commit.ts';
import { crc64 } from './crc64.ts';
import type { LogFold } from './fold.ts';
import { position } from './types.ts';

/**
 * What stands in the place of a segment that retention has removed (PROTOCOL.md §3.7): an ordinary object of two lines. The
 * first says what was there and where it went; the second is a checkpoint line that closes, so that a writer goes on
 * from it as from any closed segment.
 */
export interface Tombstone {
  /** Number of the segment. */
  readonly segment: number;
  /** What the segment had when it was removed: bytes, and their CRC-64/XZ. */
  readonly length: number;
  readonly crc64: bigint;
  /** When it was removed, epoch milliseconds. */
  readonly atMs: number;
  /** Where its records went. */
  readonly jobs: readonly TombstoneJob[];
}

export interface TombstoneJob {
  /** Name of the job. */
  readonly job: string;
  /** The key of a directory, or the name of a target. */
  readonly output: string;
}

export const TOMBSTONE_TYPE = 'application/vnd.oss-append.tombstone+json';
const VERSION = 1;
const PREFIX = '{"$tombstone":';
const LINE_END = 10;

/** The object to put in the place of the segment that `fold` has read to its end, closed as it is. */
export function tombstoneObject(fold: LogFold, about: Omit<Tombstone, 'segment'>): Uint8Array {
  const { length, crc64: sum, atMs, jobs } = about;
  const body = JSON.stringify({
    v: VERSION,
    segment: fold.segment,
    length,
    crc64: String(sum),
    at: new Date(atMs).toISOString(),
    jobs: jobs.map(({ job, output }) => ({ job, output })),
  });
  const first = Buffer.from(`${PREFIX}${body}}\n`);
  const second = fold.closingLine(position(first.length), crc64(first), { entombed: true });
  return Buffer.concat([first, Buffer.from(`${second}\n`)]);
}

/**
 * The tombstone that an object is, by its first line and the beginning of its second; null if it is none. A data line
 * may look like the first, but no checkpoint line follows a data line (§3).
 */
export function parseTombstone(start: Uint8Array): Tombstone | null {
  const bytes = Buffer.from(start.buffer, start.byteOffset, start.byteLength);
  if (bytes.toString('latin1', 0, PREFIX.length) !== PREFIX) return null;
  const end = bytes.indexOf(LINE_END);
  if (end < 0 || !looksLikeCheckpoint(bytes.toString('latin1', end + 1, end + 1 + SECOND_CHARS))) return null;
  const body = bodyOf(bytes.toString('utf8', 0, end));
  if (body?.['v'] !== VERSION) return null;
  const { segment, length, crc64: sum, at, jobs } = body;
  const atMs = typeof at === 'string' ? Date.parse(at) : Number.NaN;
  if (!isCount(segment) || !isCount(length) || !isCrc64(sum) || Number.isNaN(atMs)) return null;
  if (!Array.isArray(jobs) || !jobs.every(isJob)) return null;
  return { segment, length, crc64: BigInt(sum), atMs, jobs };
}

/** So many bytes of an object's start tell whether it is a tombstone, however many jobs there were. */
export const TOMBSTONE_START_BYTES = 64 * 1024;
/** Enough to tell a checkpoint line by. */
const SECOND_CHARS = 64;

function bodyOf(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const body = (JSON.parse(line) as { $tombstone?: unknown }).$tombstone;
    return isObject(body) ? body : null;
  } catch {
    return null;
  }
}

const isJob = (value: unknown): value is TombstoneJob =>
  isObject(value) && typeof value['job'] === 'string' && typeof value['output'] === 'string';
