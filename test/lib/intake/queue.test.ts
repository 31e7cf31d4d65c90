import type { SQSRecord } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import type { LogRecord } from '../../../lib/append/types.ts';
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

describe('a batch of Kafka', () => {
  const topics = {
    targets: {
      relay: { format: 'log', key: 'relay/x', dedupe: { records: 2 } },
      tenants: { format: 'log', key: 'tenants/{field.key}' },
      wire: { format: 'raw', key: 'wire/x' },
    },
    queues: {
      relay: { target: 'relay' },
      keyed: { target: 'tenants' },
      wired: { target: 'wire' },
      ['t'.repeat(200)]: { target: 'relay' },
    },
  } as const;

  /** A message as EventBridge delivers those of Kafka; `offset` is put in as it is. */
  const kafka = (offset: string, { topic = 'relay', partition = '3', key = 'k', value = '1' } = {}) =>
    `{"id":"e-${offset}","source":"s","specversion":"1.0","type":"alikafka:Topic:Message","data":${JSON.stringify(
      { topic, key },
    ).slice(0, -1)},"partition":${partition},"offset":${offset},"value":${value}}}`;

  /** What is given to the appender for a batch, and what the platform is told. */
  async function given(...messages: string[]) {
    const it = bench(topics);
    const records: LogRecord[] = [];
    const intake = it.intakeOver({
      ...it.appender,
      appendRecords: (key, added, call) => {
        records.push(...added);
        return it.appender.appendRecords(key, added, call);
      },
    });
    const handler = createQueueHandler({ ...it, intake, log: it.runtime.log, queueNameOf });
    const platform = fcQueue(handler, { now: it.runtime.monotonic });
    const answer = await platform(Buffer.from(`[${messages.join(',')}]`), FC).catch(
      (error: unknown) => error,
    );
    return { it, answer, names: records.map(({ source, id, numbered }) => ({ source, id, numbered })) };
  }

  it('is numbered by the offsets of each partition', async () => {
    const { names, it: bench } = await given(
      kafka('1207', { value: '"a"' }),
      kafka('0', { partition: '4', value: '"b"' }),
      kafka('9007199254740991', { value: '"c"' }),
    );
    expect(names).toEqual([
      { source: 'queue/relay/relay-3', id: '1207', numbered: { number: 1207, epoch: null } },
      { source: 'queue/relay/relay-4', id: '0', numbered: { number: 0, epoch: null } },
      {
        source: 'queue/relay/relay-3',
        id: '9007199254740991',
        numbered: { number: 9_007_199_254_740_991, epoch: null },
      },
    ]);
    expect(await bench.lines('relay/x')).toEqual(['"a"', '"b"', '"c"']);
  });

  it('is recognised by its numbers when it is delivered again, though its ids would be forgotten', async () => {
    const it = bench(topics);
    const deliver = delivery(it);
    const batch = (...offsets: number[]) =>
      deliver(
        ...offsets.map((offset): object => JSON.parse(kafka(String(offset), { value: String(offset) }))),
      );
    await batch(1, 2, 3);
    await batch(4, 6, 5);
    await batch(3, 1, 2, 7);
    expect(await it.lines('relay/x')).toEqual(['1', '2', '3', '4', '6', '5', '7']);
  });

  it('is named by the ids of its messages where the numbers are beyond doubles, or the topic has a long name', async () => {
    const topic = 't'.repeat(200);
    const { names } = await given(
      kafka('9007199254740992'),
      kafka('1', { partition: '9007199254740993' }),
      kafka('7', { topic }),
    );
    expect(names).toEqual([
      { source: 'queue/relay', id: 'relay-3-9007199254740992' },
      { source: 'queue/relay', id: 'relay-9007199254740993-1' },
      { source: `queue/${topic}`, id: `${topic}-3-7` },
    ]);
  });

  it('tells the platform what failed by the ids of the messages', async () => {
    const { answer } = await given(
      kafka('1', { topic: 'keyed' }),
      kafka('2', { topic: 'keyed', key: 'a/b' }),
    );
    expect(answer).toMatchObject({ failures: ['keyed-3-2'] });
  });

  it('goes into a raw target as it is', async () => {
    const { it: bench } = await given(kafka('1', { topic: 'wired' }), kafka('2', { topic: 'wired' }));
    expect(await bench.text('wire/x')).toBe('11');
  });

  it('is what no other source can pass for', async () => {
    const it = bench(config);
    const attribute = (stringValue: string) => ({ dataType: 'String', stringValue }) as const;
    const forged = { topic: attribute('orders'), partition: attribute('0'), offset: attribute('1') };
    await direct(it)({ messageId: 'm-1', messageAttributes: forged });
    expect(await it.text(OBJECT)).toContain('"source":"queue/orders","ids":["m-1"]');
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
