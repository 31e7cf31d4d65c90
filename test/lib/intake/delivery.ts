/** Batches of messages on their way to the queue handler: as the platform brings them, and handed over directly. */
import type { SQSRecord } from 'aws-lambda';
import { createQueueHandler } from '../../../lib/intake/queue.ts';
import { type FcContext, fcQueue, queueNameOf, undecodableOf } from '../../../lib/shim/index.ts';
import { type AppendAnswer, StoreError } from '../../../lib/store/port.ts';
import type { Bench } from './support.ts';

/** The store says no, in a way that another try does not change. */
export const DENIED: AppendAnswer = {
  kind: 'failed',
  failure: new StoreError('AccessDenied', 'no', { status: 403 }),
};

/** A message as EventBridge delivers those of SMQ. */
export function message(messageId: string, messageBody: string, queue = 'orders'): object {
  return {
    id: `event-${messageId}`,
    source: 'MNS-stream',
    specversion: '1.0',
    type: 'mns:Queue:SendMessage',
    subject: `acs:mns:cn-hangzhou:1234567890123456:queues/${queue}`,
    time: '2026-11-22T20:30:01.120Z',
    data: { requestId: 'r', messageId, messageBody },
  };
}

export const FC: FcContext = {
  requestId: '1-2-3',
  credentials: {},
  function: { name: 'queue', handler: 'index.handler', memory: 512, timeout: 60 },
  service: { logProject: '', logStore: '', qualifier: 'LATEST' },
  region: 'cn-hangzhou',
  accountId: '1234567890123456',
  logger: console,
};

/** Delivers a batch the way the platform does. */
export function delivery({ config, intake, runtime }: Bench, queue?: string) {
  const handler = createQueueHandler({ config, intake, runtime, queueNameOf, undecodableOf, queue });
  const platform = fcQueue(handler, { now: runtime.monotonic, undecodable: 'is-record' });
  return (...messages: unknown[]) => platform(Buffer.from(JSON.stringify(messages)), FC);
}

/** Hands records to the handler itself, for what no source delivers. */
export function direct(
  { config, intake, runtime }: Bench,
  queue?: string,
  getRemainingTimeInMillis = () => 5000,
) {
  const handler = createQueueHandler({ config, intake, runtime, queueNameOf, undecodableOf, queue });
  return (...records: Partial<SQSRecord>[]) =>
    handler(
      {
        Records: records.map((record) => ({
          messageId: 'm',
          receiptHandle: '',
          body: '1',
          attributes: {
            ApproximateReceiveCount: '1',
            SentTimestamp: '',
            SenderId: '',
            ApproximateFirstReceiveTimestamp: '',
          },
          messageAttributes: {},
          md5OfBody: '',
          eventSource: 'acs:mns',
          eventSourceARN: 'acs:mns:cn-hangzhou:1:queues/orders',
          awsRegion: 'cn-hangzhou',
          ...record,
        })),
      },
      { getRemainingTimeInMillis },
    );
}
