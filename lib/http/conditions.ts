/** The two headers that say how to append: `If-Match` and `Idempotency-Key`. */
import { IntakeError } from '../intake/errors.ts';

const POSITION = /^"(\d+)"$/;
export const NAME_CHARS_MAX = 200;
/** Printable ASCII without quotes, and without the slash that numbers the records of one call. */
const NAME = /^(?!.*["/\\])[\x21-\x7e]+$/;

/** What a name in a header may be, as the end of a sentence. */
export const NAME_CHARS = `1 to ${NAME_CHARS_MAX} printable ASCII characters without space, quote, slash and backslash, such as a UUID`;

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

/** The name that the caller gives the record, or undefined. Throws `IntakeError` `InvalidIdempotencyKey`. */
export function idempotencyKeyOf(headers: Headers): string | undefined {
  const header = headers.get('idempotency-key');
  if (header === null) return undefined;
  const key = nameOf(header);
  if (key !== null) return key;
  throw new IntakeError('InvalidIdempotencyKey', `An Idempotency-Key is ${NAME_CHARS}.`);
}

/** A name that the caller chose, or null if it is none. Quotes around it, as in structured headers, are no part of it. */
export function nameOf(header: string): string | null {
  const name = header.trim().replace(/^"(.*)"$/, '$1');
  return name.length <= NAME_CHARS_MAX && NAME.test(name) ? name : null;
}
