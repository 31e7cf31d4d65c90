import type { SQSRecord } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import {
  MalformedEventError,
  queueNameOf,
  queueRecords,
  UnknownEventShapeError,
  undecodableOf,
} from '../../../lib/shim/index.ts';
import { envelope, recordsOf, smqEvent } from './records.ts';
import { bytesOf, type EventName, eventOf, fcContext } from './support.ts';

const KEPT = { undecodable: 'is-record' } as const;

/** One item of each source that cannot be decoded, next to what the source sends. */
const BROKEN: readonly (readonly [EventName, unknown])[] = [
  ['smq', smqEvent({ messageId: 'm' })],
  ['smq', { ...smqEvent({ messageId: 'm', messageBody: 'x' }), id: 7 }],
  ['rabbitmq-strings', { envelope: { redeliver: 1 }, props: {}, body: 1 }],
  ['rocketmq', { ...envelope, type: 'mq:Topic:SendMessage', data: {} }],
  ['rocketmq-self-built', { topic: 't', systemProperties: { TAGS: 1 }, body: 1 }],
  ['kafka', { topic: 't', partition: 1, offset: -1, value: 1 }],
  ['mqtt', { props: { firstTopic: '' }, body: 1 }],
  ['mns-topic-json', { TopicName: 't', Message: 'x', MessageId: 7 }],
  ['mns-topic-stream', { body: 'x', attrs: { a: null } }],
];

describe('an item that cannot be decoded, where it is to be a record,', () => {
  it.each(BROKEN)('is one among the others of its batch: %s, %j', async (name, broken) => {
    const good: unknown = JSON.parse(eventOf(name).toString());
    const items = Array.isArray(good) ? good : [good];
    const others = await recordsOf(bytesOf(items));
    const records = await recordsOf(bytesOf([broken, ...items, null, broken]), KEPT);
    const bad = (record: SQSRecord) => undecodableOf(record) !== undefined;
    expect(records.map(bad)).toEqual([true, ...others.map(() => false), true, true]);
    expect(records.filter((record) => !bad(record))).toEqual(others);
    const [first, last] = [records[0], records.at(-1)];
    expect(first?.body).toBe(JSON.stringify(broken));
    expect(last?.body).toBe(JSON.stringify(broken));
    expect(first && undecodableOf(first)).toBeInstanceOf(MalformedEventError);
    expect(first && undecodableOf(first)).toMatchObject({ index: 0 });
  });

  it('has the exact text of the item, and what can be read of its envelope', async () => {
    const subject = 'acs:mns:cn-hangzhou:1:queues/orders';
    const time = '2026-11-22T20:30:01.120Z';
    const item = `{ "id":"e-1","specversion":"1.0", "type":"mns:Queue:SendMessage", "subject":"${subject}","time":"${time}", "data":{"n":1.10} }`;
    for (const text of [`[${item}]`, item]) {
      const [record] = await recordsOf(Buffer.from(text), KEPT);
      expect(record).toMatchObject({
        messageId: expect.stringMatching(/^e-1\/[0-9a-f]{16}$/),
        body: item,
        attributes: { SentTimestamp: String(Date.parse(time)) },
        messageAttributes: {},
        eventSource: 'acs:unknown',
      });
      expect(record && queueNameOf(record)).toBe('orders');
    }
    const [asString] = await recordsOf(bytesOf([item]), KEPT);
    expect(asString).toMatchObject({
      messageId: expect.stringMatching(/^e-1\//),
      body: JSON.stringify(item),
    });
  });

  it('has the same id in every delivery, and another if it is another item', async () => {
    const named = async (data: unknown) =>
      (await recordsOf(bytesOf([{ ...envelope, id: 'e-7', data }]), KEPT))[0]?.messageId;
    expect(await named(1)).toBe(await named(1));
    expect(await named(1)).not.toBe(await named(2));
    expect((await recordsOf(bytesOf([{ data: 1 }, null]), KEPT)).map(({ messageId }) => messageId)).toEqual([
      '',
      '',
    ]);
  });

  it.each([
    ['no JSON', Buffer.from('secret-4711')],
    ['nothing', Buffer.alloc(0)],
    ['a number', bytesOf(4711)],
    ['an object of no source', bytesOf({ secret: 4711 })],
  ])('can be the whole event: %s', async (_name, event) => {
    const [record, ...more] = await recordsOf(event, KEPT);
    expect(more).toEqual([]);
    expect(record?.body).toBe(event.toString());
    const reason = record && undecodableOf(record);
    expect(reason).toBeInstanceOf(UnknownEventShapeError);
    expect(String(reason)).not.toContain('4711');
  });

  it('is base64 if it is not UTF-8, and is not said to be that if it only looks like it', async () => {
    const bytes = Buffer.from([0xff, 0, 1]);
    const [record] = await recordsOf(bytes, KEPT);
    expect(record?.messageAttributes['encoding']?.stringValue).toBe('base64');
    expect(Buffer.from(record?.body ?? '', 'base64')).toEqual(bytes);
    const [text] = await recordsOf(Buffer.from('AAAA'), { ...KEPT, bodyEncoding: 'base64' });
    expect([text?.body, text?.messageAttributes]).toEqual(['AAAA', {}]);
  });

  it('can be nested deeper than anything reads', async () => {
    const deep = `[${'['.repeat(2_100_000)}${']'.repeat(2_100_000)}]`;
    const records = queueRecords(Buffer.from(deep), fcContext(), KEPT);
    expect(records.map(({ body }) => body.length)).toEqual([deep.length]);
  });
});
