/**
 * Answers GET and HEAD with an object's bytes (RFC 9110 §13, §14).
 *
 * An object only grows, so its length says which version of it there is: the `ETag` is the length, as an append answers
 * it, and a range that was read once stays the same.
 */
import { IntakeError } from '../../intake/errors.ts';
import { etagOf } from '../problem.ts';
import {
  assertNoIfMatch,
  isAmong,
  nothingThere,
  type ObjectReader,
  READ_BYTES_MAX,
  type ReadRequest,
  readAnswer,
  storeCall,
} from './answer.ts';
import { type AskedRange, RangeNotSatisfiable, rangeOf } from './range.ts';

/** Throws `IntakeError`, and `StoreError` where the store does not give the object. */
export async function readObject(store: ObjectReader, request: ReadRequest): Promise<Response> {
  const { object, headers, isHead } = request;
  assertNoIfMatch(headers);
  const known = headers.get('if-none-match');
  const ifRange = headers.get('if-range');
  let range = isHead ? null : rangeOf(headers.get('range'));
  if (isHead || known !== null || (range && (ifRange !== null || 'last' in range))) {
    const info = await store.head(object, storeCall(request));
    if (info === null) throw nothingThere(object);
    const { length } = info;
    if (known !== null && isAmong(known, etagOf(length))) return answer(304, request, length);
    if (isHead) return answer(200, request, length, { 'content-length': String(length) });
    // A part of another version would be of no use to whoever has parts of this one.
    if (ifRange !== null && ifRange.trim() !== etagOf(length)) range = null;
    if (range) range = fromStart(range, length);
  }
  return range && !('last' in range) ? part(store, request, range) : whole(store, request);
}

async function whole(store: ObjectReader, request: ReadRequest): Promise<Response> {
  const { object } = request;
  const read = await store.read(object, { start: 0, end: READ_BYTES_MAX }, storeCall(request));
  if (read === null) throw nothingThere(object);
  const { bytes, length } = read;
  if (length > READ_BYTES_MAX) {
    throw new IntakeError(
      'ObjectTooLarge',
      `The object is ${length} bytes long, and an answer holds ${READ_BYTES_MAX} at most. Ask for it in parts: Range: bytes=0-${READ_BYTES_MAX - 1}, and so on.`,
    );
  }
  return answer(200, request, length, {}, bytes);
}

/** No more of it than fits one answer: `Content-Range` says how much that is. */
async function part(
  store: ObjectReader,
  request: ReadRequest,
  { start, end }: Extract<AskedRange, { start: number }>,
): Promise<Response> {
  const { object } = request;
  // A position that is no exact number is beyond every object.
  const from = Math.min(start, Number.MAX_SAFE_INTEGER - READ_BYTES_MAX);
  const to = Math.min(end, from + READ_BYTES_MAX);
  const read = await store.read(object, { start: from, end: to }, storeCall(request));
  if (read === null) throw nothingThere(object);
  const { bytes, length } = read;
  if (bytes.length === 0) throw new RangeNotSatisfiable(length);
  const range = `bytes ${from}-${from + bytes.length - 1}/${length}`;
  return answer(206, request, length, { 'content-range': range }, bytes);
}

function fromStart(range: AskedRange, length: number): Extract<AskedRange, { start: number }> {
  if (!('last' in range)) return range;
  return { start: Math.max(0, length - range.last), end: length };
}

function answer(
  status: 200 | 206 | 304,
  { contentType }: ReadRequest,
  length: number,
  more: Readonly<Record<string, string>> = {},
  bytes: Uint8Array | null = null,
): Response {
  const headers = { etag: etagOf(length), 'accept-ranges': 'bytes', 'content-type': contentType, ...more };
  return readAnswer(status, headers, bytes);
}
