/**
 * Whether a run kept the promises. It goes by the bytes that are in the objects, read by the independent reader, and
 * by what the callers were told.
 *
 * - **P2**: a record is in a log once, as far back as the dedupe window, whatever is delivered again; a call puts no
 *   record in twice, window or not. **producer**: its numbers follow each other within an epoch, and no epoch comes
 *   after a later one.
 * - **P3**: a raw payload is in once if its call was acknowledged, at most once if that is unknown.
 * - **P4**: an object is whole appends and bytes of others, each where it landed, and nothing else.
 * - **P5**: records of a call keep their order; what was acknowledged before another was sent comes before it.
 * - **P7**: a call ends by its deadline and one request time-out.
 * - **fate**: what a call says is not in never is. **receipt**: what it says of place and novelty is so. **If-Match**:
 *   what names a position is there or not in. **error**: no error but the five of PROTOCOL.md §6, with a true length.
 *
 * Where a log was **retired** during the run, all of that holds across its end: what a tombstone stands for counts as being
 * in the log. A tombstone stands for all that writers had put in; and no call is refused because of one.
 *
 * Where an object was **deleted** during the run, less is promised, and that is checked:
 * - What was acknowledged was in it at some time during the call; a repeat, at some time before its end.
 * - A log append whose answer came is not acknowledged if its writer went by bytes of an object that was gone, unless
 *   it has read it since.
 * - Nothing is acknowledged as new twice in one incarnation.
 * - What is said not to be in is in no object that is there after the call, unless a late request found its position
 *   there again.
 * - Not checked: order, and that what nobody acknowledged is there at most once.
 */

import { type Delivery, errorOf, nameOf } from './calls.ts';
import { checkLog } from './check-log.ts';
import { checkRaw } from './check-raw.ts';
import type { ObjectOfRun, Violation } from './object.ts';
import { keysOf, type Run } from './run.ts';

export function check(run: Run): readonly Violation[] {
  const found = run.deliveries.flatMap((delivery) => [
    ...checkEnd(run, delivery),
    ...checkError(run, delivery),
  ]);
  found.push(...run.errors);
  if (!run.ended) found.push('P7: the run did not come to an end');
  for (const key of keysOf(run)) {
    const calls = run.deliveries.filter(({ job }) => job.key === key);
    const object: ObjectOfRun = {
      key,
      calls,
      segments: run.oss.keysOf(key).map((one) => ({ key: one, incarnations: run.oss.incarnations(one) })),
      deleted: run.oss.keysOf(key).some((one) => run.oss.generation(one) > 0),
      dedupe: run.scenario.dedupe,
    };
    found.push(...(key.startsWith('log') ? checkLog(object) : checkRaw(object)));
  }
  return found;
}

/** P7, with time that a call's instance was frozen for past its deadline not counted. */
function checkEnd({ scenario }: Run, call: Delivery): Violation[] {
  if (call.outcome === null) return [`P7: call ${nameOf(call)} never ended`];
  const latestMs = Math.max(call.deadlineMs, call.thawedMs) + scenario.requestTimeoutMs;
  if (call.outcome.kind === 'crashed' || call.endMs <= latestMs) return [];
  const late = (call.endMs - call.deadlineMs).toFixed(0);
  return [`P7: call ${nameOf(call)} ended ${late} ms after its time was up`];
}

const FATES: Readonly<Record<string, string>> = {
  AppendRefused: 'not-in',
  NotAppended: 'not-in',
  OutcomeUnknown: 'unknown',
  PositionMismatch: 'not-in',
  ProducerFenced: 'not-in',
  SequenceGap: 'not-in',
  InvalidRecord: 'not-in',
};

function checkError({ oss }: Run, call: Delivery): Violation[] {
  if (call.outcome?.kind !== 'error') return [];
  const error = errorOf(call.outcome.error);
  const name = nameOf(call);
  if (error === null || FATES[error.code] !== error.fate)
    return [`error: call ${name} ended with what is no error of an append: ${call.outcome.error}`];
  if (error.code === 'AppendRefused' && error.storeCode === 'ObjectNotAppendable')
    return [`retired: call ${name} was refused, and all that cannot be appended to is tombstones`];
  if (error.code !== 'PositionMismatch') return [];
  if (call.ifPosition === null || call.ifPosition === error.length)
    return [
      `error: call ${name} got a PositionMismatch for ${error.length} and asked for ${call.ifPosition}`,
    ];
  // The segment that comes after the last is told of by its length, too: 0.
  const had = [...oss.keysOf(call.job.key), ''].some((key) =>
    oss
      .lengths(key)
      .some(
        ({ fromMs, length }, at, lengths) =>
          length === error.length &&
          fromMs <= call.endMs &&
          (lengths[at + 1]?.fromMs ?? Number.POSITIVE_INFINITY) >= call.submitMs,
      ),
  );
  return had ? [] : [`error: call ${name} was told a length of ${error.length}, which the object never had`];
}
