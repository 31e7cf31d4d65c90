import { type ColdStart, cold } from './cold.ts';
import { type DigestedRecord, type EncodedAppend, encodeAppend } from './encode.ts';
import { InvalidRecord } from './errors.ts';
import { APPEND_BYTES_MAX, type LogFold } from './fold.ts';
import { awaitsAnother, turnOf } from './pace.ts';
import { type Plan, Tries } from './plan.ts';
import { checkAnswer } from './raw.ts';
import { Receipts, type Refusal } from './receipts.ts';
import { segmentKey } from './segment.ts';
import { type LogRecord, type Position, position, type RecordReceipt } from './types.ts';

/** The most that one read takes, so that catching up needs bounded memory. */
const READ_BYTES_MAX = 4 * 1024 * 1024;

/** Reads more than one in a turn, while another writer is late. */
const AWAITED_READS_MAX = 2;

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
}

/**
 * Appends to a log those of `records` (one or more) that are not in it yet (PROTOCOL.md §4.2).
 *
 * One receipt a record, in order. A record given twice in one call is appended once. The fold in the answer is for
 * the next call; after an error there is none, and the next call starts cold.
 */
export function* appendLog(
  records: readonly LogRecord[],
  options: LogOptions,
): Plan<{ receipts: RecordReceipt[]; fold: LogFold }> {
  const { log, ifPosition } = options;
  let { atMs } = options;
  const tries = new Tries(log.key);
  const call = new Receipts(log.key, records, options.writer);
  // True once the fold is what the log was during this call, and not only at the end of the last.
  let current = false;
  /** A closed segment goes on in the next, of which nothing is known. */
  const open = (fold: LogFold): LogFold => {
    const opened = fold.closed ? fold.next() : fold;
    tries.key = segmentKey(log.key, opened.segment);
    return opened;
  };
  /** The same of a fold that was read just now. */
  const read = (fold: LogFold): LogFold => {
    current = !fold.closed;
    return open(fold);
  };
  /** The log as it is in the turn of this writer, once the one before it is in (§4.8). */
  function* inTurn(known: LogFold): Plan<LogFold> {
    let latest = read(yield* freshened(tries, log, known, call));
    for (let n = 0; n < AWAITED_READS_MAX && awaitsAnother(latest.activity, options.writer, atMs); n++)
      latest = read(yield* freshened(tries, log, latest, call));
    return latest;
  }
  let fold = options.known === null ? read(yield* cold(tries, log)) : open(options.known);
  if (options.known !== null && options.othersWrite === true) fold = yield* inTurn(fold);

  for (;;) {
    const { records: fresh, refusal } = call.fresh(fold);
    const elsewhere = ifPosition !== null && !fold.isAt(ifPosition);
    if (!current && (refusal !== null || (elsewhere && fresh.length > 0))) {
      fold = read(yield* freshened(tries, log, fold, call));
      continue;
    }
    if (refusal !== null) throw refused(tries, refusal);
    if (fresh.length === 0) return { receipts: call.all(), fold };
    if (elsewhere) throw tries.mismatch(fold.end, ifPosition);
    const append = encoded(fresh, fold, options, atMs);
    const found = yield* landed(tries, fold, append);
    if (found === null) {
      call.attempted(fold, append);
      fold.committed(append);
    } else {
      if (tries.unclearAt !== null) call.attempted(fold, append);
      fold = read(yield* caughtUp(tries, log, fold, call, found));
      if (call.fresh(fold).records.length === 0) continue; // an attempt of ours had landed
      const nowMs = yield* tries.turn(fold.activity);
      if (nowMs === null) continue; // the conflict is fresh: nobody can be faster than now
      atMs = nowMs;
      fold = yield* inTurn(fold);
    }
  }
}

function encoded(
  fresh: readonly DigestedRecord[],
  fold: LogFold,
  { writer, roundTripMs, segmentBytesMax }: LogOptions,
  atMs: number,
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
      turn: turnOf(fold.activity, writer, roundTripMs),
    },
    (...commit) => fold.checkpointAfter(...commit),
  );
  const bytes = append.body.length - append.checkpointBytes;
  if (bytes <= APPEND_BYTES_MAX) return append;
  throw new InvalidRecord(
    `The records of one append take ${bytes} bytes, and ${APPEND_BYTES_MAX} are allowed. Send fewer at once.`,
  );
}

/**
 * Sends one append, the same bytes at the same position, until it is clear what became of it. Null if it landed, else
 * the length that was found in its place.
 */
function* landed(tries: Tries, fold: LogFold, append: EncodedAppend): Plan<Position | null> {
  const start = fold.end;
  for (;;) {
    const attempt = yield* tries.append(start, append.body);
    if (attempt.outcome === 'appended') {
      const { body, crc64 } = append;
      checkAnswer(tries, attempt, position(start + body.length), fold.crc64After(crc64, body.length));
      return null;
    }
    if (attempt.outcome !== 'conflict') continue; // §4.2: only one of them can land
    const found = attempt.length ?? position((yield* tries.head())?.length ?? 0);
    if (found !== start) return found;
    yield* tries.pause();
  }
}

/**
 * The fold of everything up to `found`, the length of its segment; what of the call's records turned up on the way is
 * noted in `call`.
 */
function* caughtUp(
  tries: Tries,
  log: ColdStart,
  fold: LogFold,
  call: Receipts,
  found: Position,
): Plan<LogFold> {
  const unclear = tries.unclearAt !== null;
  const replaced = found < fold.end;
  let agrees = true;
  // A writer that is far behind may as well start anew, unless bytes of its own may be there.
  if (!replaced && (unclear || found - fold.end <= log.coldBytesMax)) {
    while (fold.end < found) {
      // An attempt of ours is looked at by itself: what follows it may be longer than the window (§4.2).
      const next = Math.min(found, fold.end + READ_BYTES_MAX, call.attemptEndAfter(fold));
      const read = yield* tries.bytes({ ask: 'read', start: fold.end, end: position(next) });
      if (read === null || read.bytes.length !== next - fold.end) break;
      fold.push(read.bytes);
      // These bytes do not continue what is known: the object is another one, or they were damaged on the way.
      if (read.length === next && !fold.agreesWith(read.crc64)) {
        agrees = false;
        break;
      }
      call.note(fold);
    }
    if (agrees && fold.end >= found) {
      // Something is at every position tried so far, so no attempt of ours at one of them can land any more.
      tries.unclearAt = null;
      return fold;
    }
    call.forget();
  }
  if (unclear) throw tries.unknown('The log was replaced or deleted during the append.');
  if (replaced) call.forget();
  return yield* cold(tries, log, replaced ? 0 : fold.segment);
}

/** The fold of all there is now, in one request if that is not much. */
function* freshened(tries: Tries, log: ColdStart, fold: LogFold, call: Receipts): Plan<LogFold> {
  const { end, segment } = fold;
  // From the last byte known: a range that begins at the object's end would be refused.
  const last = position(Math.max(0, end - 1));
  const read = yield* tries.bytes({ ask: 'read', start: last, end: position(end + READ_BYTES_MAX) });
  if (read === null && end === 0) return fold; // a segment that nobody has begun
  const continues = read !== null && read.length >= end;
  if (continues) fold.push(read.bytes.subarray(end - last));
  if (!continues || (fold.end === read.length && !fold.agreesWith(read.crc64))) {
    call.forget();
    return yield* cold(tries, log, continues ? segment : 0);
  }
  call.note(fold);
  return yield* caughtUp(tries, log, fold, call, position(read.length));
}

function refused(tries: Tries, why: Refusal) {
  if (why.verdict === 'other-body') return tries.otherBody(why.receipts);
  const { source, numbered } = why.record;
  if (why.verdict === 'fenced') return tries.fenced(source, numbered?.epoch ?? 0, why.epoch);
  return tries.gap(source, numbered?.number ?? 0, why.expected);
}
