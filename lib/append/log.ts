import { after, freshened, landed } from './catch-up.ts';
import { type ColdStart, cold } from './cold.ts';
import { type DigestedRecord, type EncodedAppend, encodeAppend } from './encode.ts';
import { InvalidRecord } from './errors.ts';
import { APPEND_BYTES_MAX, LogFold } from './fold.ts';
import { turnOf } from './pace.ts';
import { type Plan, Tries } from './plan.ts';
import { Receipts, type Refusal } from './receipts.ts';
import { segmentKey } from './segment.ts';
import type { LogRecord, Position, RecordReceipt } from './types.ts';

export interface LogOptions {
  /** The log, and how much a writer that knows nothing of it reads. */
  readonly log: ColdStart;
  /** What was left of the last call, null if nothing is known. */
  readonly known: LogFold | null;
  readonly ifPosition: Position | null;
  readonly writer: string;
  /** What the writer measured to the store. */
  readonly roundTripMs: number;
  /** Time of the commit, epoch milliseconds. */
  readonly atMs: number;
  /** A segment ends with the append that makes it so long or longer, in bytes (PROTOCOL.md §3.5). */
  readonly segmentBytesMax: number;
  /** Others are writing: read what is new before the first attempt (PROTOCOL.md §4.8). */
  readonly othersWrite?: boolean;
  /** The writer always has more to append. */
  readonly refilled?: boolean;
  /** The log is most likely new: what nothing is known of is tried at 0, and read only if that conflicts (§4.1). */
  readonly expectsNew?: boolean;
}

/**
 * Appends to a log those of `records` (one or more) that are not in it yet (PROTOCOL.md §4.2).
 *
 * One receipt a record, in order. A record given twice in one call is appended once. The fold in the answer is for
 * the next call; after an error there is none, and the next call starts cold. No receipts: nothing of the call is in,
 * and it is not the writer's turn (§4.8).
 */
export function* appendLog(
  records: readonly LogRecord[],
  options: LogOptions,
): Plan<{ receipts: RecordReceipt[] | null; fold: LogFold }> {
  const { log, ifPosition } = options;
  const tries = new Tries(log.key);
  const call = new Receipts(log.key, records, options.writer);
  /** What was read in this call. The fold is that, or else of the end of the last call, or of a segment not looked at. */
  let read: LogFold | null = null;
  let fold = options.known ?? (options.expectsNew === true ? LogFold.empty(log) : null);
  if (fold === null) {
    read = yield* cold(tries, log);
    fold = read;
  }
  fold = opened(tries, log.key, fold);
  let asksTurn = options.othersWrite === true;
  if (read === null && asksTurn) {
    read = yield* freshened(tries, log, fold, call);
    fold = opened(tries, log.key, read);
  }

  for (;;) {
    const { records: fresh, refusal } = call.fresh(fold);
    const elsewhere = ifPosition !== null && !fold.isAt(ifPosition);
    if (fold !== read && (refusal !== null || (elsewhere && fresh.length > 0))) {
      read = yield* freshened(tries, log, fold, call);
      fold = opened(tries, log.key, read);
      continue;
    }
    if (refusal !== null) throw refused(tries, refusal);
    if (fresh.length === 0) return { receipts: call.all(), fold };
    if (elsewhere) throw tries.mismatch(fold.end, ifPosition);
    // While nothing of the call is in, others may go first. What comes meanwhile can be appended with it.
    const maySayLater = fresh.length === records.length;
    if (asksTurn && maySayLater && !(yield* tries.turn(fold.activity, { fresh: true })))
      return { receipts: null, fold };
    const append = encoded(fresh, fold, options);
    const found = yield* landed(tries, fold, append);
    if (found === null) {
      call.attempted(fold, append);
      fold.committed(append);
    } else {
      if (tries.unclearAt !== null) call.attempted(fold, append);
      else if (
        typeof found === 'number' &&
        maySayLater &&
        !(yield* tries.turn(fold.activity, { fresh: false }))
      )
        return { receipts: null, fold };
      read = yield* after(tries, log, fold, call, found);
      fold = opened(tries, log.key, read);
      asksTurn = true;
    }
  }
}

/** A closed segment goes on in the next, of which nothing is known. */
function opened(tries: Tries, key: string, fold: LogFold): LogFold {
  const open = fold.closed ? fold.next() : fold;
  tries.key = segmentKey(key, open.segment);
  return open;
}

function encoded(
  fresh: readonly DigestedRecord[],
  fold: LogFold,
  { atMs, writer, roundTripMs, segmentBytesMax, refilled = false }: LogOptions,
): EncodedAppend {
  const append = encodeAppend(
    fresh,
    {
      start: fold.end,
      endsLine: fold.endsLine,
      checkpoint: fold.checkpoint,
      segmentBytesMax,
      atMs,
      writer,
      turn: turnOf(fold.activity, writer, { roundTripMs, refilled }),
    },
    (...commit) => fold.checkpointAfter(...commit),
  );
  const bytes = append.body.length - append.checkpointBytes;
  if (bytes <= APPEND_BYTES_MAX) return append;
  throw new InvalidRecord(
    `The records of one append take ${bytes} bytes, and ${APPEND_BYTES_MAX} are allowed. Send fewer at once.`,
  );
}

function refused(tries: Tries, why: Refusal) {
  if (why.verdict === 'other-body') return tries.otherBody(why.receipts);
  const { source, numbered } = why.record;
  if (why.verdict === 'fenced') return tries.fenced(source, numbered?.epoch ?? 0, why.epoch);
  return tries.gap(source, numbered?.number ?? 0, why.expected);
}
