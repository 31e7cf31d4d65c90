/**
 * SMQ (MNS) topic triggers (documentation: "MNS topic triggers"), one message a call, in three forms: content format
 * `JSON`; `STREAM` of a message with attributes, `{"body", "attrs"}`; and plain `STREAM`, the message's own bytes.
 */
import { decodeUtf8, Fields, isObject, type JsonObject, parse } from '../fields.ts';
import type { Message, QueueDecoder } from './record.ts';

/** The members of format `JSON` that are the platform's; all others are the message's attributes. */
const JSON_FORMAT = [
  'TopicOwner',
  'Message',
  'Subscriber',
  'PublishTime',
  'SubscriptionName',
  'MessageMD5',
  'TopicName',
  'MessageId',
];

export const mnsTopic: QueueDecoder = {
  trigger: 'mns-topic',
  eventSource: 'acs:mns:topic',
  ownsType: () => false,
  ownsData: (data) =>
    ['TopicName', 'MessageId', 'Message'].every((name) => name in data) || isStreamWithAttributes(data),
  decode(fields) {
    return 'TopicName' in fields.value ? jsonMessage(fields) : streamMessage(fields);
  },
};

/**
 * A message of a topic whose trigger is declared to be `STREAM`. An object of exactly `body` and `attrs` is taken for
 * FC's own form of a message with attributes; everything else is the message itself, in base64 if it is not UTF-8.
 */
export function decodeStream(event: Uint8Array): Message {
  const text = decodeUtf8(event);
  if (text === undefined) {
    return {
      id: '',
      payload: { text: Buffer.from(event).toString('base64'), isString: true },
      encoding: 'base64',
    };
  }
  const value = parse(text)?.value;
  if (isObject(value) && isStreamWithAttributes(value)) {
    return streamMessage(new Fields('mns-topic', () => text, value));
  }
  return { id: '', payload: { text, isString: true } };
}

function jsonMessage(fields: Fields): Message {
  return {
    id: fields.string('MessageId'),
    payload: fields.payload('Message'),
    sentTimeMs: fields.epochMs('PublishTime'),
    senderId: fields.stringOrEmpty('TopicOwner'),
    attributes: { topic: fields.string('TopicName') },
    properties: fields.entriesBut(JSON_FORMAT),
  };
}

function streamMessage(fields: Fields): Message {
  return { id: '', payload: fields.payload('body'), properties: fields.entries('attrs') };
}

function isStreamWithAttributes(value: JsonObject): boolean {
  return Object.keys(value).length === 2 && typeof value['body'] === 'string' && isObject(value['attrs']);
}
