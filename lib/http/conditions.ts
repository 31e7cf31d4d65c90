/** The two headers that say how to append: `If-Match` and `Idempotency-Key`. */
import { IntakeError } from '../intake/errors.ts';

const POSITION = /^"(\d+)"$/;
const IDEMPOTENCY_KEY_CHARS_MAX = 200;
/** Printable ASCII without quotes, and without the slash that numbers the records of one call. */
const IDEMPOTENCY_KEY = /^(?!.*["/\\])[\x21-\x7e]+$/;

/** The length that the object must have, in bytes; undefined if any will do. Throws `IntakeError` `InvalidCondition`. */
export function ifPositionOf(headers: Headers): number | undefined {
  if (headers.has('if-none-match')) {
    throw new IntakeError(
      'InvalidCondition',
      'If-None-Match is not known here. For a new object send If-Match: "0".',
    );
  }
  const condition = headers.get('if-match');
  if (condition === null) return undefined;
  const position = Number(POSITION.exec(condition.trim())?.[1]);
  if (Number.isSafeInteger(position)) return position;
  throw new IntakeError('InvalidCondition', 'If-Match is a position in bytes, in quotes: If-Match: "1024".');
}

/**
 * The name that the caller gives the record, or undefined. Quotes around it, as in structured headers, are no part of
 * it. Throws `IntakeError` `InvalidIdempotencyKey`.
 */
export function idempotencyKeyOf(headers: Headers): string | undefined {
  const header = headers.get('idempotency-key');
  if (header === null) return undefined;
  const key = header.trim().replace(/^"(.*)"$/, '$1');
  if (key.length <= IDEMPOTENCY_KEY_CHARS_MAX && IDEMPOTENCY_KEY.test(key)) return key;
  throw new IntakeError(
    'InvalidIdempotencyKey',
    `An Idempotency-Key is 1 to ${IDEMPOTENCY_KEY_CHARS_MAX} printable ASCII characters without space, quote, slash and backslash, such as a UUID.`,
  );
}
