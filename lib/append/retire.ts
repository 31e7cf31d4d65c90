import { after, landed } from './catch-up.ts';
import { type ColdStart, cold, segmentFold } from './cold.ts';
import { type Commit, commitLine } from './commit.ts';
import { crc64, crc64Combine } from './crc64.ts';
import type { EncodedAppend } from './encode.ts';
import type { LogFold } from './fold.ts';
import { type Plan, Tries } from './plan.ts';
import { Receipts } from './receipts.ts';
import { segmentKey } from './segment.ts';
import { type Tombstone, tombstoneObject } from './tombstone.ts';
import { type Position, position } from './types.ts';

export interface RetireOptions {
  readonly log: ColdStart;
  readonly writer: string;
  /** Time of the commit, epoch milliseconds. */
  readonly atMs: number;
}

/**
 * Closes a log's last segment for good (PROTOCOL.md §3.7): appends to it a commit without records that says `closes`, unless
 * it is closed and has no next one. Like every append it lands only on what its writer has read, so nobody's records are
 * behind it.
 *
 * Gives the number of that segment, null if there is no log.
 */
export function* retireLog({ log, writer, atMs }: RetireOptions): Plan<number | null> {
  const tries = new Tries(log.key);
  // It has no records, so none of them can be found to be in.
  const call = new Receipts(log.key, [], writer);
  let fold = yield* cold(tries, log);
  while (!fold.closed) {
    if (fold.segment === 0 && fold.end === 0) return null;
    const append = encodeRetirement(fold, { writer, atMs });
    const found = yield* landed(tries, fold, append);
    if (found === null) fold.committed(append);
    else fold = yield* after(tries, log, fold, call, found);
  }
  return fold.segment;
}

/** What is in the way of a tombstone. */
export type Burial =
  | { readonly kind: 'tombstone'; readonly object: Uint8Array }
  /** There is one already. */
  | { readonly kind: 'entombed' }
  | { readonly kind: 'missing' }
  /** Writers may append to it. */
  | { readonly kind: 'open' }
  /** It is not what was told. */
  | { readonly kind: 'changed'; readonly length: Position; readonly crc64: bigint | null };

/**
 * The tombstone for a segment that is closed, and that has the length and the checksum that are told (§3.7). Nothing is
 * appended to a closed segment any more, so what is true when it was read stays true until it is replaced.
 */
export function* burial(log: ColdStart, segment: number, about: Omit<Tombstone, 'segment'>): Plan<Burial> {
  const tries = new Tries(segmentKey(log.key, segment));
  const read = yield* segmentFold(tries, log, segment);
  if (read === null) return { kind: 'missing' };
  const { fold, crc64: sum } = read;
  if (fold.entombed) return { kind: 'entombed' };
  if (!fold.closed) return { kind: 'open' };
  if (fold.end !== about.length || sum !== about.crc64)
    return { kind: 'changed', length: fold.end, crc64: sum };
  return { kind: 'tombstone', object: tombstoneObject(fold, about) };
}

const LEAD = Uint8Array.of(10);

/** The append that closes a segment: a commit line and, always, a checkpoint line. */
function encodeRetirement(
  fold: LogFold,
  { writer, atMs }: { readonly writer: string; readonly atMs: number },
): EncodedAppend {
  const commit: Commit = {
    atMs,
    writer,
    // It is nobody's turn: it appends once.
    turn: null,
    start: fold.end,
    records: 0,
    bytes: 0,
    crc64: 0n,
    sources: [],
    closes: true,
    checkpoint: fold.checkpoint,
  };
  const lead = fold.endsLine ? new Uint8Array() : LEAD;
  const committed = Buffer.concat([lead, Buffer.from(`${commitLine(commit)}\n`)]);
  const sum = crc64(committed);
  const checkpoint = Buffer.from(
    `${fold.closingLine(position(fold.end + committed.length), fold.crc64After(sum, committed.length))}\n`,
  );
  return {
    commit,
    body: Buffer.concat([committed, checkpoint]),
    crc64: crc64Combine(sum, crc64(checkpoint), checkpoint.length),
    digests: [],
    checkpointBytes: checkpoint.length,
  };
}
