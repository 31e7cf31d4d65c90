/** Messages that a stream has given up, kept on disk: what stands in for the queue of `deadLetterQueue`. */
import { Journal } from '../journal.ts';
import type { Message } from './source.ts';

interface DeadLetter {
  /** Epoch milliseconds. */
  readonly publishedMs: number;
  readonly bodyBase64: string;
  readonly reason: string;
}

export class DeadLetters {
  readonly #journal: Journal<DeadLetter>;

  private constructor(journal: Journal<DeadLetter>) {
    this.#journal = journal;
  }

  static async open(file: string): Promise<DeadLetters> {
    return new DeadLetters(await Journal.open<DeadLetter>(file));
  }

  get count(): number {
    return this.#journal.entries.size;
  }

  /** Resolves when they are on disk. */
  async keep(messages: readonly Message[], reason: string): Promise<void> {
    await Promise.all(
      messages.map(({ id, sentMs, body }) =>
        this.#journal.put(id, { publishedMs: sentMs, bodyBase64: body.toString('base64'), reason }),
      ),
    );
  }

  close(): Promise<void> {
    return this.#journal.close();
  }
}
