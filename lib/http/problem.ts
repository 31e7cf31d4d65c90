/** Errors as problem documents (RFC 9457). The types are listed in PROTOCOL.md; the detail is for people. */
import type { Receipt } from '../append/types.ts';
import { failureOf } from '../intake/failure.ts';
import { ACCEPTED } from './media-type.ts';

/** What a caller who is told nothing better waits before the next try, in seconds. */
const RETRY_AFTER_S = 1;

export interface ProblemContext {
  readonly requestId: string | null;
  /** Of a call for several objects: where the records are that are in, null for those that are not. */
  readonly receipts?: readonly (Receipt | null)[] | undefined;
}

/** The answer to a call that ended with `error`. */
export function problemResponse(error: unknown, { requestId, receipts }: ProblemContext): Response {
  const failure = failureOf(error);
  const { code, httpStatus: status, fate, message, retryAfterMs, positions, ...more } = failure;
  const document = {
    type: `urn:oss-append:problem:${kebab(code)}`,
    title: words(code),
    status,
    detail: message,
    fate,
    ...more,
    positions: positions?.length ? positions : null,
    requestId,
    receipts,
  };
  const headers = new Headers({ 'content-type': 'application/problem+json' });
  if (status === 503 || status === 504) {
    const seconds = retryAfterMs === null ? RETRY_AFTER_S : Math.ceil(retryAfterMs / 1000);
    headers.set('retry-after', String(seconds));
  }
  if (failure.position !== null) headers.set('etag', etagOf(failure.position));
  if (status === 415) headers.set('accept', ACCEPTED);
  return new Response(JSON.stringify(document, withoutGaps), { status, headers });
}

/** A position in the form that `If-Match` takes. */
export function etagOf(position: number): string {
  return `"${position}"`;
}

/** A member that says nothing is left out. In an array, JSON writes null for it again. */
function withoutGaps(_name: string, value: unknown): unknown {
  return value === '' || value === null ? undefined : value;
}

/** `UnknownTarget` → `unknown-target` */
function kebab(code: string): string {
  return words(code).toLowerCase().replaceAll(' ', '-');
}

/** `UnknownTarget` → `Unknown target` */
function words(code: string): string {
  return code.replace(/(?<!^)[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
