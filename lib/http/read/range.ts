/** `Range: bytes=…` (RFC 9110 §14): one range of bytes. */
import { IntakeError } from '../../intake/errors.ts';

/** As it was asked for: `[start, end)`, with an infinite end where none was said, or the last bytes. */
export type AskedRange = { readonly start: number; readonly end: number } | { readonly last: number };

/** No byte of the object is in the range that was asked for. */
export class RangeNotSatisfiable extends IntakeError {
  /** The object's length, in bytes. */
  readonly length: number;

  constructor(length: number) {
    super(
      'RangeNotSatisfiable',
      `The object is ${length} bytes long, and the range begins after them. Ask again when it has grown.`,
    );
    this.length = length;
  }
}

const RANGE = /^bytes=(\d*)-(\d*)$/i;

/** Null where there is none, or one that RFC 9110 has passed over: several, in another unit, or backwards. */
export function rangeOf(header: string | null): AskedRange | null {
  const [, first = '', last = ''] = RANGE.exec(header?.trim() ?? '') ?? [];
  if (first === '') return last === '' ? null : { last: Number(last) };
  const start = Number(first);
  const end = last === '' ? Number.POSITIVE_INFINITY : Number(last) + 1;
  return start < end ? { start, end } : null;
}
