import { createHash } from 'node:crypto';
import type { SQSRecord } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { type FcContext, queueNameOf } from '../../../lib/shim/index.ts';
import { type Choice, envelope, recordsOf, smqEvent } from './records.ts';
import { bytesOf, eventOf, fcContext } from './support.ts';

async function recordOf(event: Buffer, choice: Choice = {}, fc: FcContext = fcContext()): Promise<SQSRecord> {
  const [record, ...others] = await recordsOf(event, choice, fc);
  expect(others).toEqual([]);
  if (record === undefined) throw new Error('no record');
  return record;
}

/** The attributes as plain strings. */
function attributesOf(record: SQSRecord | undefined): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(record?.messageAttributes ?? {}).map(([name, { stringValue }]) => [name, stringValue]),
  );
}

const SENT = String(Date.parse('2026-11-22T20:30:01.120Z'));
const PUBLISHED = String(Date.parse('2026-11-22T20:30:01.140Z'));

describe('the records of fcQueue', () => {
  it('are complete for an SMQ queue', async () => {
    const records = await recordsOf(eventOf('smq'));
    expect(records).toEqual([
      {
        messageId: '0A1B-1',
        receiptHandle: '',
        body: '{"user":42}',
        attributes: {
          ApproximateReceiveCount: '1',
          SentTimestamp: SENT,
          SenderId: '1234567890123456',
          ApproximateFirstReceiveTimestamp: PUBLISHED,
        },
        messageAttributes: {},
        md5OfBody: createHash('md5').update('{"user":42}').digest('hex'),
        eventSource: 'acs:mns',
        eventSourceARN: 'acs:mns:cn-hangzhou:1234567890123456:queues/relay-smq',
        awsRegion: 'cn-hangzhou',
      },
      expect.objectContaining({ messageId: '0A1B-2', body: 'plain text' }),
    ]);
    expect(records.map(queueNameOf)).toEqual(['relay-smq', 'relay-smq']);
  });

  it('have the MD5 of their body as it came, also in a copy and after the body was replaced', async () => {
    const md5OfBody = createHash('md5').update('{"user":42}').digest('hex');
    const [record] = await recordsOf(eventOf('smq'));
    expect(JSON.parse(JSON.stringify(record))).toMatchObject({ md5OfBody });
    expect({ ...record }).toMatchObject({ md5OfBody });
    expect({ ...Object.assign(record ?? {}, { body: { user: 42 } }) }).toMatchObject({ md5OfBody });
  });

  it('take items that are strings of JSON, as RabbitMQ streams may send them', async () => {
    const [json, text] = await recordsOf(eventOf('rabbitmq-strings'));
    expect(json).toMatchObject({
      messageId: 'm-97',
      body: '{"line":"x","n":9007199254740993}',
      eventSource: 'acs:amqp',
      attributes: { ApproximateReceiveCount: '1' },
    });
    expect(attributesOf(json)).toEqual({ exchange: 'relay', routingKey: 'append' });
    expect(text).toMatchObject({ body: 'plain', attributes: { ApproximateReceiveCount: '2' } });
    expect(json && queueNameOf(json)).toBe('relay.append');
  });

  it('carry the CloudEvent id where a RabbitMQ producer set none', async () => {
    expect((await recordsOf(eventOf('rabbitmq-strings')))[1]?.messageId).toBe('rk-8');
  });

  it('take one CloudEvent that is not in an array, as an event rule sends RocketMQ messages', async () => {
    const record = await recordOf(eventOf('rocketmq'));
    expect(record).toMatchObject({ messageId: 'AC110002', body: 'payload text', eventSource: 'acs:mq' });
    expect(attributesOf(record)).toEqual({
      topic: 'relay',
      tags: 'append',
      key: 'k-17',
      tenant: 'acme',
      'user.topic': 'forged',
    });
    expect(queueNameOf(record)).toBe('relay');
  });

  it('take messages of a self-built RocketMQ, which have no envelope', async () => {
    const record = await recordOf(eventOf('rocketmq-self-built'));
    expect(record).toMatchObject({
      messageId: '7F0000010001',
      body: 'payload text',
      eventSource: 'acs:mq',
      eventSourceARN: '',
      awsRegion: 'cn-shanghai',
      attributes: { SentTimestamp: '', SenderId: '' },
    });
    expect(queueNameOf(record)).toBe('relay');
  });

  it('are named by topic, partition and offset for Kafka, to the last digit', async () => {
    const records = await recordsOf(eventOf('kafka'));
    expect(records.map(({ messageId }) => messageId)).toEqual([
      'relay-3-1207',
      'relay-3-1208',
      'relay-3-9223372036854775807',
    ]);
    expect(attributesOf(records[2])).toEqual({
      topic: 'relay',
      partition: '3',
      offset: '9223372036854775807',
      key: 'k-17',
    });
    expect(records[0]).toMatchObject({
      eventSource: 'acs:alikafka',
      attributes: { SentTimestamp: '1795379404000', ApproximateFirstReceiveTimestamp: PUBLISHED },
      awsRegion: 'cn-hangzhou',
    });
    expect(records[0] && queueNameOf(records[0])).toBe('relay');
  });

  it('have text bodies unless the function declares base64, and are marked then', async () => {
    const asText = await recordsOf(eventOf('kafka'));
    expect(asText.map(({ body }) => JSON.stringify(body).length > 0)).toEqual([true, true, true]);
    expect(asText.map((record) => attributesOf(record)['encoding'])).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    const asBytes = await recordsOf(eventOf('kafka'), { bodyEncoding: 'base64' });
    expect(asBytes.map(({ body }) => body).slice(1)).toEqual(['plain text', 'eyJ1c2VyIjo0Mn0=']);
    const number = { topic: 't', partition: 0, offset: 1, value: 1234 };
    expect(
      attributesOf(await recordOf(bytesOf([number]), { bodyEncoding: 'base64' }))['encoding'],
    ).toBeUndefined();
    // JSON is no string and `plain text` no base64: they are what they look like.
    expect(asBytes.map((record) => attributesOf(record)['encoding'])).toEqual([
      undefined,
      undefined,
      'base64',
    ]);
  });

  it('have no id and no time for MQTT, which gives none', async () => {
    const [text, json] = await recordsOf(eventOf('mqtt'));
    expect(text).toMatchObject({
      messageId: '',
      body: '21.5',
      eventSource: 'acs:mqtt',
      attributes: { SentTimestamp: '' },
    });
    expect(attributesOf(text)).toEqual({
      topic: 'devices',
      secondTopic: '/d-7/up',
      clientId: 'GID_relay@@@d-7',
    });
    expect(json?.body).toMatch(/^\{\s*"t"/);
    expect(json && queueNameOf(json)).toBe('devices');
  });

  it('have the id of the CloudEvent for MQTT in an envelope', async () => {
    const data = { props: { firstTopic: 'devices' }, body: 'x' };
    expect((await recordOf(bytesOf({ ...envelope, type: 'mqtt:Topic:SendMessage', data }))).messageId).toBe(
      'e-1',
    );
  });

  it('carry the attributes of an MNS topic message in format JSON', async () => {
    const record = await recordOf(eventOf('mns-topic-json'));
    expect(record).toMatchObject({
      messageId: '0A1B2C3D',
      body: 'hello',
      eventSource: 'acs:mns:topic',
      attributes: { SentTimestamp: '1795379400000', SenderId: '1234567890123456' },
    });
    expect(attributesOf(record)).toEqual({ topic: 't1', Tenant: 'acme' });
    expect(queueNameOf(record)).toBe('t1');
  });

  it.each([{}, { shape: 'mns-topic-stream' } as const])(
    'take STREAM with attributes under %j',
    async (choice) => {
      const record = await recordOf(eventOf('mns-topic-stream'), choice);
      expect(record).toMatchObject({ messageId: '', body: 'raw text', eventSource: 'acs:mns:topic' });
      expect(attributesOf(record)).toEqual({ Tenant: 'acme', 'user.encoding': 'base64' });
      expect(queueNameOf(record)).toBeUndefined();
    },
  );

  it.each([
    '{"body":"x","attrs":{},"more":1}',
    'raw text',
    '',
    '{"not": "closed"',
    '[1, 2]',
    '\ufeffmark',
    eventOf('smq').toString(),
  ])('are the message as it came for declared STREAM: %j', async (text) => {
    const record = await recordOf(Buffer.from(text), { shape: 'mns-topic-stream' });
    expect(record.body).toBe(text);
    expect(attributesOf(record)).toEqual({});
  });

  it('hold bytes that are no text in base64, marked', async () => {
    const bytes = Buffer.from([0, 0xff, 0xfe]);
    const record = await recordOf(bytes, { shape: 'mns-topic-stream' });
    expect(Buffer.from(record.body, 'base64')).toEqual(bytes);
    expect(attributesOf(record)).toEqual({ encoding: 'base64' });
  });

  it.each([
    ['SMQ', smqEvent({ messageId: 'm-1', messageBody: 'x' }).data],
    ['RabbitMQ', { envelope: {}, props: { messageId: 'm-1' }, body: 'x' }],
    ['RocketMQ', { topic: 't', systemProperties: { UNIQ_KEY: 'm-1' }, body: 'x' }],
  ])('take data without an envelope from %s (eventSchema RawData)', async (_source, data) => {
    expect(await recordOf(bytesOf([data]))).toMatchObject({ messageId: 'm-1', body: 'x' });
  });

  it('take Kafka data without an envelope (eventSchema RawData)', async () => {
    const data = { topic: 'relay', partition: 0, offset: '12', timestamp: -1, key: null, value: null };
    const record = await recordOf(bytesOf([data]));
    expect(record).toMatchObject({
      messageId: 'relay-0-12',
      body: 'null',
      attributes: { SentTimestamp: '' },
    });
  });

  it('keep a JSON payload exactly as it was written', async () => {
    const body = '{ "n":9007199254740993, "x":1.10,  "n":1e400, "s":"\\u00e9\\/" }';
    const data = `{"topic":"t","partition":0,"offset":1,"value":${body}}`;
    const event = `[{"id":"e","source":"s","specversion":"1.0","type":"alikafka:Topic:Message","data":${data}}]`;
    expect((await recordOf(Buffer.from(event))).body).toBe(body);
    expect((await recordOf(Buffer.from(JSON.stringify([event.slice(1, -1)])))).body).toBe(body);
  });

  it('count the retries of an asynchronous invocation as deliveries', async () => {
    const record = await recordOf(eventOf('rocketmq'), {}, fcContext({ retryCount: 2 }));
    expect(record.attributes.ApproximateReceiveCount).toBe('3');
  });

  it('take the region from the resource name where the event does not say it', async () => {
    const subject = 'acs:mns:cn-beijing:1:queues/a/b';
    const record = await recordOf(bytesOf(smqEvent({ messageId: 'm', messageBody: 'x' }, { subject })));
    expect(record.awsRegion).toBe('cn-beijing');
    expect(queueNameOf(record)).toBe('a/b');
  });

  it('let no producer forge an attribute of ours', async () => {
    const userProperties = { encoding: 'base64', key: 'forged', ['__proto__']: 'x', tenant: 'acme' };
    const data = { topic: 't', systemProperties: { UNIQ_KEY: 'm' }, userProperties, body: 'text' };
    const record = await recordOf(bytesOf([data]));
    expect(attributesOf(record)['encoding']).toBeUndefined();
    expect(attributesOf(record)['key']).toBeUndefined();
    expect(attributesOf(record)).toMatchObject({
      'user.encoding': 'base64',
      'user.key': 'forged',
      tenant: 'acme',
    });
    expect(Object.getPrototypeOf(record.messageAttributes)).toBe(Object.prototype);
  });

  it('are none for an empty batch', async () => {
    expect(await recordsOf(Buffer.from('[]'))).toEqual([]);
  });
});
