/** What the checker asks of one object, whatever its format. */
import type { Incarnation, Landing } from './oss.ts';
import { type Delivery, errorOf } from './run.ts';

/** One broken promise, as a sentence that begins with its name. */
export type Violation = string;

/** Everything about one key. */
export interface ObjectOfRun {
  readonly key: string;
  readonly calls: readonly Delivery[];
  readonly incarnations: readonly Incarnation[];
  /** At least once during the run. */
  readonly deleted: boolean;
  readonly windowBytes: number;
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
