/** Parks messages that cannot be appended: each becomes a record of the dead-letter log (`letter.ts`). */
import type { SQSRecord } from 'aws-lambda';
import { crc64 } from '../append/crc64.ts';
import { digestOf } from '../append/digest.ts';
import { NAME_LENGTH_MAX } from '../append/record.ts';
import type { Target } from '../config.ts';
import type { Runtime } from '../runtime.ts';
import { failureOf } from './failure.ts';
import { timeOfId } from './id-time.ts';
import type { Intake, Outcome } from './intake.ts';
import { DEAD_SOURCE, type DeadLetter, letterJson } from './letter.ts';
import { type Message, payloadOf } from './messages.ts';
import type { Payload } from './payload.ts';

export interface ParkedMessage {
  readonly message: Message;
  /** Why it was not appended. */
  readonly error: unknown;
}

export interface DeadLettersOptions {
  /** The dead-letter log. */
  readonly target: Target;
  readonly intake: Intake;
  readonly runtime: Pick<Runtime, 'now' | 'uuid'>;
}

/** Appends the messages to the dead-letter log. One outcome a message, in their order. */
export async function park(
  { target, intake, runtime }: DeadLettersOptions,
  messages: readonly ParkedMessage[],
  remainingMs: () => number,
): Promise<Outcome[]> {
  if (messages.length === 0) return [];
  const payloads = messages.map((parked) => payloadOfLetter(letterOf(parked, runtime), runtime.now()));
  return intake.take(target, payloads, { remainingMs, invalid: 'fails-alone' });
}

/** The name of a queue as a part of keys and sources of the dead-letter log, whatever its characters are. */
export function placeOf(queue: string | null): string {
  if (queue === null) return NO_QUEUE;
  if (PLAIN_QUEUE.test(queue)) return queue;
  const digest = crc64(utf8.encode(queue)).toString(16).padStart(16, '0');
  return `${queue.replace(/[^\w-]/g, '_').slice(0, OTHER_CHARS_MAX)}-${digest}`;
}

const utf8 = new TextEncoder();
/** Of messages that do not say their queue; no queue's own name. */
const NO_QUEUE = '-unknown';
const PLAIN_QUEUE = /^\w[\w.-]{0,99}$/;
const OTHER_CHARS_MAX = 80;
/** The range of `Date`. */
const TIME_MS_MAX = 8.64e15;

/** Nothing that is wrong with a message may keep it from being parked: not its id, its time or the name of its queue. */
function payloadOfLetter(letter: DeadLetter, nowMs: number): Payload {
  const { messageId, queue, timeMs } = letter;
  const place = placeOf(queue);
  const year = new Date(timeMs).getUTCFullYear();
  return {
    content: { kind: 'json', json: letterJson(letter) },
    source: `${DEAD_SOURCE}${place}`,
    id: isName(messageId) ? messageId : Buffer.from(digestOf('', messageId), 'latin1').toString('hex'),
    timeMs: year >= 0 && year <= 9999 ? timeMs : nowMs,
    queue: place,
  };
}

function letterOf(
  { message: { record, queue, undecodable }, error }: ParkedMessage,
  { now, uuid }: DeadLettersOptions['runtime'],
): DeadLetter {
  const nowMs = now();
  const payload = payloadOf(record, queue ?? '');
  const id = payload.id ?? uuid(nowMs);
  const sentMs = payload.timeMs ?? timeOfId(id) ?? nowMs;
  const { code, message, misfits } = failureOf(error);
  const { encoding, ...attributes } = textsOf(record);
  const isEvent = undecodable !== undefined;
  return {
    queue: queue ?? null,
    source: payload.source,
    id,
    messageId: record.messageId || id,
    timeMs: Math.abs(sentMs) <= TIME_MS_MAX ? sentMs : nowMs,
    form: isEvent ? 'event' : 'message',
    from: record.eventSource,
    reason: { code, message, ...(misfits && { errors: misfits }) },
    attributes,
    body: encoding === 'base64' ? Buffer.from(record.body, 'base64') : record.body,
  };
}

/** What a log takes for an id (PROTOCOL.md §3.2). */
function isName(id: string): boolean {
  return id.length <= NAME_LENGTH_MAX && id.isWellFormed() && !/\p{Cc}/u.test(id);
}

function textsOf({ messageAttributes }: SQSRecord): Record<string, string> {
  const texts = Object.entries(messageAttributes).map(([name, { stringValue = '' }]) => [name, stringValue]);
  return Object.fromEntries(texts);
}
