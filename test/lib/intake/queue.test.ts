import { describe, expect, it } from 'vitest';
import type { LogRecord } from '../../../lib/append/types.ts';
import { createQueueHandler } from '../../../lib/intake/queue.ts';
import { fcQueue, queueNameOf, undecodableOf } from '../../../lib/shim/index.ts';
import { StoreError } from '../../../lib/store/port.ts';
import { DENIED, delivery, direct, FC, message } from './delivery.ts';
import { bench } from './support.ts';

const config = {
  targets: {
    orders: { format: 'log', key: 'orders/{time:yyyy-MM-dd-HH}' },
    tenants: { format: 'log', key: 'tenants/{field.tenant}' },
    wire: { format: 'raw', key: 'wire/{queue}' },
  },
  queues: { orders: { target: 'orders' }, tenants: { target: 'tenants' }, wire: { target: 'wire' } },
} as const;

const OBJECT = 'orders/2026-11-22-20';

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

  it('fails at the platform when the store refuses', async () => {
    const it = bench(config);
    const failure = new StoreError('AccessDenied', 'no', { status: 403 });
    it.intercept = () => ({ kind: 'failed', failure });
    await expect(delivery(it)(message('m-1', '1'))).rejects.toThrowError();
    expect(it.logged).toMatchObject([{ code: 'AppendRefused', storeCode: 'AccessDenied', object: OBJECT }]);
    expect(JSON.stringify(it.logged)).not.toContain('"body"');
  });

  it('whose messages do not say their queue is of the queue that is set', async () => {
    const it = bench(config);
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
    const handler = createQueueHandler({ ...it, intake, queueNameOf, undecodableOf });
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
      kafka('9007199254740990', { value: '"c"' }),
    );
    expect(names).toEqual([
      { source: 'queue/relay/relay-3', id: '1207', numbered: { number: 1207, epoch: null } },
      { source: 'queue/relay/relay-4', id: '0', numbered: { number: 0, epoch: null } },
      {
        source: 'queue/relay/relay-3',
        id: '9007199254740990',
        numbered: { number: 9_007_199_254_740_990, epoch: null },
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
      kafka('9007199254740991'),
      kafka('1', { partition: '9007199254740993' }),
      kafka('7', { topic }),
    );
    expect(names).toEqual([
      { source: 'queue/relay', id: 'relay-3-9007199254740991' },
      { source: 'queue/relay', id: 'relay-9007199254740993-1' },
      { source: `queue/${topic}`, id: `${topic}-3-7` },
    ]);
  });

  it('tells the platform what failed by the ids of the messages', async () => {
    const it = bench(topics);
    it.intercept = (key) => (key === 'tenants/b' ? DENIED : undefined);
    const call = delivery(it)(
      JSON.parse(kafka('1', { topic: 'keyed' })),
      JSON.parse(kafka('2', { topic: 'keyed', key: 'b' })),
    );
    await expect(call).rejects.toMatchObject({ failures: ['keyed-3-2'] });
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
