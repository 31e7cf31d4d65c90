import { type ColdStart, cold } from './cold.ts';
import type { EncodedAppend } from './encode.ts';
import type { AppendError } from './errors.ts';
import type { LogFold } from './fold.ts';
import type { Plan, ReadBytes, Tries } from './plan.ts';
import { checkAnswer } from './raw.ts';
import type { Receipts } from './receipts.ts';
import { parseTombstone, TOMBSTONE_START_BYTES } from './tombstone.ts';
import { type Position, position } from './types.ts';

/** The most that one read takes, so that catching up needs bounded memory. */
const READ_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Sends one append, the same bytes at the same position, until it is clear what became of it. Null if it landed, else
 * the length that was found in its place, or the error that it ends with if there is no tombstone there.
 */
export function* landed(
  tries: Tries,
  fold: LogFold,
  append: EncodedAppend,
): Plan<Position | AppendError | null> {
  const start = fold.end;
  for (;;) {
    const attempt = yield* tries.append(start, append.body);
    if (attempt.outcome === 'appended') {
      const { body, crc64 } = append;
      checkAnswer(tries, attempt, position(start + body.length), fold.crc64After(crc64, body.length));
      return null;
    }
    if (attempt.outcome === 'barred') return attempt.error;
    if (attempt.outcome !== 'conflict') continue; // §4.2: only one of them can land
    const found = attempt.length ?? position((yield* tries.head())?.length ?? 0);
    if (found !== start) return found;
    yield* tries.pause();
  }
}

/** The fold of what there is where an append did not land, for one of the reasons of `landed`. */
export function* after(
  tries: Tries,
  log: ColdStart,
  fold: LogFold,
  call: Receipts,
  found: Position | AppendError,
): Plan<LogFold> {
  if (typeof found === 'number') return yield* caughtUp(tries, log, fold, call, found);
  const behind = yield* behindTombstone(tries, log, fold, call);
  if (behind === null) throw found;
  return behind;
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
      const behind =
        read !== null && cannotGrow(read) ? yield* behindTombstone(tries, log, fold, call) : null;
      if (behind !== null) return behind;
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
export function* freshened(tries: Tries, log: ColdStart, fold: LogFold, call: Receipts): Plan<LogFold> {
  const { end, segment } = fold;
  // From the last byte known: a range that begins at the object's end would be refused.
  const last = position(Math.max(0, end - 1));
  const read = yield* tries.bytes({ ask: 'read', start: last, end: position(end + READ_BYTES_MAX) });
  if (read === null && end === 0) return fold; // a segment that nobody has begun
  const behind = read !== null && cannotGrow(read) ? yield* behindTombstone(tries, log, fold, call) : null;
  if (behind !== null) return behind;
  const continues = read !== null && read.length >= end;
  if (continues) fold.push(read.bytes.subarray(end - last));
  if (!continues || (fold.end === read.length && !fold.agreesWith(read.crc64))) {
    call.forget();
    return yield* cold(tries, log, continues ? segment : 0);
  }
  call.note(fold);
  return yield* caughtUp(tries, log, fold, call, position(read.length));
}

/**
 * The fold that a log goes on from behind the tombstone that is in the place of a segment (§3.7); null if there is none.
 */
function* behindTombstone(
  tries: Tries,
  log: ColdStart,
  { segment }: LogFold,
  call: Receipts,
): Plan<LogFold | null> {
  const start = yield* tries.bytes({
    ask: 'read',
    start: position(0),
    end: position(TOMBSTONE_START_BYTES),
  });
  if (start === null || parseTombstone(start.bytes) === null) return null;
  const fold = yield* cold(tries, log, segment);
  if (fold.segment < segment || (fold.segment === segment && !fold.closed)) return null;
  settle(tries, fold, call);
  tries.unclearAt = null;
  return fold;
}

/** A log that is appended to never is such an object, whatever its bytes look like. */
const cannotGrow = ({ type }: ReadBytes): boolean => type !== null && type !== 'Appendable';

/**
 * Notes what is in. An attempt of ours that is unclear may have been in what a tombstone stands for, and been forgotten
 * since: then nobody can tell.
 */
function settle(tries: Tries, fold: LogFold, call: Receipts): void {
  const { records, refusal } = call.fresh(fold);
  if (tries.unclearAt === null || (records.length === 0 && refusal === null)) return;
  throw tries.unknown('The log was retired during the append.');
}
