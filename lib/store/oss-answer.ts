/** Reading what OSS answers: headers, error codes, ranges. Pure. */

import type { HttpAnswer } from './oss-wire.ts';
import { NO_ANSWER, StoreError } from './port.ts';

const MESSAGE_CHARS_MAX = 300;

/** A header that is a whole number of 0 or more, or null. */
export function count(answer: HttpAnswer, header: string): number | null {
  return wholeNumber(answer.headers.get(header));
}

/** CRC-64/XZ of the whole object; OSS writes it as an unsigned decimal number. */
export function crc64(answer: HttpAnswer): bigint | null {
  const text = answer.headers.get('x-oss-hash-crc64ecma');
  return text !== undefined && /^\d+$/.test(text) ? BigInt(text) : null;
}

/** `Appendable`, `Normal`, `Multipart` or `Symlink`. */
export function objectType({ headers }: HttpAnswer): string | null {
  return headers.get('x-oss-object-type') ?? null;
}

/** OSS's own code for a refused call, or null where the answer carries none. */
export function errorCode(answer: HttpAnswer): string | null {
  return element(errorDocument(answer), 'Code');
}

/**
 * Whether the answer says that nothing is under the key. A HEAD has no body: newer OSS puts the error document into a
 * header, older OSS leaves a bare 404. The bare one is taken for a missing object: if the bucket is what is
 * missing, the append that follows is told so.
 */
export function isMissing(answer: HttpAnswer): boolean {
  return answer.status === 404 && (errorCode(answer) ?? 'NoSuchKey') === 'NoSuchKey';
}

/**
 * The object's length from a refused range (`InvalidRange`), or null if it does not tell. HTTP has it in
 * `Content-Range` (RFC 9110 §15.5.17), the error document in `<ActualObjectSize>`.
 */
export function lengthOfRefusedRange(answer: HttpAnswer): number | null {
  if (answer.status !== 416) return null;
  const [, length] = /^bytes \*\/(\d+)$/.exec(answer.headers.get('content-range') ?? '') ?? [];
  return wholeNumber(length ?? element(errorDocument(answer), 'ActualObjectSize'));
}

/** Start and object length from the `Content-Range` of a 206, null if it has none that fits the body. */
export function servedRange(answer: HttpAnswer): { start: number; length: number } | null {
  const [, first, last, whole] =
    /^bytes (\d+)-(\d+)\/(\d+)$/.exec(answer.headers.get('content-range') ?? '') ?? [];
  const start = wholeNumber(first);
  const length = wholeNumber(whole);
  if (start === null || length === null || Number(last) - start + 1 !== answer.body.length) return null;
  return { start, length };
}

/** The refused call as an error. The text is OSS's own, shortened; it has no payload and no credential in it. */
export function refusal(answer: HttpAnswer): StoreError {
  const document = errorDocument(answer);
  const code = element(document, 'Code') ?? `Http${answer.status}`;
  const reason = element(document, 'Message')?.slice(0, MESSAGE_CHARS_MAX) ?? 'no reason given';
  return new StoreError(code, `OSS refused with ${code} (HTTP ${answer.status}): ${reason}`, {
    status: answer.status,
    requestId: text(answer.headers.get('x-oss-request-id')),
    delayMs: count(answer, 'x-oss-qos-delay-time'),
  });
}

/** A success that lacks what a success has to say: as good as no answer. */
export function incomplete(answer: HttpAnswer, lacking: string): StoreError {
  return new StoreError(NO_ANSWER, `OSS gave no complete answer: HTTP ${answer.status} without ${lacking}.`, {
    requestId: text(answer.headers.get('x-oss-request-id')),
  });
}

function errorDocument({ headers, body }: HttpAnswer): string {
  if (body.length > 0) return body.toString('utf8');
  return Buffer.from(text(headers.get('x-oss-err')) ?? '', 'base64').toString('utf8');
}

/** Text of the first `<name>`. Error documents are flat and their codes plain words, so this needs no XML parser. */
function element(document: string, name: string): string | null {
  const [, content] = new RegExp(`<${name}>([^<]+)</${name}>`).exec(document) ?? [];
  return content ?? null;
}

function text(header: string | undefined): string | null {
  return header || null;
}

function wholeNumber(digits: string | null | undefined): number | null {
  if (digits === null || digits === undefined || !/^\d+$/.test(digits)) return null;
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value : null;
}
