/** What the answers to all reads have in common (RFC 9110 §13). */
import { IntakeError, quote } from '../../intake/errors.ts';
import type { ObjectStore, StoreCall } from '../../store/port.ts';

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

/** `headers` have the ETag and the content type. */
export function readAnswer(
  status: 200 | 206 | 304,
  { 'content-type': contentType, ...headers }: Readonly<Record<'etag' | 'content-type', string>>,
  bytes: Uint8Array | null,
): Response {
  return new Response(bytes && new Uint8Array(bytes), {
    status,
    headers: {
      // It may have grown by the next call.
      'cache-control': 'no-cache',
      ...(status !== 304 && { 'content-type': contentType, 'x-content-type-options': 'nosniff' }),
      ...(bytes && { 'content-length': String(bytes.length) }),
      ...headers,
    },
  });
}

/** Throws `IntakeError` `InvalidCondition`. */
export function assertNoIfMatch(headers: Headers): void {
  if (!headers.has('if-match')) return;
  throw new IntakeError(
    'InvalidCondition',
    'If-Match is for appends. To read only what is new, send Range or If-None-Match.',
  );
}

/** Whether a list of entity tags has this one. Weak ones count here too (RFC 9110 §13.1.2). */
export function isAmong(list: string, etag: string): boolean {
  const tags = list.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes(etag) || tags.includes('*');
}

/** Throws `IntakeError` `OutOfTime`. */
export function storeCall({ remainingMs }: Pick<ReadRequest, 'remainingMs'>): StoreCall {
  const timeoutMs = Math.min(REQUEST_TIMEOUT_MS, remainingMs() - ANSWER_MS);
  if (timeoutMs > 0) return { timeoutMs };
  throw new IntakeError('OutOfTime', 'The time of the call was up before the object was read. Try again.');
}

export function nothingThere(object: string): IntakeError {
  return new IntakeError('NotFound', `There is no object ${quote(object)}. It comes with the first append.`);
}
