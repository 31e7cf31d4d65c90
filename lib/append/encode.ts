import { type Commit, commitLine, sourceRuns } from './commit.ts';
import { crc64 } from './crc64.ts';
import type { Turn } from './pace.ts';
import type { LogRecord, Position } from './types.ts';

/** The bytes of one append to a log, and what they say (PROTOCOL.md §3). */
export interface EncodedAppend {
  readonly commit: Commit;
  readonly body: Uint8Array;
  /** Length of the commit line with its line end, the last bytes of `body`. */
  readonly lineBytes: number;
  /** CRC-64/XZ of `body`. */
  readonly crc64: bigint;
}

const LINE_END = 10;

/**
 * Encodes `records` (one or more) as one append at `start`. `endsLine` false means the object's last byte is not a
 * line end; then the append begins with one, so that its first record has a line of its own (§3.3).
 */
export function encodeAppend(
  records: readonly LogRecord[],
  at: { start: Position; endsLine: boolean; atMs: number; writer: string; turn: Turn },
): EncodedAppend {
  const lead = at.endsLine ? 0 : 1;
  const bytes = records.reduce((sum, record) => sum + record.line.length + 1, 0);
  const data = Buffer.allocUnsafe(lead + bytes);
  data.fill(LINE_END, 0, lead);
  let end = lead;
  for (const { line } of records) {
    data.set(line, end);
    end += line.length;
    data[end++] = LINE_END;
  }
  const commit: Commit = {
    atMs: at.atMs,
    writer: at.writer,
    turn: at.turn,
    start: at.start,
    records: records.length,
    bytes,
    crc64: crc64(data.subarray(lead)),
    sources: sourceRuns(records, at.atMs),
  };
  const line = Buffer.from(`${commitLine(commit)}\n`, 'utf8');
  const sum = lead === 0 ? commit.crc64 : crc64(data);
  return { commit, body: Buffer.concat([data, line]), lineBytes: line.length, crc64: crc64(line, sum) };
}
