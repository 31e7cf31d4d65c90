import { type Pointer, parseCheckpointLine, pointers } from './checkpoint.ts';
import { type FoldLimits, LogFold, UNCOVERED_BYTES_MAX } from './fold.ts';
import type { Plan, ReadBytes, Tries } from './plan.ts';
import { segmentKey } from './segment.ts';
import { byteLength, type Position, position } from './types.ts';

/**
 * How a writer that knows nothing of a log comes to know it (PROTOCOL.md §4.1): one read of the tail, which says where
 * the last checkpoint is, and one of what lies between. More are needed only where a log has several segments, or where
 * others appended bytes of their own to its end.
 */
export interface ColdStart extends FoldLimits {
  readonly key: string;
  /** How much of the end is read first: a checkpoint that is near is had with it. */
  readonly tailBytes: number;
}

/** Pieces in which the end of an object is searched for a commit, where others appended so much. */
const SEARCH_BYTES = 4 * 1024 * 1024;
/** What a pointer leads to is no larger than this, or it is none: a window of a million records takes 26 MB. */
const POINTED_BYTES_MAX = 64 * 1024 * 1024;
const LINE_END = 10;

/** The fold of the log's last segment. `from`: a segment that is there; the ones before it are not asked for. */
export function* cold(tries: Tries, log: ColdStart, from = 0): Plan<LogFold> {
  for (;;) {
    let segment = from;
    let tail = yield* tailOf(tries, log, segment);
    if (tail === null) {
      if (from === 0) return LogFold.empty(log);
      return yield* cold(tries, log);
    }
    const closes = pointerOf(tail)?.closes === true;
    let fold = closes ? null : yield* foldOf(tries, log, segment, tail);
    // Bytes of others may hide from the tail that the segment is closed.
    if (closes || fold?.closed === true) {
      segment = yield* lastSegment(tries, log, segment);
      if (segment !== from) {
        tail = yield* tailOf(tries, log, segment);
        fold = null;
      }
      if (tail !== null) fold ??= yield* foldOf(tries, log, segment, tail);
    }
    if (fold !== null) return fold;
    yield* tries.pause(); // the bytes were damaged on the way, or of two objects
  }
}

function* tailOf(tries: Tries, { key, tailBytes }: ColdStart, segment: number): Plan<ReadBytes | null> {
  tries.key = segmentKey(key, segment);
  return yield* tries.bytes({ ask: 'tail', bytesMax: byteLength(tailBytes) });
}

function pointerOf({ bytes }: ReadBytes): Pointer | undefined {
  const [last] = pointers(viewOf(bytes));
  return last;
}

/** Of segments that follow each other from `first` on, the last: found in steps that double, then halve. */
function* lastSegment(tries: Tries, { key }: ColdStart, first: number): Plan<number> {
  function* exists(segment: number): Plan<boolean> {
    tries.key = segmentKey(key, segment);
    return (yield* tries.head()) !== null;
  }
  let there = first;
  let step = 1;
  while (yield* exists(there + step)) {
    there += step;
    step *= 2;
  }
  for (step = Math.floor(step / 2); step > 0; step = Math.floor(step / 2))
    if (yield* exists(there + step)) there += step;
  tries.key = segmentKey(key, there);
  return there;
}

/** The fold of one segment to its end, and the store's checksum of it; null if it is not there. */
export function* segmentFold(
  tries: Tries,
  log: ColdStart,
  segment: number,
): Plan<{ fold: LogFold; crc64: bigint | null } | null> {
  for (;;) {
    const tail = yield* tailOf(tries, log, segment);
    if (tail === null) return null;
    const fold = yield* foldOf(tries, log, segment, tail);
    if (fold !== null) return { fold, crc64: tail.crc64 };
    yield* tries.pause(); // as in `cold`
  }
}

/** The fold of a segment up to where `tail` ends, null if the bytes do not fit together. */
function* foldOf(tries: Tries, log: ColdStart, segment: number, tail: ReadBytes): Plan<LogFold | null> {
  const end = position(tail.length);
  let bytes = viewOf(tail.bytes);
  let start = tail.start;
  let searchedTo = bytes.length;
  for (;;) {
    for (const { checkpoint } of pointers(bytes.subarray(0, searchedTo))) {
      if (checkpoint === 0 && segment > 0) continue;
      if (checkpoint >= end || end - checkpoint > POINTED_BYTES_MAX) continue;
      const before = checkpoint < start ? yield* between(tries, checkpoint, position(start)) : null;
      if (checkpoint < start && before === null) return null;
      const known = before === null ? bytes.subarray(checkpoint - start) : Buffer.concat([before, bytes]);
      const fold = foldFrom(log, segment, checkpoint, known);
      if (fold !== null && fold.end === end && fold.agreesWith(tail.crc64)) return fold;
    }
    if (start === 0) return yield* foldOfAll(tries, log, segment, bytes, tail);
    if (end - start > UNCOVERED_BYTES_MAX) {
      // §3.6: so much that no commit covers hides what came before it.
      const endsLine = bytes.at(-1) === LINE_END;
      return LogFold.unknown(log, { segment, end, crc64: tail.crc64, endsLine });
    }
    const from = position(Math.max(0, start - SEARCH_BYTES));
    const before = yield* between(tries, from, position(start));
    if (before === null) return null;
    // The line that was cut at `start` is whole now.
    searchedTo = before.length + Math.max(0, bytes.indexOf(LINE_END) + 1);
    bytes = Buffer.concat([before, bytes]);
    start = from;
  }
}

/** The fold that starts with the checkpoint line that `bytes` start with, or with the object; null if there is none. */
function foldFrom(log: ColdStart, segment: number, checkpoint: Position, bytes: Buffer): LogFold | null {
  let fold = LogFold.empty(log);
  if (checkpoint > 0) {
    const parsed = parseCheckpointLine(bytes.toString('utf8', 0, bytes.indexOf(LINE_END)));
    if (parsed?.position !== checkpoint || parsed.segment !== segment) return null;
    fold = LogFold.restored(log, parsed);
  }
  fold.push(bytes);
  return fold;
}

/** No commit at the end says what is known: all of the bytes do. */
function* foldOfAll(
  tries: Tries,
  log: ColdStart,
  segment: number,
  bytes: Buffer,
  tail: ReadBytes,
): Plan<LogFold | null> {
  // Bytes of others stand where a segment should begin; what it goes on from is in the one before.
  if (segment > 0) {
    const before = yield* tailOf(tries, log, segment - 1);
    const fold = before === null ? null : yield* foldOf(tries, log, segment - 1, before);
    tries.key = segmentKey(log.key, segment);
    if (fold?.closed !== true) return null;
    const next = fold.next();
    next.push(bytes);
    return next.agreesWith(tail.crc64) ? next : null;
  }
  const fold = LogFold.empty(log);
  fold.push(bytes);
  return fold.agreesWith(tail.crc64) ? fold : null;
}

/** `[start, end)`, null if it is not there as a whole. */
function* between(tries: Tries, start: Position, end: Position): Plan<Buffer | null> {
  const read = yield* tries.bytes({ ask: 'read', start, end });
  return read?.start === start && read.bytes.length === end - start ? viewOf(read.bytes) : null;
}

const viewOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
