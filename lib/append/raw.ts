import { crc64, crc64Combine } from './crc64.ts';
import { type Plan, Tries } from './plan.ts';
import { advance, byteLength, type Position, position } from './types.ts';

/** What a writer knows of a `raw` object: its length, and its checksum if it is known. */
export interface RawState {
  readonly length: Position;
  readonly crc64: bigint | null;
}

/**
 * Appends `payload` (one byte or more) to a `raw` object, once, also if answers are lost (PROTOCOL.md §4.4).
 *
 * `known` is what was left of the last call, null if nothing is known; the answer's `state` is for the next one.
 * `ifPosition` appends only there.
 */
export function* appendRaw(
  key: string,
  payload: Uint8Array,
  options: { readonly known: RawState | null; readonly ifPosition: Position | null },
): Plan<{ start: Position; state: RawState }> {
  const { ifPosition } = options;
  const length = byteLength(payload.length);
  const sum = crc64(payload);
  const tries = new Tries(key);
  let state: RawState;
  if (ifPosition !== null) {
    state = options.known?.length === ifPosition ? options.known : { length: ifPosition, crc64: null };
  } else {
    state = options.known ?? (yield* current(tries));
  }

  for (;;) {
    const start = state.length;
    const attempt = yield* tries.append(start, payload);
    if (attempt.outcome === 'appended') {
      const end = advance(start, length);
      const expected = state.crc64 === null ? null : crc64Combine(state.crc64, sum, length);
      checkAnswer(tries, attempt, end, expected);
      return { start, state: { length: end, crc64: attempt.crc64 ?? expected } };
    }
    if (attempt.outcome === 'barred') throw attempt.error;
    if (attempt.outcome !== 'conflict') continue; // the same bytes at the same position: only one of them can land

    const found = attempt.length ?? (yield* current(tries)).length;
    if (tries.unclearAt !== null) {
      if (found < start) throw tries.unknown('The object was replaced or deleted during the append.');
      // §4.4: our own attempt may be what moved the length. Only the bytes there can tell.
      if (yield* isThere(tries, payload, start, found)) {
        return { start, state: { length: found, crc64: null } };
      }
      // Something else is at `start` now, so no attempt of ours at it can land any more.
      if (found > start) tries.unclearAt = null;
    }
    if (ifPosition !== null && found !== ifPosition) throw tries.mismatch(found, ifPosition);
    if (found === start) yield* tries.pause();
    else state = { length: found, crc64: null };
  }
}

function* current(tries: Tries): Plan<RawState> {
  const info = yield* tries.head();
  return info === null
    ? { length: position(0), crc64: 0n }
    : { length: position(info.length), crc64: info.crc64 };
}

/** Whether the object, `found` bytes long, has `payload` at `start`. */
function* isThere(tries: Tries, payload: Uint8Array, start: Position, found: Position): Plan<boolean> {
  const end = advance(start, byteLength(payload.length));
  if (found < end) return false;
  const read = yield* tries.bytes({ ask: 'read', start, end });
  if (read !== null && read.length >= end && (read.start !== start || read.bytes.length !== payload.length)) {
    throw tries.unknown('The store answered with other bytes than were asked for.');
  }
  return read !== null && Buffer.compare(read.bytes, payload) === 0;
}

/** §4.3: the store's answer must be what the bytes before and ours make. */
export function checkAnswer(
  tries: Tries,
  answer: { nextPosition: number; crc64: bigint | null },
  end: Position,
  expected: bigint | null,
): void {
  if (answer.nextPosition !== end) {
    throw tries.unknown(
      `The store answered that the object ends at ${answer.nextPosition}, and it should be ${end}.`,
    );
  }
  if (expected !== null && answer.crc64 !== null && answer.crc64 !== expected) {
    throw tries.unknown(
      'The checksum of the object is not that of its bytes before and ours: it was replaced.',
    );
  }
}
