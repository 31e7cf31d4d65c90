/**
 * Lanes: a target whose records are spread over several objects, so that more can be appended at once. Each lane has an
 * object of its own, for `{lane}` in the key.
 */
import * as z from 'zod/mini';
import { fieldNameOf, type KeyTemplate } from '../key-template.ts';
import { hint, only, wholeNumber } from './mistakes.ts';

/** By a field: what has the same value goes to the same lane, so its order and, in a log, its being there once hold. */
export interface FieldLanesInput {
  /** `field.tenant`: a query parameter (HTTP) or a message attribute (queue). */
  readonly by: `field.${string}`;
  /** Lanes, 2 to 1024. With another number, records go to other lanes, and repeats of those before are not known there. */
  readonly count: number;
}

/** By the record's id: a repeat goes to the same lane. What a source numbers (Kafka, a producer) stays together. */
export interface IdLanesInput {
  readonly by: 'id';
  /** As of `FieldLanesInput`. */
  readonly count: number;
}

/** A lane for each instance, which no other writes to: nothing to wait for. A repeat is known within the instance only. */
export interface InstanceLanesInput {
  readonly by: 'instance';
}

export type Lanes =
  | { readonly by: 'id'; readonly count: number }
  | { readonly by: 'field'; readonly field: string; readonly count: number }
  | { readonly by: 'instance' };

const COUNT_MIN = 2;
const COUNT_MAX = 1024;

const COUNT = `how many lanes, from ${COUNT_MIN} to ${COUNT_MAX}`;
const BY = { raw: '"field.NAME" or "instance"', log: '"id", "field.NAME" or "instance"' } as const;

export const lanesShape = (format: 'raw' | 'log') => {
  const isBy = (by: string) =>
    (by === 'id' && format === 'log') || by === 'instance' || fieldNameOf(by) !== null;
  const by = z.string(hint(BY[format])).check(z.refine(isBy, hint(BY[format])));
  const count = z.optional(wholeNumber(COUNT_MIN, COUNT_MAX, COUNT));
  return z.optional(z.pipe(z.strictObject({ by, count }, only('by, count')), z.transform(lanesOf)));
};

function lanesOf(
  { by, count }: { by: string; count?: number | undefined },
  context: z.core.ParsePayload,
): Lanes {
  const problem = (message: string) => {
    context.issues.push({ code: 'custom', message, input: count, path: ['count'] });
    return z.NEVER;
  };
  if (by === 'instance')
    return count === undefined ? { by } : problem('each instance has a lane; take it out');
  if (count === undefined) return problem(`is missing; write ${COUNT}`);
  const field = fieldNameOf(by);
  return field === null ? { by: 'id', count } : { by: 'field', field, count };
}

/** What is wrong with `lanes` and `key` together, after the target's name; null if nothing is. */
export function laneMisfit(lanes: Lanes | null, { usesLane, segmented }: KeyTemplate): string | null {
  if (usesLane === (lanes !== null)) return null;
  if (lanes !== null) return 'key: write {lane} in it, so that each lane has an object, or take lanes out';
  const by = segmented ? 'id' : 'field.NAME';
  return `lanes: is missing, and {lane} is in the key; write such as { by: "${by}", count: 16 }, or take {lane} out`;
}
