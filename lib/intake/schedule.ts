/**
 * The timer door: each firing of a timer appends one record to the target that `schedules` names.
 *
 * - The record's id is made of the timer and its time, from the source `schedule/<name>`: a firing that is delivered twice
 *   is recognised. Its time is when the timer was due.
 * - A payload that is JSON is that JSON value, any other is a string. A timer without a payload appends
 *   `{"schedule":"<name>","time":"<when it was due>"}` to a `log`, and cannot append to a `raw` target.
 */
import type { ScheduledEvent } from 'aws-lambda';
import type { Receipt, RecordReceipt } from '../append/types.ts';
import type { Config, Target } from '../config.ts';
import { IntakeError, quote } from './errors.ts';
import type { Intake } from './intake.ts';
import type { Content } from './payload.ts';
import type { CallContext } from './queue.ts';

export interface ScheduleHandlerOptions {
  readonly config: Config;
  readonly intake: Intake;
}

export interface Firing {
  readonly triggerName: string;
  /** As it is configured; '' if there is none. */
  readonly payload: string;
}

export type ScheduleHandler = (
  event: ScheduledEvent<Firing>,
  context: CallContext,
) => Promise<{ readonly receipts: readonly (Receipt | RecordReceipt)[] }>;

/** Throws `IntakeError` or `AppendError`: the platform then calls again. */
export function createScheduleHandler({ config, intake }: ScheduleHandlerOptions): ScheduleHandler {
  return async ({ id, time, detail: { triggerName, payload } }, context) => {
    const target = targetOf(config, triggerName);
    const content = firingContent(target, triggerName, time, payload);
    const [outcome] = await intake.take(
      target,
      [{ content, source: `schedule/${triggerName}`, id, timeMs: Date.parse(time) }],
      { remainingMs: () => context.getRemainingTimeInMillis(), invalid: 'fails-call' },
    );
    if (outcome === undefined) throw new Error('the intake gave no outcome');
    if ('error' in outcome) throw outcome.error;
    return { receipts: [outcome.receipt] };
  };
}

function targetOf(config: Config, name: string): Target {
  const target = config.schedules.get(name);
  if (target) return target;
  throw new IntakeError(
    'UnknownSchedule',
    `No target is set for the timer ${quote(name)}. Add it under "schedules" in append.config.ts.`,
  );
}

/** What a firing appends. */
export function firingContent({ format }: Target, schedule: string, time: string, payload: string): Content {
  if (payload !== '' || format === 'raw') return { kind: 'json-or-text', text: payload };
  return { kind: 'json', json: JSON.stringify({ schedule, time }) };
}
