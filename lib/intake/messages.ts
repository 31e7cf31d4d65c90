/**
 * Messages of queues, as SQS records in Lambda's style, on their way into the targets that `queues` names.
 *
 * - A message's id is the record's id, from the source `queue/<name>`, so a redelivered message is recognised. A message
 *   without one gets a new id in every delivery, and its repeats cannot be recognised. Kafka's are numbered (`kafka.ts`).
 * - Its time is when it was sent.
 * - In a `log`, a body that is JSON is that JSON value, any other body is a string, and bytes are bytes.
 * - Its attributes are the fields of the key.
 */
import type { SQSRecord } from 'aws-lambda';
import type { Config } from '../config.ts';
import { IntakeError, quote } from './errors.ts';
import type { Intake, Outcome } from './intake.ts';
import { kafkaName } from './kafka.ts';
import type { Content, Payload } from './payload.ts';

export interface Message {
  readonly record: SQSRecord;
  /** The queue or topic that it came from, undefined if nobody said. */
  readonly queue: string | undefined;
  /** Why it could not be decoded; undefined if it was. */
  readonly undecodable?: string | undefined;
}

/**
 * Appends each to the target of its queue: one append for each target and object, in the order given. One outcome a
 * message, in that order; one that cannot be appended holds up none of the others. Never throws because of a message.
 */
export async function takeMessages(
  { config, intake }: { readonly config: Config; readonly intake: Intake },
  messages: readonly Message[],
  remainingMs: () => number,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const perQueue = new Map<string, number[]>();
  for (const [place, { queue, undecodable }] of messages.entries()) {
    const error = problemOf(config, queue, undecodable);
    if (error !== null) {
      outcomes[place] = { error };
      continue;
    }
    const places = perQueue.get(queue ?? '') ?? [];
    places.push(place);
    perQueue.set(queue ?? '', places);
  }
  const take = async ([queue, places]: readonly [string, readonly number[]]) => {
    const target = config.queues.get(queue);
    if (target === undefined) return;
    const payloads = places.flatMap((place) => {
      const record = messages[place]?.record;
      return record === undefined ? [] : [payloadOf(record, queue)];
    });
    const taken = await intake.take(target, payloads, { remainingMs, invalid: 'fails-alone' });
    for (const [index, place] of places.entries()) {
      const outcome = taken[index];
      if (outcome !== undefined) outcomes[place] = outcome;
    }
  };
  await Promise.all([...perQueue].map(take));
  return messages.map(
    (_, place) => outcomes[place] ?? { error: new Error('a message was left without an outcome') },
  );
}

const NO_FIELDS: ReadonlyMap<string, string> = new Map();

/** A message, as what it is in a target. */
export function payloadOf(record: SQSRecord, queue: string): Payload {
  const { messageId, attributes, messageAttributes } = record;
  const sentMs = Number.parseInt(attributes.SentTimestamp, 10);
  const fields = Object.entries(messageAttributes).map(
    ([name, { stringValue = '' }]) => [name, stringValue] as const,
  );
  return {
    content: contentOf(record),
    source: `queue/${queue}`,
    id: messageId || undefined,
    timeMs: Number.isNaN(sentMs) ? undefined : sentMs,
    queue,
    fields: fields.length === 0 ? NO_FIELDS : new Map(fields),
    ...kafkaName(queue, record),
  };
}

function contentOf({ body, messageAttributes }: SQSRecord): Content {
  return messageAttributes['encoding']?.stringValue === 'base64'
    ? { kind: 'bytes', bytes: Buffer.from(body, 'base64') }
    : { kind: 'json-or-text', text: body };
}

function problemOf(
  config: Config,
  queue: string | undefined,
  undecodable: string | undefined,
): IntakeError | null {
  if (undecodable !== undefined) return new IntakeError('UndecodableMessage', undecodable);
  if (queue === undefined) {
    return new IntakeError(
      'UnknownQueue',
      'The message does not say which queue it is from. Set APPEND_QUEUE to its name in the environment of the function.',
    );
  }
  if (config.queues.has(queue)) return null;
  return new IntakeError(
    'UnknownQueue',
    `No target is set for the queue ${quote(queue)}. Add it under "queues" in append.config.ts.`,
  );
}
