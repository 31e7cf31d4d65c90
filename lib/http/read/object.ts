/**
 * Answers GET and HEAD with an object's bytes (RFC 9110 §13, §14).
 *
 * An object only grows, so its length says which version of it there is: the `ETag` is the length, as an append answers
 * it, and a range that was read once stays the same.
 */
import { IntakeError, quote } from '../../intake/errors.ts';
import type { ObjectStore, StoreCall } from '../../store/port.ts';
import { etagOf } from '../problem.ts';
import { type AskedRange, RangeNotSatisfiable, rangeOf } from './range.ts';

export type ObjectReader = Pick<ObjectStore, 'head' | 'read'>;

export interface ReadRequest {
  /** Of the object, or of the log's segment. */
  readonly object: string;
  readonly contentType: string;
  readonly headers: Headers;
  /** HEAD: everything but the bytes. */
  readonly isHead: boolean;
  /** What is left of the call's time, milliseconds. */
  readonly remainingMs: () => number;
}

/** Bytes of one answer. An event function's answer is held in memory, in Base64, and ends at 32 MB. */
export const READ_BYTES_MAX = 8 * 1024 * 1024;
/** Kept back from the remaining time, to answer before the platform ends the call. */
const ANSWER_MS = 300;
const REQUEST_TIMEOUT_MS = 30_000;

/** Throws `IntakeError`, and `StoreError` where the store does not give the object. */
export async function readObject(store: ObjectReader, request: ReadRequest): Promise<Response> {
  const { object, headers, isHead } = request;
  if (headers.has('if-match')) {
    throw new IntakeError(
      'InvalidCondition',
      'If-Match is for appends. To read only what is new, send Range or If-None-Match.',
    );
  }
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
  status: number,
  { contentType }: ReadRequest,
  length: number,
  more: Readonly<Record<string, string>> = {},
  bytes: Uint8Array | null = null,
): Response {
  const headers = {
    etag: etagOf(length),
    // It may have grown by the next call.
    'cache-control': 'no-cache',
    'accept-ranges': 'bytes',
    ...(status !== 304 && { 'content-type': contentType, 'x-content-type-options': 'nosniff' }),
    ...(bytes && { 'content-length': String(bytes.length) }),
    ...more,
  };
  return new Response(bytes && new Uint8Array(bytes), { status, headers });
}

/** Whether a list of entity tags has this one. Weak ones count here too (RFC 9110 §13.1.2). */
function isAmong(list: string, etag: string): boolean {
  const tags = list.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes(etag) || tags.includes('*');
}

function storeCall({ remainingMs }: ReadRequest): StoreCall {
  const timeoutMs = Math.min(REQUEST_TIMEOUT_MS, remainingMs() - ANSWER_MS);
  if (timeoutMs > 0) return { timeoutMs };
  throw new IntakeError('OutOfTime', 'The time of the call was up before the object was read. Try again.');
}

function nothingThere(object: string): IntakeError {
  return new IntakeError('NotFound', `There is no object ${quote(object)}. It comes with the first append.`);
}
