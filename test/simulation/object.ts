/** What the checker asks of one object or log, whatever its format. */
import type { DedupeWindow } from '../../lib/append/types.ts';
import { type Delivery, errorOf } from './calls.ts';
import type { Incarnation, Landing } from './oss.ts';

/** One broken promise, as a sentence that begins with its name. */
export type Violation = string;

/** Everything about one key. */
export interface ObjectOfRun {
  readonly key: string;
  readonly calls: readonly Delivery[];
  /** The objects of a log in order; a raw object is one. */
  readonly segments: readonly Segment[];
  /** At least once during the run. */
  readonly deleted: boolean;
  readonly dedupe: DedupeWindow;
}

export interface Segment {
  readonly key: string;
  readonly incarnations: readonly Incarnation[];
}

/** Whether the incarnation was there at some time during the call. */
export const wasThere = ({ fromMs, untilMs }: Incarnation, { submitMs, endMs }: Delivery): boolean =>
  fromMs <= endMs && untilMs >= submitMs;

/** Whether the call itself may have sent what landed. */
export const maySend = ({ instance, submitMs, endMs }: Delivery, { writer, sentMs }: Landing): boolean =>
  writer === instance && submitMs <= sentMs && sentMs <= endMs;

/** What a call said not to be in, and sent, and is there after all. */
export const isLie = (call: Delivery, { untilMs, generation }: Incarnation, landing: Landing): boolean =>
  maySend(call, landing) && untilMs > call.endMs && landing.generation === generation;

export const fateOf = ({ outcome }: Delivery): 'in' | 'not-in' | 'unknown' => {
  if (outcome?.kind === 'receipts') return 'in';
  return outcome?.kind === 'error' && errorOf(outcome.error)?.fate === 'not-in' ? 'not-in' : 'unknown';
};
