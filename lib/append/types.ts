/**
 * The nouns of the append core (PROTOCOL.md §1). A position, a length and a count are all numbers, but never each
 * other: they are distinct types, made by the three functions below and by nothing else.
 */

declare const unit: unique symbol;

/** A byte offset in an object at which something is, was, or would be appended. */
export type Position = number & { readonly [unit]: 'position' };
/** A number of bytes. */
export type ByteLength = number & { readonly [unit]: 'bytes' };
/** A number of records. */
export type RecordCount = number & { readonly [unit]: 'records' };

export const position = (bytes: number): Position => whole(bytes) as Position;
export const byteLength = (bytes: number): ByteLength => whole(bytes) as ByteLength;
export const recordCount = (records: number): RecordCount => whole(records) as RecordCount;

/** Where `length` bytes that start at `start` end. */
export const advance = (start: Position, length: ByteLength): Position => position(start + length);
/** How many bytes lie between two positions. */
export const distance = (start: Position, end: Position): ByteLength => byteLength(end - start);

/** One record on its way into a `log` object (PROTOCOL.md §3). Made by `lib/append/record.ts`. */
export interface LogRecord {
  /** The record as its data line, UTF-8 without the line end. */
  readonly line: Uint8Array;
  /** Names the record within its source; the same id from the same source is the same record. */
  readonly id: string;
  /** Who numbered it, such as `queue/events`. */
  readonly source: string;
  /** The record's own time, epoch milliseconds. */
  readonly timeMs: number;
}

/** Where a payload is. */
export interface Receipt {
  /** The object's key. */
  readonly object: string;
  /** `raw`: the payload's own bytes `[start, end)`. `log`: the append that holds the record, commit line included. */
  readonly start: Position;
  readonly end: Position;
}

/** Where a record of a `log` object is. */
export interface RecordReceipt extends Receipt {
  readonly id: string;
  readonly source: string;
  /** Which data line of the append the record is, from 0. */
  readonly record: number;
  /** True if the record was in the log before this call; it was not appended again. */
  readonly repeat: boolean;
}

function whole(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`not a whole number of 0 or more: ${value}`);
  return value;
}
