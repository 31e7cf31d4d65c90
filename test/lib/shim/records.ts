import type { SQSRecord } from 'aws-lambda';
import { type FcContext, fcQueue, type QueueOptions } from '../../../lib/shim/index.ts';
import { fcContext, manualClock } from './support.ts';

export type Choice = Omit<QueueOptions, 'now'>;

/** What a handler is given for `event`. */
export async function recordsOf(
  event: Buffer,
  choice: Choice = {},
  fc: FcContext = fcContext(),
): Promise<SQSRecord[]> {
  const seen: SQSRecord[] = [];
  const handler = fcQueue(
    async ({ Records }) => {
      seen.push(...Records);
    },
    { ...manualClock(), ...choice },
  );
  await handler(event, fc);
  return seen;
}

/** A CloudEvent's members, but for its type and data. */
export const envelope = { id: 'e-1', source: 'relay', specversion: '1.0' };
export const smqEvent = (data: object, changes: object = {}) => ({
  ...envelope,
  type: 'mns:Queue:SendMessage',
  data,
  ...changes,
});
