/** What a run leaves behind for the checker, as plain data: what was sent, what was answered, and the objects. */

/** Something that the source has to get in, however often it has to send it. */
export interface Job {
  readonly index: number;
  readonly format: 'log' | 'raw';
  /** Of the raw object, or of the log's first segment. */
  readonly key: string;
  /** Of its records, if it is for a log. */
  readonly ids: readonly string[];
  /** Raw: each delivery brings bytes of its own. If not, they are equal, as those of a real redelivery are. */
  readonly marked: boolean;
  /** About the size of a payload, or of a record. */
  readonly bytes: number;
  /** What a call has to itself, milliseconds. */
  readonly timeMs: number;
}

/** One time that a job was handed to a writer. */
export interface Delivery {
  readonly job: Job;
  /** From 1, within the job. */
  readonly number: number;
  readonly writer: string;
  /** Its place in the order of all that the source did and heard. */
  readonly sentAt: number;
  /** When its outcome was known; null if it has none. */
  readonly endedAt: number | null;
  readonly outcome: Outcome | null;
}

export type Outcome =
  | { readonly kind: 'receipts'; readonly receipts: readonly ReceiptData[] }
  /** `code` is null for what is no error of an append. */
  | { readonly kind: 'error'; readonly code: string | null; readonly fate: string; readonly message: string }
  /** The writer was killed, or ended. */
  | { readonly kind: 'gone' };

/** A receipt as it came over; a raw one has neither id nor record. */
export interface ReceiptData {
  readonly object: string;
  readonly start: number | null;
  readonly end: number | null;
  readonly id?: string;
  readonly record?: number | null;
  readonly repeat?: boolean;
}

export interface Evidence {
  /** In the order in which they were sent. */
  readonly deliveries: readonly Delivery[];
  /** Everything in the bucket. */
  readonly objects: ReadonlyMap<string, Uint8Array>;
  /** A record is recognised until so many others were committed after it. */
  readonly windowRecords: number;
  readonly segmentBytesMax: number;
}

/** One broken promise, as a sentence that begins with its name, and the calls that it is about. */
export interface Violation {
  readonly text: string;
  readonly calls: readonly Delivery[];
}

export const nameOf = ({ job, number }: Pick<Delivery, 'job' | 'number'>): string => `${job.index}.${number}`;

/** The payload of a delivery for a raw object. A payload begins with `<`, ends with `>` and has neither inside. */
export function payloadOf({ job, number }: Pick<Delivery, 'job' | 'number'>): string {
  return `<${job.index}${job.marked ? `.${number}` : ''}:${filler(job)}>`;
}

/** A record's JSON text. It names its delivery, so that the one that put it in is known. */
export function lineOf(delivery: Pick<Delivery, 'job' | 'number'>, id: string): string {
  return JSON.stringify({ of: nameOf(delivery), id, filler: filler(delivery.job) });
}

/** `in`: it was acknowledged. */
export function fateOf({ outcome }: Delivery): 'in' | 'not-in' | 'unknown' {
  if (outcome?.kind === 'receipts') return 'in';
  return outcome?.kind === 'error' && outcome.fate === 'not-in' ? 'not-in' : 'unknown';
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

/** No two neighbours are equal, so that bytes that changed places show. */
function filler({ index, bytes }: Job): string {
  const turn = index % LETTERS.length;
  const letters = LETTERS.slice(turn) + LETTERS.slice(0, turn);
  return letters.repeat(Math.ceil(bytes / LETTERS.length)).slice(0, bytes);
}
