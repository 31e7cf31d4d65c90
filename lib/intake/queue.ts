/**
 * The queue door: batches of messages go into the targets that `queues` names (`messages.ts`), message by message.
 *
 * The platform delivers a whole batch again or nothing of it. So a message that would fail however often it comes is
 * parked among the dead letters (`dead-letters.ts`), and only what may pass fails the call (`verdict.ts`). The batch then
 * comes back, and what is in, or parked, is recognised.
 */
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import type { Config } from '../config.ts';
import type { Runtime } from '../runtime.ts';
import { type ParkedMessage, park } from './dead-letters.ts';
import { failureOf, reportOf } from './failure.ts';
import type { Intake } from './intake.ts';
import { type Message, takeMessages } from './messages.ts';
import { verdictOf } from './verdict.ts';

export interface QueueHandlerOptions {
  readonly config: Config;
  readonly intake: Intake;
  readonly runtime: Pick<Runtime, 'now' | 'uuid' | 'log'>;
  /** The queue or topic that a record came from, if the event says so. */
  readonly queueNameOf: (record: SQSRecord) => string | undefined;
  /** Why a record could not be decoded, if it could not. The message holds no payload. */
  readonly undecodableOf: (record: SQSRecord) => { readonly message: string } | undefined;
  /** The queue of records that do not say theirs. */
  readonly queue?: string | undefined;
}

export type QueueHandler = (event: SQSEvent, context: CallContext) => Promise<SQSBatchResponse>;

/** What the doors need of Lambda's context. */
export interface CallContext {
  getRemainingTimeInMillis(): number;
}

/** Of the time of a call, kept back for parking when the store holds up the rest. */
const PARKING_SHARE = 0.1;

/** The answer names the messages that have to come again. */
export function createQueueHandler(options: QueueHandlerOptions): QueueHandler {
  const { config, intake, runtime, queueNameOf, undecodableOf, queue } = options;
  const { log } = runtime;
  const deadLetters = { target: config.deadLetters, intake, runtime };

  return async ({ Records }, context) => {
    const remainingMs = () => context.getRemainingTimeInMillis();
    const messages = Records.map((record) => ({
      record,
      queue: queueNameOf(record) ?? queue,
      undecodable: undecodableOf(record)?.message,
    }));
    const again: Message[] = [];
    const bad: ParkedMessage[] = [];
    const parkingMs = PARKING_SHARE * remainingMs();
    const outcomes = await takeMessages({ config, intake }, messages, () => remainingMs() - parkingMs);
    for (const [index, message] of messages.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined || 'receipt' in outcome) continue;
      const { error } = outcome;
      const verdict = verdictOf(failureOf(error));
      if (verdict === 'park') bad.push({ message, error });
      else log[verdict === 'drop' ? 'warn' : 'error']('message-not-appended', told(message, error));
      if (verdict === 'again') again.push(message);
    }

    const parked = async (some: readonly ParkedMessage[]) => {
      const places = await park(deadLetters, some, remainingMs);
      for (const [index, { message, error }] of some.entries()) {
        const place = places[index];
        if (place !== undefined && 'receipt' in place) {
          log.error('message-parked', { ...told(message, error), object: place.receipt.object });
        } else {
          log.error('message-not-parked', told(message, place?.error));
          again.push(message);
        }
      }
    };
    await parked(bad.filter(({ message }) => message.record.messageId !== ''));
    // Nobody recognises these when they come again, so they are parked when nothing else can make them come.
    const nameless = bad.filter(({ message }) => message.record.messageId === '');
    if (again.length === 0) await parked(nameless);
    else again.push(...nameless.map(({ message }) => message));

    return { batchItemFailures: again.map(({ record }) => ({ itemIdentifier: record.messageId })) };
  };
}

function told({ record, queue }: Message, error: unknown) {
  return { queue: queue ?? null, messageId: record.messageId, ...reportOf(error) };
}
