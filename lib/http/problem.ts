/** Errors as problem documents (RFC 9457). The types are listed in PROTOCOL.md; the detail is for people. */
import type { Receipt, RecordReceipt } from '../append/types.ts';
import { failureOf } from '../intake/failure.ts';
import { AccessError } from './access/refusal.ts';
import { ACCEPTED } from './media-type.ts';
import { RangeNotSatisfiable } from './read/range.ts';

/** What a caller who is told nothing better waits before the next try, in seconds. */
const RETRY_AFTER_S = 1;

export interface ProblemContext {
  readonly requestId: string | null;
  /** Of a call for several objects: where the records are that are in, null for those that are not. */
  readonly receipts?: readonly (Receipt | RecordReceipt | null)[] | undefined;
}

/** The answer to a call that ended with `error`. */
export function problemResponse(error: unknown, { requestId, receipts }: ProblemContext): Response {
  const failure = failureOf(error);
  const { code, httpStatus: status, fate, message, retryAfterMs, positions, misfits, ...more } = failure;
  const document = Object.entries({
    type: problemType(code),
    title: words(code),
    status,
    detail: message,
    fate,
    ...more,
    errors: misfits,
    positions: positions?.length ? positions : null,
    requestId,
    receipts,
  });
  const headers = new Headers({ 'content-type': 'application/problem+json' });
  if (status === 503 || status === 504) {
    const seconds = retryAfterMs === null ? RETRY_AFTER_S : Math.ceil(retryAfterMs / 1000);
    headers.set('retry-after', String(seconds));
  }
  const facts = {
    etag: failure.position === null ? null : etagOf(failure.position),
    'producer-epoch': failure.epoch,
    'producer-expected-seq': failure.expectedSeq,
    'producer-received-seq': failure.receivedSeq,
  };
  for (const [name, fact] of Object.entries(facts)) if (fact !== null) headers.set(name, String(fact));
  if (error instanceof AccessError && error.challenge !== null)
    headers.set('www-authenticate', error.challenge);
  if (error instanceof RangeNotSatisfiable) headers.set('content-range', `bytes */${error.length}`);
  if (status === 415) headers.set('accept', ACCEPTED);
  return new Response(JSON.stringify(Object.fromEntries(document.filter(saysSomething))), {
    status,
    headers,
  });
}

/** `UnknownTarget` → `urn:oss-append:problem:unknown-target` */
export function problemType(code: string): string {
  return `urn:oss-append:problem:${words(code).toLowerCase().replaceAll(' ', '-')}`;
}

/** A position in the form that `If-Match` takes. */
export function etagOf(position: number): string {
  return `"${position}"`;
}

/** A member of the document that does not is left out. Within a receipt, null says that something is not known. */
function saysSomething([, value]: readonly [string, unknown]): boolean {
  return value !== '' && value !== null;
}

/** `UnknownTarget` → `Unknown target` */
function words(code: string): string {
  return code.replace(/(?<!^)[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
