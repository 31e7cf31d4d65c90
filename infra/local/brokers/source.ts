/** What the sources of all brokers have in common: a connection that is kept up, and the messages it has brought. */
import type { EventItem, FeedContext, Message, MessageSource, Owner } from '../fc/queue/source.ts';
import { Held } from './held.ts';
import { Link, type Session } from './link.ts';

export abstract class BrokerSource<M extends Message> implements MessageSource {
  abstract readonly kind: 'RabbitMQ' | 'MQTT';
  readonly queueName: string;
  readonly label: string;
  protected readonly context: FeedContext;
  protected readonly held = new Held<M>();
  readonly #link: Link;

  constructor(queueName: string, label: string, where: string, context: FeedContext) {
    this.queueName = queueName;
    this.label = label;
    this.context = context;
    this.#link = new Link({ ...context, what: `${label} at ${where}`, open: () => this.open() });
  }

  /** Connects and begins to put messages into `held`. Rejects if the broker is out of reach or refuses. */
  protected abstract open(): Promise<Session>;
  abstract describe(message: Message, owner: Owner): EventItem;

  get depth(): number {
    return this.held.depth;
  }
  get inFlight(): number {
    return this.held.inFlight;
  }

  start(): void {
    this.#link.start();
  }

  leave(): Promise<void> {
    return this.close();
  }

  async close(): Promise<void> {
    await this.#link.stop();
    this.held.forget();
  }

  take(): M | undefined {
    return this.held.take();
  }

  giveBack(messages: readonly M[]): void {
    this.held.giveBack(messages);
  }

  async remove(messages: readonly Message[]): Promise<void> {
    this.held.remove(messages);
  }

  untilWaiting(signal: AbortSignal): Promise<void> {
    return this.held.untilWaiting(signal);
  }
}
