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

/**
 * A record as its line without the line end: UTF-8, or the text that becomes UTF-8 with the whole append, since 10,000
 * small buffers take longer than one. A text has no half of a surrogate pair.
 */
export type DataLine = string | Uint8Array;

/** One record on its way into a `log` object (PROTOCOL.md §3). Made by `lib/append/record.ts`. */
export interface LogRecord {
  readonly line: DataLine;
  /** Names the record within its source; the same id from the same source is the same record. */
  readonly id: string;
  /** Who numbered it, such as `queue/events`. */
  readonly source: string;
  /** The record's own time, epoch milliseconds. */
  readonly timeMs: number;
  /** Set where the source numbers its records one after the other (§3.4); `id` is then the number in decimal. */
  readonly numbered?: RecordNumber | undefined;
  /** Set where the caller named all that came together; the records of one body share one object here. */
  readonly body?: NamedBody | undefined;
}

/**
 * Records that came together, under one name of the caller's (§8). An append is whole or absent, so if some of them are in
 * a log and others are not, those that are in came in another body.
 */
export interface NamedBody {
  /** Ids of the same source that only another body of this name would have. */
  readonly strangers: readonly string[];
}

/** A record's place among those of its source. Known by ranges, so a log remembers them in constant space (§3.4). */
export interface RecordNumber {
  readonly number: number;
  /**
   * Null: an offset, such as Kafka's; gaps are allowed and order does not matter. Else the epoch of a producer: an older
   * epoch is refused (`ProducerFenced`), and so is a number that does not follow the last (`SequenceGap`).
   */
  readonly epoch: number | null;
}

/** How far back a record of a log is recognised (§4.1), at the least. */
export interface DedupeWindow {
  /** A record is recognised until so many others were committed after its append. */
  readonly records: number;
  /** And until the log's commits are so much later than its own; null: whatever its age. */
  readonly ageMs: number | null;
}

/** Where a payload is. */
export interface Receipt {
  /** The object's key. */
  readonly object: string;
  /** `raw`: the payload's own bytes `[start, end)`. `log`: the append that holds the record, commit line included. */
  readonly start: Position;
  readonly end: Position;
}

/** Where a record of a log is. */
export interface RecordReceipt {
  /** The key of the object: one of the log's segments. */
  readonly object: string;
  /** The append that holds the record, commit line included: `[start, end)`. Null: in, by its number (§3.4). */
  readonly start: Position | null;
  readonly end: Position | null;
  readonly id: string;
  readonly source: string;
  /** Which data line of the append the record is, from 0; null with `start`. */
  readonly record: number | null;
  /** True if the record was in the log before this call; it was not appended again. */
  readonly repeat: boolean;
}

function whole(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`not a whole number of 0 or more: ${value}`);
  return value;
}
