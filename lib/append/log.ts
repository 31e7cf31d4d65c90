import { type EncodedAppend, encodeAppend } from './encode.ts';
import { InvalidRecord } from './errors.ts';
import { APPEND_BYTES_MAX, type Known, LogFold } from './fold.ts';
import { turnOf } from './pace.ts';
import { type Plan, Tries } from './plan.ts';
import { checkAnswer } from './raw.ts';
import { byteLength, type LogRecord, type Position, position, type RecordReceipt } from './types.ts';

/** The most that one read takes, so that catching up needs bounded memory. */
const READ_BYTES_MAX = 4 * 1024 * 1024;

export interface LogOptions {
  /** What was left of the last call, null if nothing is known. */
  readonly known: LogFold | null;
  readonly ifPosition: Position | null;
  readonly writer: string;
  /** What the writer measured to the store. */
  readonly roundTripMs: number;
  /** Time of the commit, epoch milliseconds. */
  readonly atMs: number;
  /** How far back a record is recognised, in bytes (PROTOCOL.md §4.1). */
  readonly windowBytes: number;
  /** Others are writing: read what is new before the first attempt (PROTOCOL.md §4.8). */
  readonly othersWrite?: boolean;
}

/**
 * Appends to a `log` object those of `records` (one or more) that are not in it yet (PROTOCOL.md §4.2).
 *
 * One receipt a record, in order. A record given twice in one call is appended once. The fold in the answer is for
 * the next call; after an error there is none, and the next call starts cold.
 */
export function* appendLog(
  key: string,
  records: readonly LogRecord[],
  options: LogOptions,
): Plan<{ receipts: RecordReceipt[]; fold: LogFold }> {
  const { ifPosition, writer, roundTripMs, windowBytes } = options;
  let { atMs } = options;
  const tries = new Tries(key);
  const call = new Receipts(key, records, writer);
  let fold = options.known ?? (yield* cold(tries, windowBytes));
  if (options.known !== null && options.othersWrite === true) fold = yield* freshened(tries, fold, call);
  if (ifPosition !== null && fold.end !== ifPosition) {
    fold = yield* caughtUp(tries, fold, call, position((yield* tries.head())?.length ?? 0));
  }

  for (;;) {
    const fresh = call.notIn(fold);
    if (fresh.length === 0) return { receipts: call.all(), fold };
    if (ifPosition !== null && fold.end !== ifPosition) throw tries.mismatch(fold.end, ifPosition);
    const append = encodeAppend(fresh, {
      ...options,
      atMs,
      turn: turnOf(fold.activity, writer, roundTripMs),
      start: fold.end,
      endsLine: fold.endsLine,
    });
    checkSize(append, windowBytes);
    const found = yield* landed(tries, fold, append);
    if (found === null) {
      call.attempted(append);
      fold.committed(append);
    } else {
      if (tries.unclearAt !== null) call.attempted(append);
      fold = yield* caughtUp(tries, fold, call, found);
      if (call.notIn(fold).length === 0) continue; // an attempt of ours had landed
      const nowMs = yield* tries.turn(fold.activity);
      if (nowMs === null) continue; // the conflict is fresh: nobody can be faster than now
      atMs = nowMs;
      fold = yield* freshened(tries, fold, call);
    }
  }
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

/** The fold of everything up to `found`; what of the call's records turned up on the way is noted in `call`. */
function* caughtUp(tries: Tries, fold: LogFold, call: Receipts, found: Position): Plan<LogFold> {
  const unclear = tries.unclearAt !== null;
  const replaced = found < fold.end;
  let agrees = true;
  // A writer that slept through more than the window may as well start anew, unless bytes of its own may be there.
  if (!replaced && (unclear || found - fold.end <= fold.windowBytes)) {
    while (fold.end < found) {
      // An attempt of ours is looked at by itself: what follows it may be longer than the window (§4.2).
      const next = Math.min(found, fold.end + READ_BYTES_MAX, call.attemptEndAfter(fold.end));
      const read = yield* tries.bytes({ ask: 'read', start: fold.end, end: position(next) });
      if (read === null || read.bytes.length !== next - fold.end) break;
      fold.push(read.bytes);
      // These bytes do not continue what is known: the object is another one, or they were damaged on the way.
      if (read.length === next && !fold.agreesWith(read.crc64)) {
        agrees = false;
        break;
      }
      call.notIn(fold);
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
  return yield* cold(tries, fold.windowBytes);
}

/** The fold of all there is now, in one request if that is not much. */
function* freshened(tries: Tries, fold: LogFold, call: Receipts): Plan<LogFold> {
  const { end } = fold;
  // From the last byte known: a range that begins at the object's end would be refused.
  const last = position(Math.max(0, end - 1));
  const read = yield* tries.bytes({ ask: 'read', start: last, end: position(end + READ_BYTES_MAX) });
  const continues = read !== null && read.length >= end;
  if (continues) fold.push(read.bytes.subarray(end - last));
  if (!continues || (fold.end === read.length && !fold.agreesWith(read.crc64))) {
    call.forget();
    return yield* cold(tries, fold.windowBytes);
  }
  call.notIn(fold);
  return yield* caughtUp(tries, fold, call, position(read.length));
}

/** §4.1: one read of the tail finds the length and the window. */
function* cold(tries: Tries, windowBytes: number): Plan<LogFold> {
  for (;;) {
    // One byte more than the window tells whether its first byte starts a line.
    const tail = yield* tries.bytes({ ask: 'tail', bytesMax: byteLength(windowBytes + 1) });
    if (tail === null) return new LogFold(position(0), { windowBytes, crc64: 0n });
    const fold = new LogFold(position(tail.start), { windowBytes, crc64: tail.start === 0 ? 0n : null });
    fold.push(tail.bytes);
    if (fold.end === tail.length && fold.agreesWith(tail.crc64)) return fold;
    yield* tries.pause(); // the bytes were damaged on the way
  }
}

/** A source holds no NUL (§3.2), so the two cannot run into each other. */
const nameOf = ({ source, id }: Pick<LogRecord, 'source' | 'id'>): string => `${source}\0${id}`;

/** The receipts of one call, filled in as its records are found in the log. */
class Receipts {
  readonly #key: string;
  readonly #writer: string;
  readonly #records: readonly LogRecord[];
  readonly #found = new Map<string, Known>();
  /** Where appends of this call landed or may have landed: start → end. */
  readonly #attempts = new Map<Position, Position>();

  constructor(key: string, records: readonly LogRecord[], writer: string) {
    this.#key = key;
    this.#records = records;
    this.#writer = writer;
  }

  /** What was found is in an object that is no more. */
  forget(): void {
    this.#found.clear();
    this.#attempts.clear();
  }

  attempted({ commit, body }: EncodedAppend): void {
    this.#attempts.set(position(commit.start), position(commit.start + body.length));
  }

  /** Where the attempt that covers the byte at `at` ends, or infinity if there was none. */
  attemptEndAfter(at: Position): number {
    for (const [start, end] of this.#attempts) if (start <= at && at < end) return end;
    return Number.POSITIVE_INFINITY;
  }

  /** The records that are still to be appended, each once. Notes where the others are. */
  notIn(fold: LogFold): LogRecord[] {
    const fresh = new Map<string, LogRecord>();
    for (const record of this.#records) {
      const name = nameOf(record);
      if (this.#found.has(name) || fresh.has(name)) continue;
      const known = fold.find(record.source, record.id);
      if (known === undefined) fresh.set(name, record);
      else this.#found.set(name, known);
    }
    return [...fresh.values()];
  }

  all(): RecordReceipt[] {
    const given = new Set<string>();
    return this.#records.map(({ source, id }) => {
      const name = nameOf({ source, id });
      const known = this.#found.get(name);
      if (known === undefined) throw new Error(`a record of ${this.#key} is neither in nor to be appended`);
      const { start, end, record, writer } = known;
      const ours = writer === this.#writer && this.#attempts.has(start);
      const repeat = !ours || given.has(name);
      given.add(name);
      return { object: this.#key, start, end, id, source, record, repeat };
    });
  }
}

/** The ids of an append must fit the window, or the next writer could not recognise them. */
function checkSize({ body, lineBytes }: EncodedAppend, windowBytes: number): void {
  if (body.length > APPEND_BYTES_MAX) {
    throw new InvalidRecord(
      `The records of one append take ${body.length} bytes, and ${APPEND_BYTES_MAX} are allowed. Send fewer at once.`,
    );
  }
  if (lineBytes <= windowBytes) return;
  throw new InvalidRecord(
    `The ids of one append take ${lineBytes} bytes, and ${windowBytes} are allowed. Send fewer records at once, or shorter ids.`,
  );
}
