/**
 * The one place where an SQS record is put together: decoders say what a source's message holds, and this module adds
 * what the envelope and the call know. Nouns: a *message* is what a decoder found; its *attributes* are the source's
 * facts (`topic`, `offset`, …); its *properties* are what the producer attached.
 */
import type { SQSMessageAttribute, SQSMessageAttributes, SQSRecord } from 'aws-lambda';
import { digest } from '../../hash.ts';
import type { Trigger } from '../errors.ts';
import type { FcContext } from '../fc.ts';
import type { Fields, JsonObject, Payload } from '../fields.ts';
import type { CloudEvent } from './cloudevent.ts';

/** One source's part of the decoding. */
export interface QueueDecoder {
  readonly trigger: Trigger;
  /** The SQS record's `eventSource`. */
  readonly eventSource: string;
  /** Whether a CloudEvent of this type carries this source's data. */
  ownsType(type: string): boolean;
  /** Whether this is the source's data without an envelope (`eventSchema: RawData`, or a source that has none). */
  ownsData(data: JsonObject): boolean;
  /** Throws `MalformedEventError`. `fields` are the source's data. */
  decode(fields: Fields, envelope: CloudEvent | null): Message;
}

export interface Message {
  /** The source's own id, the same in every delivery; else the CloudEvent's; '' if there is neither. */
  readonly id: string;
  readonly payload: Payload;
  /** Set where the payload is known to be base64 of bytes. */
  readonly encoding?: 'base64';
  /** When the message was sent, in epoch milliseconds, where the source says better than the envelope. */
  readonly sentTimeMs?: number | undefined;
  readonly senderId?: string;
  /** Whether the source says that it delivered the message before. */
  readonly redelivered?: boolean;
  /** Those that are undefined or '' are left out. */
  readonly attributes?: Readonly<Record<string, string | undefined>>;
  readonly properties?: readonly (readonly [string, string])[];
}

/** What the string bodies of a queue are: text, or base64 of bytes. */
export type BodyEncoding = 'text' | 'base64';

export interface Delivery {
  readonly fc: Pick<FcContext, 'region' | 'retryCount'>;
  readonly bodyEncoding: BodyEncoding;
}

/** Names of attributes that only decoders set. A producer's property of such a name is prefixed, not believed. */
const RESERVED = new Set([
  'clientId',
  'encoding',
  'exchange',
  'key',
  'offset',
  'partition',
  'routingKey',
  'secondTopic',
  'tags',
  'topic',
]);
const ARN_REGION = /^acs:[^:]*:([a-z]+-[a-z0-9-]+):/;

export function sqsRecord(
  eventSource: string,
  message: Message,
  envelope: CloudEvent | null,
  { fc, bodyEncoding }: Delivery,
): SQSRecord {
  const sentTimeMs = message.sentTimeMs ?? envelope?.timeMs;
  const { text, isString } = message.payload;
  const isBase64 =
    message.encoding === 'base64' || (bodyEncoding === 'base64' && isString && isCanonicalBase64(text));
  const arn = envelope?.subject ?? '';
  return Object.assign(new Digested(text), {
    messageId: message.id,
    // FC acknowledges by the call's end, so there is nothing to hand back.
    receiptHandle: '',
    body: text,
    attributes: {
      ApproximateReceiveCount: String(1 + Math.max(fc.retryCount ?? 0, message.redelivered ? 1 : 0)),
      SentTimestamp: millis(sentTimeMs),
      SenderId: message.senderId ?? envelope?.accountId ?? '',
      ApproximateFirstReceiveTimestamp: millis(envelope?.publishTimeMs ?? sentTimeMs),
    },
    messageAttributes: messageAttributes(message, isBase64),
    eventSource,
    eventSourceARN: arn,
    awsRegion: envelope?.region || (ARN_REGION.exec(arn)?.[1] ?? fc.region),
  });
}

/** Few read `md5OfBody`, and to make it of 10,000 messages takes 30 ms. So it is made when it is read. */
class Digested {
  declare readonly md5OfBody: string;
  readonly #text: string;

  /** One for all, and an own property of each: records are copied, compared and written as JSON. */
  static readonly #MD5_OF_BODY: PropertyDescriptor & ThisType<Digested> = {
    enumerable: true,
    configurable: true,
    get() {
      return digest('md5', this.#text, 'hex');
    },
  };

  constructor(text: string) {
    this.#text = text;
    Object.defineProperty(this, 'md5OfBody', Digested.#MD5_OF_BODY);
  }
}

/**
 * The name of the queue or topic that a record came from: `relay-smq` of `…:queues/relay-smq`, or the topic where the
 * source has topics. Undefined if the event did not say.
 */
export function queueNameOf({ eventSourceARN, messageAttributes }: SQSRecord): string | undefined {
  const topic = messageAttributes['topic']?.stringValue;
  return topic ?? /[:/]queues\/(.+)$/s.exec(eventSourceARN)?.[1];
}

function messageAttributes(
  { attributes = {}, properties = [] }: Message,
  isBase64: boolean,
): SQSMessageAttributes {
  const all: [string, SQSMessageAttribute][] = [];
  for (const [name, value] of properties) {
    if (value) all.push([RESERVED.has(name) ? `user.${name}` : name, textAttribute(value)]);
  }
  for (const name of Object.keys(attributes)) {
    const value = attributes[name];
    if (value) all.push([name, textAttribute(value)]);
  }
  if (isBase64) all.push(['encoding', textAttribute('base64')]);
  return Object.fromEntries(all);
}

const textAttribute = (stringValue: string): SQSMessageAttribute => ({ dataType: 'String', stringValue });

/** What is no base64 is text, whatever was declared: then the characters are the payload. */
function isCanonicalBase64(text: string): boolean {
  return Buffer.from(text, 'base64').toString('base64') === text;
}

function millis(timeMs: number | undefined): string {
  return timeMs === undefined ? '' : String(timeMs);
}
