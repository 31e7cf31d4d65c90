/** The calls of a run: what was given to the appender, and what came of it. */
import type { Receipt, RecordNumber, RecordReceipt } from '../../lib/append/types.ts';
import type { Job } from './scenario.ts';

/** One delivery of a job to an instance: one call of the appender. */
export interface Delivery {
  readonly job: Job;
  /** Which of the job's deliveries it is, from 1. */
  readonly number: number;
  readonly instance: string;
  /** What was given, in order: data lines and their ids, or one payload without an id. */
  readonly given: readonly Given[];
  readonly ifPosition: number | null;
  readonly submitMs: number;
  readonly deadlineMs: number;
  /** When the call ended or its instance crashed; infinity if it never did. */
  endMs: number;
  /** When its instance last thawed during the call, or the call's start. */
  thawedMs: number;
  outcome: Outcome | null;
}

export interface Given {
  readonly id: string | null;
  readonly source: string;
  readonly numbered?: RecordNumber | undefined;
  readonly text: string;
}

export type Outcome =
  | { readonly kind: 'receipts'; readonly receipts: readonly (Receipt | RecordReceipt)[] }
  | { readonly kind: 'error'; readonly error: unknown }
  | { readonly kind: 'crashed' };

export const nameOf = ({ job, number }: Delivery): string => `${job.index}.${number}`;

/** The error of a call as data: a mutant's errors are of classes of its own. */
export function errorOf(
  error: unknown,
): { code: string; fate: string; length: number | null; storeCode: string | null } | null {
  if (!(error instanceof Error && 'fate' in error && 'code' in error)) return null;
  const length = 'length' in error && typeof error.length === 'number' ? error.length : null;
  const storeCode = 'detail' in error ? (error.detail as { storeCode: string | null }).storeCode : null;
  return { code: String(error.code), fate: String(error.fate), length, storeCode };
}

export function mayBeSentAgain(error: unknown): boolean {
  const code = errorOf(error)?.code;
  return code === 'NotAppended' || code === 'OutcomeUnknown';
}

export function errorText(error: unknown): string {
  const told = errorOf(error);
  return told === null ? `not an error of an append: ${error}` : `${told.code}, the payload is ${told.fate}`;
}

export function givenText({ id, source, numbered, text }: Given): string {
  if (id === null) return text.slice(0, 20);
  if (numbered === undefined) return id;
  return numbered.epoch === null ? `${source}/${id}` : `${source}/${numbered.epoch}/${id}`;
}

export function receiptText(receipt: Receipt | RecordReceipt): string {
  const where = receipt.start === null ? 'it' : `${receipt.object} ${receipt.start}-${receipt.end}`;
  return 'record' in receipt
    ? `${receipt.id} in ${where}/${receipt.record}${receipt.repeat ? ' (repeat)' : ''}`
    : where;
}
