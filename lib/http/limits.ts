/**
 * What a request may be by its first lines. Function Compute keeps the same limits (FC documentation, "Limits") where it is
 * in front; what it adds itself, the `x-fc-` headers, does not count.
 */
import type { IncomingMessage } from 'node:http';
import { IntakeError } from '../intake/errors.ts';

/** Path and query. */
export const TARGET_BYTES_MAX = 4 * 1024;
/** Names and values. */
export const HEADER_BYTES_MAX = 8 * 1024;

const OWN = /^x-fc-/i;
/** The only one there is (RFC 9110 §10.1.1). */
const CONTINUE = /^\s*100-continue\s*$/i;

/** Throws `IntakeError`. */
export function assertWithinLimits({
  url = '',
  rawHeaders,
  headers,
}: Pick<IncomingMessage, 'url' | 'rawHeaders' | 'headers'>): void {
  if (url.length > TARGET_BYTES_MAX) {
    throw new IntakeError(
      'UriTooLong',
      `Path and query have ${TARGET_BYTES_MAX} bytes at most. Shorten them.`,
    );
  }
  let bytes = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    if (!OWN.test(name)) bytes += name.length + (rawHeaders[at + 1] ?? '').length;
  }
  if (bytes > HEADER_BYTES_MAX) {
    throw new IntakeError(
      'HeadersTooLarge',
      `The headers have ${HEADER_BYTES_MAX} bytes at most. Send fewer.`,
    );
  }
  if (headers.expect !== undefined && !CONTINUE.test(headers.expect)) {
    throw new IntakeError('ExpectationFailed', 'The only expectation that is met here is 100-continue.');
  }
}
