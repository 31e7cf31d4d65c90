/**
 * Queue triggers: a Lambda handler for SQS events behind FC's, for every queue that FC can be triggered by.
 *
 * An event is one message or an array of them, each an object or a string of JSON, in a CloudEvent or bare. Each becomes
 * an SQS record whose `body` is the payload's exact text and whose `messageId` is the source's own. A CloudEvent's
 * `type` tells its source; a bare message is told by the members that only its source has, and what fits none is an
 * `UnknownEventShapeError`, not a guess.
 *
 * FC delivers a whole batch again or nothing of it. So if the handler reports any item as failed, or answers what cannot
 * be understood, the call fails with `BatchFailedError`; a handler must be able to take the other items twice.
 */
import type { SQSBatchResponse, SQSHandler, SQSRecord } from 'aws-lambda';
import { sliceElements } from '../append/json.ts';
import { type LambdaHandler, returnInstead, type ShimOptions, shimContext } from './context.ts';
import { BatchFailedError, UnknownEventShapeError } from './errors.ts';
import type { FcHandler } from './fc.ts';
import { Fields, isObject, parse, parseEvent } from './fields.ts';
import { cloudEventOf } from './queue/cloudevent.ts';
import { kafka } from './queue/kafka.ts';
import { decodeStream, mnsTopic } from './queue/mns-topic.ts';
import { mqtt } from './queue/mqtt.ts';
import { rabbitmq } from './queue/rabbitmq.ts';
import { type BodyEncoding, type Delivery, type QueueDecoder, sqsRecord } from './queue/record.ts';
import { rocketmq } from './queue/rocketmq.ts';
import { smq } from './queue/smq.ts';
import { undecodable, undecodableRecord } from './queue/undecodable.ts';

export { queueNameOf } from './queue/record.ts';
export { undecodableOf } from './queue/undecodable.ts';

export interface QueueOptions extends ShimOptions {
  /**
   * `mns-topic-stream`: the trigger is an MNS topic with content format STREAM, whose events can be any bytes, also
   * such as look like another source's. `auto` (the default): any other trigger.
   */
  readonly shape?: 'auto' | 'mns-topic-stream';
  /**
   * `base64`: the source sends bytes as base64 (Kafka with `ValueDataType` Binary, SMQ with `IsBase64Decode` false),
   * which events do not tell. Bodies stay base64 and carry the attribute `encoding`. Default `text`.
   */
  readonly bodyEncoding?: BodyEncoding;
  /**
   * What becomes of an item that cannot be decoded: `fails-call` (the default) throws, as if none had come. `is-record`
   * hands it to the handler among the others, as a record that `undecodableOf` tells.
   */
  readonly undecodable?: 'fails-call' | 'is-record';
}

/** An event stream gives up on a call after five minutes, whatever the function's time-out. */
const STREAM_CALL_MS_MAX = 5 * 60_000;

/** Characters of a CloudEvent's type in an error's message; known types are half as long. */
const QUOTED_LENGTH_MAX = 60;

/** Sources that also come without an envelope are told apart in this order. */
const DECODERS: readonly QueueDecoder[] = [smq, rabbitmq, rocketmq, kafka, mqtt, mnsTopic];

/**
 * What FC calls for a batch. Throws `UnknownEventShapeError`, `MalformedEventError`, `BatchFailedError`, and what the
 * handler throws.
 */
export function fcQueue(
  handler: LambdaHandler<SQSHandler>,
  options: QueueOptions,
): FcHandler<SQSBatchResponse> {
  return async (event, fc) => {
    const context = shimContext(fc, options, STREAM_CALL_MS_MAX);
    const Records = queueRecords(event, fc, options);
    assertAllDone(await handler({ Records }, context, returnInstead), Records);
    return { batchItemFailures: [] };
  };
}

/** The records of an event. Throws `UnknownEventShapeError` and `MalformedEventError`, unless they are to be records. */
export function queueRecords(
  event: Uint8Array,
  fc: Delivery['fc'],
  { shape = 'auto', bodyEncoding = 'text', undecodable: rule = 'fails-call' }: Omit<QueueOptions, 'now'>,
): SQSRecord[] {
  const delivery = { fc, bodyEncoding };
  /** The record of what could not be decoded. */
  const kept = (error: unknown, item: () => string | Uint8Array, index?: number): SQSRecord => {
    if (rule === 'fails-call') throw error;
    return undecodableRecord(item(), undecodable(error, index), delivery);
  };
  try {
    if (shape === 'mns-topic-stream')
      return [sqsRecord(mnsTopic.eventSource, decodeStream(event), null, delivery)];
    const batch = parseEvent(event);
    if (batch === undefined) throw new UnknownEventShapeError('bytes that are not JSON');
    const { text, value } = batch;
    if (!Array.isArray(value)) return [itemRecord(value, () => text, delivery)];
    let texts: readonly string[] | undefined;
    const textOf = (index: number) => {
      texts ??= sliceElements(text);
      return texts[index] ?? '';
    };
    return value.map((one: unknown, index) => {
      try {
        return itemRecord(one, () => textOf(index), delivery, index);
      } catch (error) {
        return kept(error, () => textOf(index), index);
      }
    });
  } catch (error) {
    return [kept(error, () => event)];
  }
}

/**
 * @param text The item's own. It is asked for where a value's exact text matters: to cut a batch takes longer than to
 * parse it.
 */
function itemRecord(item: unknown, text: () => string, delivery: Delivery, index?: number): SQSRecord {
  // Event streams may deliver items as strings of JSON.
  const inner = typeof item === 'string' ? parse(item) : undefined;
  return inner === undefined
    ? messageRecord(item, text, delivery, index)
    : messageRecord(inner.value, () => inner.text, delivery, index);
}

function messageRecord(
  value: unknown,
  text: () => string,
  delivery: Delivery,
  index: number | undefined,
): SQSRecord {
  if (!isObject(value)) throw new UnknownEventShapeError(jsonTypeOf(value), index);
  const fields = new Fields('queue', text, value, index);
  const envelope = cloudEventOf(fields);
  const decoder = DECODERS.find((source) =>
    envelope ? source.ownsType(envelope.type) : source.ownsData(value),
  );
  if (decoder === undefined) {
    throw new UnknownEventShapeError(
      envelope ? `a CloudEvent of type ${quote(envelope.type)}` : 'an object',
      index,
    );
  }
  const source = fields.as(decoder.trigger);
  const message = decoder.decode(envelope ? source.object('data') : source, envelope);
  return sqsRecord(decoder.eventSource, message, envelope, delivery);
}

/** One short line, whatever the sender put there. */
function quote(type: string): string {
  return JSON.stringify(type.slice(0, QUOTED_LENGTH_MAX));
}

function jsonTypeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

/** Lambda's rules for `batchItemFailures`, except that a member of another name alone is not taken for success. */
function assertAllDone(answer: unknown, records: readonly SQSRecord[]): void {
  if (answer === undefined || answer === null) return;
  if (!isObject(answer))
    throw new BatchFailedError('The handler must answer nothing or { batchItemFailures }.');
  if (Object.keys(answer).length === 0 || answer['batchItemFailures'] === null) return;
  const failures = answer['batchItemFailures'];
  if (!Array.isArray(failures)) throw new BatchFailedError('batchItemFailures must be an array.');
  if (failures.length === 0) return;
  const ids = failures.map((failure) => (isObject(failure) ? failure['itemIdentifier'] : undefined));
  const known = new Set<unknown>(records.map(({ messageId }) => messageId));
  const named = ids.filter((id) => typeof id === 'string');
  const strangers = ids.filter((id) => !known.has(id)).length;
  throw new BatchFailedError(
    strangers === 0
      ? `The handler reported ${ids.length} of ${records.length} items as failed.`
      : `The handler reported ${strangers} itemIdentifiers that are in no record of the batch.`,
    named,
  );
}
