/**
 * Timer triggers: FC's timer event (documentation: "Timer triggers", event format) as the event that EventBridge sends
 * to Lambda on a schedule. Its `id` is made of the trigger's name and time, so a timer that fires twice, or a call that
 * FC tries again, brings the same id.
 */
import type { Handler, ScheduledEvent } from 'aws-lambda';
import { type LambdaHandler, returnInstead, type ShimOptions, shimContext } from './context.ts';
import type { FcContext, FcHandler } from './fc.ts';
import { readEvent } from './fields.ts';

export interface ScheduleDetail {
  readonly triggerName: string;
  /** The trigger's payload as it is configured; '' if it has none. */
  readonly payload: string;
}

/** What FC calls for a timer. Throws `MalformedEventError`, and what the handler throws. */
export function fcSchedule(
  handler: LambdaHandler<Handler<ScheduledEvent<ScheduleDetail>, unknown>>,
  options: ShimOptions,
): FcHandler {
  return async (event, fc) => {
    const context = shimContext(fc, options);
    return handler(scheduledEvent(event, fc), context, returnInstead);
  };
}

function scheduledEvent(event: Uint8Array, fc: FcContext): ScheduledEvent<ScheduleDetail> {
  const fields = readEvent('timer', event);
  const triggerName = fields.string('triggerName');
  const triggerTime = fields.string('triggerTime');
  fields.timeMs('triggerTime');
  return {
    version: '0',
    id: `${triggerName}-${triggerTime}`,
    'detail-type': 'Scheduled Event',
    source: 'acs:fc:timer',
    account: fc.accountId,
    time: triggerTime,
    region: fc.region,
    resources: [triggerName],
    detail: { triggerName, payload: fields.stringOrEmpty('payload') },
  };
}
