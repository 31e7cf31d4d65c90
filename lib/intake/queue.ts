/**
 * The queue door: messages, as SQS records in Lambda's style, go into the targets that `queues` names.
 *
 * - A message's id is the record's id, from the source `queue/<name>`, so a redelivered message is recognised. A message
 *   without one gets a new id in every delivery, and its repeats cannot be recognised. Kafka's are numbered (`kafka.ts`).
 * - Its time is when it was sent.
 * - In a `log`, a body that is JSON is that JSON value, any other body is a string, and bytes are bytes.
 * - Its attributes are the fields of the key.
 *
 * A message that cannot be appended is reported as failed and holds up none of the others.
 */
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import type { Config, Target } from '../config.ts';
import type { Log } from '../runtime.ts';
import { IntakeError, quote } from './errors.ts';
import { reportOf } from './failure.ts';
import type { Intake, Outcome } from './intake.ts';
import { kafkaName } from './kafka.ts';
import type { Content, Payload } from './payload.ts';

export interface QueueHandlerOptions {
  readonly config: Config;
  readonly intake: Intake;
  readonly log: Log;
  /** The queue or topic that a record came from, if the event says so. */
  readonly queueNameOf: (record: SQSRecord) => string | undefined;
  /** The queue of records that do not say theirs. */
  readonly queue?: string | undefined;
}

export type QueueHandler = (event: SQSEvent, context: CallContext) => Promise<SQSBatchResponse>;

/** What the doors need of Lambda's context. */
export interface CallContext {
  getRemainingTimeInMillis(): number;
}

/** Throws `IntakeError` `UnknownQueue`, with nothing appended, if a record's queue has no target. */
export function createQueueHandler({
  config,
  intake,
  log,
  queueNameOf,
  queue,
}: QueueHandlerOptions): QueueHandler {
  return async ({ Records }, context) => {
    const perQueue = new Map<string, SQSRecord[]>();
    for (const record of Records) {
      const name = nameOf(queueNameOf(record) ?? queue);
      const records = perQueue.get(name) ?? [];
      records.push(record);
      perQueue.set(name, records);
    }
    // All of them, before anything is appended: a queue without a target fails the call.
    const parts = [...perQueue].map(([name, records]) => ({ name, records, target: targetOf(config, name) }));
    const failures = await Promise.all(
      parts.map(async ({ name, records, target }) => {
        const payloads = records.map((record) => payloadOf(record, name));
        const outcomes = await intake.take(target, payloads, {
          remainingMs: () => context.getRemainingTimeInMillis(),
          invalid: 'fails-alone',
        });
        return records.filter((record, index) => !settled(log, name, record, outcomes[index]));
      }),
    );
    return { batchItemFailures: failures.flat().map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };
}

function nameOf(name: string | undefined): string {
  if (name !== undefined) return name;
  throw new IntakeError(
    'UnknownQueue',
    'The messages do not say which queue they are from. Set APPEND_QUEUE to its name in the environment of the function.',
  );
}

function targetOf(config: Config, name: string): Target {
  const target = config.queues.get(name);
  if (target) return target;
  throw new IntakeError(
    'UnknownQueue',
    `No target is set for the queue ${quote(name)}. Add it under "queues" in append.config.ts.`,
  );
}

function payloadOf(record: SQSRecord, queue: string): Payload {
  const { messageId, attributes, messageAttributes } = record;
  const sentMs = Number.parseInt(attributes.SentTimestamp, 10);
  const fields = Object.entries(messageAttributes).map(
    ([name, { stringValue = '' }]) => [name, stringValue] as const,
  );
  return {
    content: contentOf(record),
    source: `queue/${queue}`,
    id: messageId || undefined,
    ...kafkaName(queue, record),
    timeMs: Number.isNaN(sentMs) ? undefined : sentMs,
    queue,
    fields: new Map(fields),
  };
}

function contentOf({ body, messageAttributes }: SQSRecord): Content {
  return messageAttributes['encoding']?.stringValue === 'base64'
    ? { kind: 'bytes', bytes: Buffer.from(body, 'base64') }
    : { kind: 'json-or-text', text: body };
}

/** Whether nothing is left to do for the record; tells the log if not all went well. */
function settled(log: Log, queue: string, { messageId }: SQSRecord, outcome: Outcome | undefined): boolean {
  if (outcome && 'receipt' in outcome) return true;
  const error = outcome?.error;
  // A `raw` object is the same before and after an empty message.
  const isEmpty = error instanceof IntakeError && error.code === 'EmptyPayload';
  log[isEmpty ? 'warn' : 'error']('message-not-appended', { queue, messageId, ...reportOf(error) });
  return isEmpty;
}
