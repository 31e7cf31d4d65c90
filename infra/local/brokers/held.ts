/**
 * Messages that a broker has handed out and that are not acknowledged yet. A connection that ends takes them with it:
 * the broker hands them out again, so what waits is forgotten, and what is being delivered can no longer be acknowledged.
 */
import { Inbox } from '../fc/queue/inbox.ts';
import type { Message } from '../fc/queue/source.ts';

export class Held<M extends Message> {
  readonly #inbox = new Inbox<M>();
  /** How each is acknowledged on the connection that brought it. */
  readonly #acknowledge = new Map<Message, () => void>();

  get depth(): number {
    return this.#inbox.waitingCount + this.#inbox.takenCount;
  }
  get inFlight(): number {
    return this.#inbox.takenCount;
  }

  add(message: M, acknowledge: () => void): void {
    this.#acknowledge.set(message, acknowledge);
    this.#inbox.add(message);
  }

  take(): M | undefined {
    return this.#inbox.take();
  }

  giveBack(messages: readonly M[]): void {
    const live = messages.filter((message) => this.#acknowledge.has(message));
    this.#inbox.settle(messages.length - live.length);
    this.#inbox.giveBack(live);
  }

  /** Acknowledges those that still can be. The others come again, and are recognised by their ids. */
  remove(messages: readonly Message[]): void {
    for (const message of messages) {
      this.#acknowledge.get(message)?.();
      this.#acknowledge.delete(message);
    }
    this.#inbox.settle(messages.length);
  }

  /** The connection is gone. */
  forget(): void {
    this.#acknowledge.clear();
    this.#inbox.clear();
  }

  untilWaiting(signal: AbortSignal): Promise<void> {
    return this.#inbox.untilWaiting(signal);
  }
}
