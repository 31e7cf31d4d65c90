import { type Commit, commitLine, sourceRuns } from './commit.ts';
import { crc64, crc64Combine } from './crc64.ts';
import type { Turn } from './pace.ts';
import { lineBytes } from './record.ts';
import type { DataLine, LogRecord, Position } from './types.ts';

/** The bytes of one append to a log, and what they say (PROTOCOL.md §3). */
export interface EncodedAppend {
  readonly commit: Commit;
  readonly body: Uint8Array;
  /** CRC-64/XZ of `body`. */
  readonly crc64: bigint;
  /** Digests of its records, in order. */
  readonly digests: readonly string[];
  /** Length of the checkpoint line with its line end, the last bytes of `body`; 0 if there is none. */
  readonly checkpointBytes: number;
}

/** A record and what stands for it (`digestOf`). */
export interface DigestedRecord {
  readonly record: LogRecord;
  readonly digest: string;
}

/** Where an append goes, and what its commit line says beside its records. */
export interface AppendPlace {
  readonly start: Position;
  /** False: the object's last byte is not a line end, so the append begins with one (§3). */
  readonly endsLine: boolean;
  /** Where the segment's last checkpoint line starts, 0 if it has none. */
  readonly checkpoint: number;
  /** It closes the segment if that is so long then, or longer. */
  readonly segmentBytesMax: number;
  readonly atMs: number;
  readonly writer: string;
  readonly turn: Turn;
}

const LINE_END = 10;
/** Room for a commit line, in bytes: for itself, and for each record beside its id. More is had when it is needed. */
const COMMIT_BYTES = 512;
const NAME_BYTES = 16;

/**
 * Encodes `records` (one or more) as one append. `checkpoint` is asked for the line to put after the commit line, null
 * for none; it is given the commit, and the length and checksum of what is before that line.
 */
export function encodeAppend(
  digested: readonly DigestedRecord[],
  place: AppendPlace,
  checkpoint: (commit: Commit, bytes: number, sum: bigint, digests: readonly string[]) => string | null,
): EncodedAppend {
  const records = digested.map(({ record }) => record);
  const digests = digested.map(({ digest }) => digest);
  const { start, endsLine, segmentBytesMax, atMs, writer, turn } = place;
  const sources = sourceRuns(records, atMs);
  const lead = endsLine ? 0 : 1;
  const bytes = records.reduce((sum, { line }) => sum + lineBytes(line) + 1, 0);
  const named = records.reduce((sum, { id }) => sum + id.length + NAME_BYTES, 0);
  const body = new Body(lead + bytes + COMMIT_BYTES + named);
  if (!endsLine) body.line('');
  for (const { line } of records) body.line(line);
  const sum = crc64(body.bytes.subarray(lead));
  const open: Commit = {
    atMs,
    writer,
    turn,
    start,
    records: records.length,
    bytes,
    crc64: sum,
    sources,
    closes: false,
    checkpoint: place.checkpoint,
  };
  const openLine = commitLine(open);
  const closes = start + body.length + Buffer.byteLength(openLine) + 1 >= segmentBytesMax;
  const commit = closes ? { ...open, closes } : open;
  const dataBytes = body.length;
  body.line(closes ? commitLine(commit) : openLine);
  const leadSum = lead === 0 ? sum : crc64Combine(crc64(LEAD), sum, bytes);
  const committedSum = crc64(body.bytes.subarray(dataBytes), leadSum);
  const committedBytes = body.length;
  const extra = checkpoint(commit, committedBytes, committedSum, digests);
  if (extra !== null) body.line(extra);
  return {
    commit,
    body: body.bytes,
    crc64: extra === null ? committedSum : crc64(body.bytes.subarray(committedBytes), committedSum),
    digests,
    checkpointBytes: body.length - committedBytes,
  };
}

const LEAD = Uint8Array.of(LINE_END);

/** Lines, one after the other. */
class Body {
  #buffer: Buffer;
  length = 0;

  constructor(room: number) {
    this.#buffer = Buffer.allocUnsafe(room);
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }

  line(line: DataLine): void {
    const end = this.length + lineBytes(line) + 1;
    if (end > this.#buffer.length) this.#buffer = Buffer.concat([this.bytes], end);
    if (typeof line === 'string') this.#buffer.write(line, this.length);
    else this.#buffer.set(line, this.length);
    this.#buffer[end - 1] = LINE_END;
    this.length = end;
  }
}
