import middy from '@middy/core';
import partialBatchFailure from '@middy/sqs-partial-batch-failure';
import type { SQSBatchResponse, SQSEvent, SQSHandler } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import {
  BatchFailedError,
  fcQueue,
  MalformedEventError,
  UnknownEventShapeError,
} from '../../../lib/shim/index.ts';
import { envelope, recordsOf, smqEvent } from './records.ts';
import { bytesOf, eventOf, fcContext, manualClock, rejection } from './support.ts';

describe('an event that fcQueue cannot read', () => {
  it.each([
    ['no JSON', Buffer.from('secret-4711'), undefined],
    ['no UTF-8', Buffer.from([0xff]), undefined],
    ['a number', bytesOf(4711), undefined],
    ['an object of no source', bytesOf({ secret: 4711 }), undefined],
    ['an item that is null', bytesOf([smqEvent({ messageId: 'm', messageBody: 'x' }), null]), 1],
    ['an item that is a string but no JSON', bytesOf(['secret-4711']), 0],
    ['an array in an array', bytesOf([[]]), 0],
  ])('is of unknown shape if it is %s', async (_name, event, index) => {
    const error = await rejection(recordsOf(event));
    expect(error).toBeInstanceOf(UnknownEventShapeError);
    expect(error).toMatchObject({ index });
    expect(String(error)).toContain(index === undefined ? 'found' : `in item ${index}`);
    expect(String(error)).not.toContain('4711');
  });

  it('is of unknown shape if it is a CloudEvent of another type, which the error names in one short line', async () => {
    const foreign = { ...envelope, type: `acs:\n${'x'.repeat(1000)}`, data: {} };
    const error = await rejection(recordsOf(bytesOf([foreign])));
    expect(error).toBeInstanceOf(UnknownEventShapeError);
    expect(String(error)).toContain('a CloudEvent of type "acs:\\nxxx');
    expect(String(error).length).toBeLessThan(300);
    expect(String(error)).not.toContain('\n');
  });

  it.each([
    ['queue', 'id', { ...smqEvent({}), id: 7 }],
    ['queue', 'time', smqEvent({}, { time: 'Nov 22' })],
    ['queue', 'subject', smqEvent({}, { subject: {} })],
    ['smq', 'data', { ...smqEvent({}), data: 'secret' }],
    ['smq', 'data.messageId', smqEvent({ messageBody: 'x' })],
    ['smq', 'data.messageBody', smqEvent({ messageId: 'm' })],
    [
      'rabbitmq',
      'data.props',
      { ...envelope, type: 'amqp:Queue:SendMessage', data: { envelope: {}, body: 1 } },
    ],
    ['rabbitmq', 'envelope.redeliver', { envelope: { redeliver: 1 }, props: {}, body: 1 }],
    ['rocketmq', 'data.systemProperties', { ...envelope, type: 'mq:Topic:SendMessage', data: {} }],
    ['rocketmq', 'userProperties', { topic: 't', systemProperties: {}, body: 1, userProperties: { a: {} } }],
    ['rocketmq', 'systemProperties.TAGS', { topic: 't', systemProperties: { TAGS: 1 }, body: 1 }],
    ['kafka', 'offset', { topic: 't', partition: 1, offset: -1, value: 1 }],
    ['kafka', 'partition', { topic: 't', partition: 1.5, offset: 1, value: 1 }],
    ['kafka', 'timestamp', { topic: 't', partition: 1, offset: 1, value: 1, timestamp: 1e300 }],
    ['mqtt', 'props.firstTopic', { props: { firstTopic: '' }, body: 1 }],
    ['mns-topic', 'MessageId', { TopicName: 't', Message: 'x', MessageId: 7 }],
    ['mns-topic', 'attrs', { body: 'x', attrs: { a: null } }],
  ])('is malformed, by trigger %s and field %s', async (trigger, field, item) => {
    const error = await rejection(recordsOf(bytesOf([smqEvent({ messageId: 'm', messageBody: 'x' }), item])));
    expect(error).toBeInstanceOf(MalformedEventError);
    expect(error).toMatchObject({ trigger, field, index: 1 });
    expect(String(error)).toContain(`Malformed ${trigger} event: ${field} in item 1 must be`);
  });
});

describe('the end of an fcQueue call', () => {
  const ending = (answer: unknown): Promise<SQSBatchResponse> => {
    const untyped: { handler: SQSHandler } = {
      handler: async () => JSON.parse(JSON.stringify(answer) ?? 'null'),
    };
    return fcQueue(untyped.handler, manualClock())(eventOf('smq'), fcContext());
  };

  it.each([undefined, null, {}, { batchItemFailures: null }, { batchItemFailures: [] }])(
    'is success for %j',
    async (answer) => {
      expect(await ending(answer)).toEqual({ batchItemFailures: [] });
    },
  );

  it('fails the whole batch when an item failed, and says which', async () => {
    const error = await rejection(ending({ batchItemFailures: [{ itemIdentifier: '0A1B-2' }] }));
    expect(error).toBeInstanceOf(BatchFailedError);
    expect(error).toMatchObject({ failures: ['0A1B-2'] });
    expect(String(error)).toBe(
      'BatchFailedError: The handler reported 1 of 2 items as failed. The whole batch has to be delivered again.',
    );
  });

  it.each([
    ['an unknown id', { batchItemFailures: [{ itemIdentifier: 'm-99' }] }],
    ['an id that is empty', { batchItemFailures: [{ itemIdentifier: '' }] }],
    ['an id of another name', { batchItemFailures: [{ id: '0A1B-2' }] }],
    ['a list that is none', { batchItemFailures: '0A1B-2' }],
    ['a misspelt list', { batchItemFailure: [] }],
    ['settled promises', [{ status: 'rejected' }]],
    ['a string', 'done'],
  ])('fails the whole batch for %s', async (_name, answer) => {
    expect(await rejection(ending(answer))).toBeInstanceOf(BatchFailedError);
  });

  it('is the handler’s own error if it throws', async () => {
    const failure = new TypeError('not now');
    const handler = fcQueue(async () => {
      throw failure;
    }, manualClock());
    expect(await rejection(handler(eventOf('smq'), fcContext()))).toBe(failure);
  });
});

describe('middy with its partial batch failures', () => {
  const entry = fcQueue(
    middy<SQSEvent>(async ({ Records }: SQSEvent) =>
      Promise.allSettled(
        Records.map(async ({ body }) => {
          if (body === 'plain text') throw new Error('not JSON');
        }),
      ),
    ).use(partialBatchFailure({ logger: () => {} })),
    manualClock(),
  );

  it('fails the call for a failed item', async () => {
    expect(await rejection(entry(eventOf('smq'), fcContext()))).toMatchObject({ failures: ['0A1B-2'] });
  });

  it('ends well if all items do', async () => {
    expect(await entry(eventOf('mns-topic-json'), fcContext())).toEqual({ batchItemFailures: [] });
  });
});
