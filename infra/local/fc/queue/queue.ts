/**
 * A durable local queue, in place of an SMQ queue. `publish` resolves when the message is on disk; a message leaves only
 * by `remove`. Consumers take turns: what one has taken, no other gets until it is given back.
 */
import { join } from 'node:path';
import { ApiError } from '../errors.ts';
import { newMessageId } from '../ids.ts';
import { Journal } from '../journal.ts';
import { MESSAGE_BYTES_MAX } from '../limits.ts';
import type { Message } from './event.ts';

interface Stored {
  readonly publishedMs: number;
  readonly bodyBase64: string;
}

interface DeadLetter extends Stored {
  readonly reason: string;
}

export class LocalQueue {
  readonly name: string;
  readonly #journal: Journal<Stored>;
  readonly #dead: Journal<DeadLetter>;
  /** Ids that nobody has taken, in order of publishing. */
  #waiting: string[];
  #taken = 0;
  #arrived: (() => void)[] = [];

  private constructor(name: string, journal: Journal<Stored>, dead: Journal<DeadLetter>) {
    this.name = name;
    this.#journal = journal;
    this.#dead = dead;
    this.#waiting = [...journal.entries.keys()];
  }

  static async open(dir: string, name: string): Promise<LocalQueue> {
    const journal = await Journal.open<Stored>(join(dir, `${name}.journal`));
    return new LocalQueue(name, journal, await Journal.open<DeadLetter>(join(dir, `${name}.dead`)));
  }

  /** Messages that are not delivered yet, those in flight included. */
  get depth(): number {
    return this.#waiting.length + this.#taken;
  }
  get inFlight(): number {
    return this.#taken;
  }
  get deadLetters(): number {
    return this.#dead.entries.size;
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
    this.#waiting.push(messageId);
    this.#wake();
    return { messageId };
  }

  /** Takes up to `countMax` messages whose bodies have up to `bytesMax` bytes together, but one at least if there is one. */
  take(countMax: number, bytesMax: number): Message[] {
    const messages: Message[] = [];
    let bytes = 0;
    for (const id of this.#waiting.slice(0, countMax)) {
      const stored = this.#journal.entries.get(id);
      bytes += stored?.bodyBase64.length ?? 0;
      if (!stored || (messages.length > 0 && bytes > bytesMax)) break;
      messages.push({ id, publishedMs: stored.publishedMs, body: Buffer.from(stored.bodyBase64, 'base64') });
    }
    this.#waiting.splice(0, messages.length);
    this.#taken += messages.length;
    return messages;
  }

  giveBack(messages: readonly Message[]): void {
    this.#taken -= messages.length;
    this.#waiting.unshift(...messages.map(({ id }) => id));
    this.#wake();
  }

  /** Takes taken messages off the queue for good. */
  async remove(messages: readonly Message[]): Promise<void> {
    await this.#journal.remove(messages.map(({ id }) => id));
    this.#taken -= messages.length;
  }

  /** Keeps taken messages in the dead-letter journal. Killed in between, it has them in both, never in none. */
  async bury(messages: readonly Message[], reason: string): Promise<void> {
    await Promise.all(
      messages.map(({ id, publishedMs, body }) =>
        this.#dead.put(id, { publishedMs, bodyBase64: body.toString('base64'), reason }),
      ),
    );
    await this.remove(messages);
  }

  /** Resolves when at least `count` messages wait, or the signal fires. */
  async untilWaiting(count: number, signal: AbortSignal): Promise<void> {
    while (this.#waiting.length < count && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          signal.removeEventListener('abort', wake);
          resolve();
        };
        signal.addEventListener('abort', wake, { once: true });
        this.#arrived.push(wake);
      });
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#journal.close(), this.#dead.close()]);
  }

  #wake(): void {
    for (const wake of this.#arrived.splice(0)) wake();
  }
}
