/**
 * A dead letter: a message of a queue that could not be appended, as a record of the dead-letter log.
 *
 *     {"queue":"orders","source":"queue/orders","id":"m-17","time":"2026-11-22T20:30:01.120Z","form":"message",
 *      "from":"acs:mns","reason":{"code":"InvalidKey","message":"…"},"attributes":{"tenant":"../a"},"body":"{\"n\":1}"}
 *
 * - `queue`: the queue or topic, null if nobody said which.
 * - `source`, `id`, `time`: what names the record in a target. A message that brought no id or no time has got one here, so
 *   that it is the same record however often it is sent again.
 * - `form`: `message`: `body` is the payload. `event`: it is the whole item that could not be decoded.
 * - `from`: who delivered it (`eventSource` of the record). `messageId`: the message's own id, where `id` is another one
 *   (Kafka, whose `id` is the offset).
 * - `reason`: the error's code, and its message, which holds neither payload nor secret. `errors`, where there are any:
 *   the places (JSON Pointers) at which the payload does not fit the schema of the target, with the keyword not met.
 * - `attributes`: the message's attributes, strings.
 * - `body`: the bytes as they came: a string, `{"base64":"…"}` for what is no text, or `{"utf8":"<base64>"}` for a text that
 *   would be too long as a string. The log's own form of bytes, `$bytes`, is not used, so that no reader takes the body
 *   for the record.
 *
 * The record's own id in the log is the message's, in the source `dead/<queue>`: a message that is delivered again is
 * parked once. A record of the source `replay/<queue>` with the same id says that the letter was sent again.
 */
import type { SQSRecord } from 'aws-lambda';
import { isObject } from '../append/commit.ts';
import { JsonError, parseJson } from '../append/json.ts';
import type { Misfit } from '../schema/types.ts';

export interface DeadLetter {
  readonly queue: string | null;
  readonly source: string;
  readonly id: string;
  /** The message's own id; `id` if it has none. */
  readonly messageId: string;
  readonly timeMs: number;
  readonly form: 'message' | 'event';
  readonly from: string;
  readonly reason: {
    readonly code: string;
    readonly message: string;
    /** For people: nothing reads it back. */
    readonly errors?: readonly Misfit[];
  };
  readonly attributes: Readonly<Record<string, string>>;
  /** Characters, or bytes. */
  readonly body: string | Uint8Array;
}

export const DEAD_SOURCE = 'dead/';
export const REPLAY_SOURCE = 'replay/';

/** Beyond this, a text full of escapes would not fit one append, and its base64 does. */
const TEXT_JSON_CHARS_MAX = 32 * 1024 * 1024;

/** One line of JSON. */
export function letterJson({ messageId, timeMs, body, ...letter }: DeadLetter): string {
  const { queue, source, id, form, from, reason, attributes } = letter;
  return JSON.stringify({
    queue,
    source,
    id,
    ...(messageId !== id && { messageId }),
    time: new Date(timeMs).toISOString(),
    form,
    from,
    reason,
    attributes,
    body: bodyJson(body),
  });
}

/** The letter that `json` is, or null if it is none. */
export function parseLetter(json: string): DeadLetter | null {
  const value = valueOrNull(json);
  if (!isObject(value)) return null;
  const { queue, source, id, messageId = id, time, form, from, reason, attributes, body } = value;
  if (!(queue === null || typeof queue === 'string') || !areTexts(source, id, messageId, time, from))
    return null;
  if ((form !== 'message' && form !== 'event') || !isObject(reason) || !isObject(attributes)) return null;
  const { code, message } = reason;
  const timeMs = Date.parse(String(time));
  const bytes = bytesOf(body);
  if (!areTexts(code, message, ...Object.values(attributes)) || Number.isNaN(timeMs) || bytes === null)
    return null;
  return {
    queue,
    source: String(source),
    id: String(id),
    messageId: String(messageId),
    timeMs,
    form,
    from: String(from),
    reason: { code: String(code), message: String(message) },
    attributes: attributes as Record<string, string>,
    body: bytes,
  };
}

/** The message of a letter, as it came to the queue handler. */
export function recordOfLetter(letter: DeadLetter): SQSRecord {
  const { body, timeMs, messageId, from } = letter;
  const isText = typeof body === 'string';
  const attributes = { ...letter.attributes, ...(!isText && { encoding: 'base64' }) };
  return {
    messageId,
    receiptHandle: '',
    body: isText ? body : Buffer.from(body).toString('base64'),
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: String(timeMs),
      SenderId: '',
      ApproximateFirstReceiveTimestamp: '',
    },
    messageAttributes: Object.fromEntries(
      Object.entries(attributes).map(([name, stringValue]) => [name, { dataType: 'String', stringValue }]),
    ),
    md5OfBody: '',
    eventSource: from,
    eventSourceARN: '',
    awsRegion: '',
  };
}

function bodyJson(body: string | Uint8Array): string | { base64: string } | { utf8: string } {
  if (typeof body !== 'string') return { base64: Buffer.from(body).toString('base64') };
  // An escape takes six characters at most. Half of a surrogate pair has no bytes, but an escape.
  if (body.length <= TEXT_JSON_CHARS_MAX / 6 || !body.isWellFormed()) return body;
  const isTooLong = JSON.stringify(body).length > TEXT_JSON_CHARS_MAX;
  return isTooLong ? { utf8: Buffer.from(body).toString('base64') } : body;
}

function bytesOf(body: unknown): string | Uint8Array | null {
  if (typeof body === 'string') return body;
  if (!isObject(body)) return null;
  const { base64, utf8 } = body;
  if (typeof utf8 === 'string') return Buffer.from(utf8, 'base64').toString('utf8');
  return typeof base64 === 'string' ? Buffer.from(base64, 'base64') : null;
}

function valueOrNull(json: string): unknown {
  try {
    return parseJson(json);
  } catch (error) {
    if (error instanceof JsonError) return null;
    throw error;
  }
}

const areTexts = (...values: readonly unknown[]): boolean =>
  values.every((value) => typeof value === 'string');
