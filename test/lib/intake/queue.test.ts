import type { SQSRecord } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { createQueueHandler } from '../../../lib/intake/queue.ts';
import { type FcContext, fcQueue, queueNameOf } from '../../../lib/shim/index.ts';
import { StoreError } from '../../../lib/store/port.ts';
import { type Bench, bench } from './support.ts';

const config = {
  targets: {
    orders: { format: 'log', key: 'orders/{time:yyyy-MM-dd-HH}' },
    tenants: { format: 'log', key: 'tenants/{field.tenant}' },
    wire: { format: 'raw', key: 'wire/{queue}' },
  },
  queues: { orders: { target: 'orders' }, tenants: { target: 'tenants' }, wire: { target: 'wire' } },
} as const;

const OBJECT = 'orders/2026-11-22-20';

/** A message as EventBridge delivers those of SMQ. */
function message(messageId: string, messageBody: string, queue = 'orders'): object {
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

const FC: FcContext = {
  requestId: '1-2-3',
  credentials: {},
  function: { name: 'queue', handler: 'index.handler', memory: 512, timeout: 60 },
  service: { logProject: '', logStore: '', qualifier: 'LATEST' },
  region: 'cn-hangzhou',
  accountId: '1234567890123456',
  logger: console,
};

/** Delivers a batch the way the platform does. */
function delivery({ config, intake, runtime }: Bench, queue?: string) {
  const handler = createQueueHandler({ config, intake, log: runtime.log, queueNameOf, queue });
  const platform = fcQueue(handler, { now: runtime.monotonic });
  return (...messages: object[]) => platform(Buffer.from(JSON.stringify(messages)), FC);
}

/** Hands records to the handler itself, for what no source delivers. */
function direct({ config, intake, runtime }: Bench, queue?: string) {
  const handler = createQueueHandler({ config, intake, log: runtime.log, queueNameOf, queue });
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
      { getRemainingTimeInMillis: () => 5000 },
    );
}

describe('a batch of a queue', () => {
  it('becomes one append, in the order of the messages, named by their ids', async () => {
    const it = bench(config);
    await delivery(it)(
      message('m-1', '{"n":9007199254740993}'),
      message('m-2', 'plain text'),
      message('m-3', '[1, 2]'),
    );
    expect(it.appends).toEqual([OBJECT]);
    expect(await it.lines(OBJECT)).toEqual(['{"n":9007199254740993}', '"plain text"', '[1, 2]']);
    expect(await it.text(OBJECT)).toContain('"source":"queue/orders","ids":["m-1","m-2","m-3"]');
  });

  it('is taken once when it is delivered again, in part or with others', async () => {
    const it = bench(config);
    const deliver = delivery(it);
    await deliver(message('m-1', '1'), message('m-2', '2'));
    await deliver(message('m-1', '1'), message('m-2', '2'));
    await deliver(message('m-3', '3'), message('m-2', '2'));
    expect(await it.lines(OBJECT)).toEqual(['1', '2', '3']);
  });

  it('goes where its messages were sent, not where they arrive', async () => {
    const it = bench(config);
    it.nowMs += 86_400_000;
    await delivery(it)(message('m-1', '1'));
    expect(it.appends).toEqual([OBJECT]);
  });

  it('may come from several queues', async () => {
    const it = bench(config);
    await delivery(it)(message('m-1', '1'), message('m-1', 'a', 'wire'), message('m-2', 'b', 'wire'));
    expect(await it.lines(OBJECT)).toEqual(['1']);
    expect(await it.text('wire/wire')).toBe('ab');
  });

  it('fails, so that it comes again, if one message cannot be appended, and keeps the others', async () => {
    const it = bench(config);
    const from = (messageId: string, tenant?: string) => ({
      messageId,
      eventSourceARN: 'acs:mns:cn-hangzhou:1:queues/tenants',
      messageAttributes: tenant === undefined ? {} : { tenant: { dataType: 'String', stringValue: tenant } },
    });
    expect(await direct(it)(from('ok', 'a'), from('bad', '../a'), from('none'))).toEqual({
      batchItemFailures: [{ itemIdentifier: 'bad' }, { itemIdentifier: 'none' }],
    });
    expect(await it.lines('tenants/a')).toEqual(['1']);
    expect(it.logged).toMatchObject([
      {
        event: 'message-not-appended',
        queue: 'tenants',
        messageId: 'bad',
        code: 'InvalidKey',
        fate: 'not-in',
      },
      { event: 'message-not-appended', messageId: 'none', code: 'InvalidKey' },
    ]);
  });

  it('fails at the platform when the store refuses', async () => {
    const it = bench(config);
    const failure = new StoreError('AccessDenied', 'no', { status: 403 });
    it.intercept = () => ({ kind: 'failed', failure });
    await expect(delivery(it)(message('m-1', '1'))).rejects.toThrowError();
    expect(it.logged).toMatchObject([{ code: 'AppendRefused', storeCode: 'AccessDenied', object: OBJECT }]);
    expect(JSON.stringify(it.logged)).not.toContain('"body"');
  });

  it('fails as a whole, nothing appended, if a queue has no target', async () => {
    const it = bench(config);
    const call = direct(it)({}, { eventSourceARN: 'acs:mns:cn-hangzhou:1:queues/stray' });
    await expect(call).rejects.toMatchObject({ name: 'UnknownQueue' });
    await expect(call).rejects.toThrowError(/"stray".*"queues" in append\.config\.ts/);
    expect(it.appends).toEqual([]);
  });

  it('whose messages do not say their queue is of the queue that is set, or fails', async () => {
    const it = bench(config);
    await expect(direct(it)({ eventSourceARN: '' })).rejects.toThrowError('Set APPEND_QUEUE');
    await direct(it, 'orders')({ eventSourceARN: '' });
    expect(await it.lines(OBJECT)).toEqual(['1']);
  });
});

describe('a message', () => {
  it('of bytes stays bytes', async () => {
    const it = bench(config);
    const bytes = {
      body: 'AP8=',
      messageAttributes: { encoding: { dataType: 'String', stringValue: 'base64' } },
    } as const;
    await direct(it)(bytes);
    expect(await it.lines(OBJECT)).toEqual(['{"$bytes":"AP8="}']);
    await direct(it)({ ...bytes, eventSourceARN: 'acs:mns:cn-hangzhou:1:queues/wire' });
    const found = await it.store.read('wire/wire', { start: 0, end: 9 }, { timeoutMs: 1000 });
    expect([...(found?.bytes ?? [])]).toEqual([0, 255]);
  });

  it('without an id is appended each time', async () => {
    const it = bench(config);
    const deliver = direct(it);
    await deliver({ messageId: '' });
    await deliver({ messageId: '' });
    expect(await it.lines(OBJECT)).toEqual(['1', '1']);
  });

  it('that is empty is a record of a log, and done with in a raw target', async () => {
    const it = bench(config);
    await direct(it)({ body: '' });
    expect(await it.lines(OBJECT)).toEqual(['""']);
    const wire = { eventSourceARN: 'acs:mns:cn-hangzhou:1:queues/wire' };
    expect(await direct(it)({ ...wire, body: '' }, { ...wire, body: 'x' })).toEqual({
      batchItemFailures: [],
    });
    expect(await it.text('wire/wire')).toBe('x');
    expect(it.logged).toMatchObject([{ level: 'warn', code: 'EmptyPayload' }]);
  });
});
