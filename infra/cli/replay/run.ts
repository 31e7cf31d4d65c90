/**
 * Sends dead letters again, the way their messages came: through the same intake, under the same names and times, by the
 * configuration as it is now. What is in is then marked in the log of the letter, so that nobody sends it a third time.
 *
 * Ended in between, a letter may be in without a mark. Sent again, it is recognised by its name in a `log` target; a `raw`
 * target has it twice then.
 */
import type { SQSRecord } from 'aws-lambda';
import { jsonLine } from '../../../lib/append/record.ts';
import type { Appender } from '../../../lib/appender.ts';
import type { Config } from '../../../lib/config.ts';
import { failureOf } from '../../../lib/intake/failure.ts';
import type { Intake } from '../../../lib/intake/intake.ts';
import { type DeadLetter, recordOfLetter } from '../../../lib/intake/letter.ts';
import { type Message, takeMessages } from '../../../lib/intake/messages.ts';
import { recordOf } from '../../../lib/intake/payload.ts';
import { verdictOf } from '../../../lib/intake/verdict.ts';
import type { Runtime } from '../../../lib/runtime.ts';
import { type QueueOptions, queueNameOf, queueRecords, undecodableOf } from '../../../lib/shim/index.ts';
import { type FoundLetter, markerSource } from './letters.ts';

export interface ReplayOptions {
  readonly config: Config;
  readonly intake: Intake;
  /** Null: nothing is marked. */
  readonly markers: Pick<Appender, 'appendRecords'> | null;
  readonly runtime: Pick<Runtime, 'now'>;
  /** How the queue function reads its events now. */
  readonly decoding: Pick<QueueOptions, 'shape' | 'bodyEncoding'>;
  /** The queue of messages that do not say theirs. */
  readonly queue: string | undefined;
}

export interface Ending {
  readonly found: FoundLetter;
  /** `again`: it is not in, and may be next time. */
  readonly kind: 'replayed' | 'was-in' | 'still-bad' | 'again';
  /** Where it is, null if it is nowhere. */
  readonly object: string | null;
  /** Why it is not in. */
  readonly reason: { readonly code: string; readonly message: string } | null;
}

/** Sends letters of one log again. Throws `AppendError` if they cannot be marked. */
export async function replay(
  options: ReplayOptions,
  letters: readonly FoundLetter[],
  remainingMs: () => number,
): Promise<Ending[]> {
  const { config, intake, markers, runtime } = options;
  const messages = letters.map(({ letter }) => messageOf(letter, options));
  const outcomes = await takeMessages({ config, intake }, messages, remainingMs);
  const endings = letters.map((found, index): Ending => {
    const outcome = outcomes[index];
    if (outcome !== undefined && 'receipt' in outcome) {
      const { receipt } = outcome;
      const wasIn = 'repeat' in receipt && receipt.repeat;
      return { found, kind: wasIn ? 'was-in' : 'replayed', object: receipt.object, reason: null };
    }
    const failure = failureOf(outcome?.error);
    const verdict = verdictOf(failure);
    // An empty message has nothing to be appended, and that is done.
    const kind = verdict === 'drop' ? 'replayed' : verdict === 'park' ? 'still-bad' : 'again';
    return { found, kind, object: null, reason: { code: failure.code, message: failure.message } };
  });
  const done = endings.filter(({ kind }) => kind === 'replayed' || kind === 'was-in');
  const [first] = done;
  const marks = done.map((ending) => markOf(ending, runtime.now()));
  if (first !== undefined) await markers?.appendRecords(first.found.log, marks, { remainingMs });
  return endings;
}

/** `{"at":"…","object":"events/20.ndjson","repeat":false}` */
function markOf({ found, kind, object }: Ending, timeMs: number) {
  const json = JSON.stringify({ at: new Date(timeMs).toISOString(), object, repeat: kind === 'was-in' });
  return recordOf({ kind: 'json', json }, { source: markerSource(found), id: found.id, timeMs });
}

function messageOf(letter: DeadLetter, { decoding, queue }: ReplayOptions): Message {
  const byDefault = letter.queue ?? queue;
  if (letter.form === 'message') return { record: recordOfLetter(letter), queue: byDefault };
  const record = decodedAgain(letter, decoding);
  return {
    record,
    queue: queueNameOf(record) ?? byDefault,
    undecodable: undecodableOf(record)?.message,
  };
}

/** What could not be decoded when it came may be by now: by other code, or as an event of another shape. */
function decodedAgain({ body, id, timeMs }: DeadLetter, decoding: ReplayOptions['decoding']): SQSRecord {
  const bytes = Buffer.from(body);
  // An item of a batch is an item here too, also if it looks like a batch itself.
  const isItem = decoding.shape !== 'mns-topic-stream' && isJson(bytes);
  const event = isItem ? Buffer.concat([Buffer.from('['), bytes, Buffer.from(']')]) : bytes;
  const [record] = queueRecords(event, { region: '' }, { ...decoding, undecodable: 'is-record' });
  if (record === undefined) throw new Error('an item of an event became no record');
  const { messageId, attributes } = record;
  return {
    ...record,
    messageId: messageId || id,
    attributes: { ...attributes, SentTimestamp: attributes.SentTimestamp || String(timeMs) },
  };
}

function isJson(bytes: Uint8Array): boolean {
  try {
    jsonLine(bytes);
    return true;
  } catch {
    return false;
  }
}
