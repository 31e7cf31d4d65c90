/**
 * A durable local queue, in place of an SMQ queue. `publish` resolves when the message is on disk; a message leaves only
 * by `remove`. Consumers take turns: what one has taken, no other gets until it is given back.
 */
import { join } from 'node:path';
import { ApiError } from '../errors.ts';
import { utf8 } from '../http/event.ts';
import { newMessageId } from '../ids.ts';
import { Journal } from '../journal.ts';
import { MESSAGE_BYTES_MAX } from '../limits.ts';
import { Inbox } from './inbox.ts';
import type { EventItem, Message, MessageSource, Owner } from './source.ts';

interface Stored {
  readonly publishedMs: number;
  readonly bodyBase64: string;
}

export class LocalQueue implements MessageSource {
  readonly kind = 'SMQ';
  readonly queueName: string;
  readonly #journal: Journal<Stored>;
  readonly #ids = new Inbox<string>();

  private constructor(name: string, journal: Journal<Stored>) {
    this.queueName = name;
    this.#journal = journal;
    for (const id of journal.entries.keys()) this.#ids.add(id);
  }

  static async open(dir: string, name: string): Promise<LocalQueue> {
    return new LocalQueue(name, await Journal.open<Stored>(join(dir, `${name}.journal`)));
  }

  get label(): string {
    return `queue ${this.queueName}`;
  }
  get depth(): number {
    return this.#ids.waitingCount + this.#ids.takenCount;
  }
  get inFlight(): number {
    return this.#ids.takenCount;
  }

  /** Throws `ApiError` 413. */
  async publish(body: Uint8Array): Promise<{ messageId: string }> {
    if (body.length > MESSAGE_BYTES_MAX)
      throw new ApiError(413, 'MessageTooLarge', `a message has ${MESSAGE_BYTES_MAX} bytes at most`);
    const messageId = newMessageId();
    await this.#journal.put(messageId, {
      publishedMs: Date.now(),
      bodyBase64: Buffer.from(body).toString('base64'),
    });
    this.#ids.add(messageId);
    return { messageId };
  }

  take(): Message | undefined {
    const id = this.#ids.take();
    const stored = id === undefined ? undefined : this.#journal.entries.get(id);
    if (id === undefined || stored === undefined) return undefined;
    return { id, sentMs: stored.publishedMs, body: Buffer.from(stored.bodyBase64, 'base64') };
  }

  giveBack(messages: readonly Message[]): void {
    this.#ids.giveBack(messages.map(({ id }) => id));
  }

  async remove(messages: readonly Message[]): Promise<void> {
    await this.#journal.remove(messages.map(({ id }) => id));
    this.#ids.settle(messages.length);
  }

  untilWaiting(signal: AbortSignal): Promise<void> {
    return this.#ids.untilWaiting(signal);
  }

  /**
   * `messageBody` is the text that was published. On EventBridge, `IsBase64Decode: true` decodes what the producer's
   * SDK has encoded; `publish` takes the bytes as they are, so there is nothing to decode, and bytes that are not UTF-8
   * are given as base64 either way.
   */
  describe({ id, sentMs, body }: Message, { region, accountId }: Owner): EventItem {
    return {
      envelope: {
        id: id.toLowerCase(),
        type: 'mns:Queue:SendMessage',
        subject: `acs:mns:${region}:${accountId}:queues/${this.queueName}`,
        timeMs: sentMs,
      },
      dataText: JSON.stringify({
        requestId: id.slice(0, 24),
        messageId: id,
        messageBody: utf8(body) ?? body.toString('base64'),
      }),
    };
  }

  start(): void {}

  async leave(): Promise<void> {}

  close(): Promise<void> {
    return this.#journal.close();
  }
}
