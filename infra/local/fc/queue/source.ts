/**
 * Where an event stream takes its messages from: a local queue, or a queue or topic of a real broker. A message that was
 * taken is the stream's until it is given back or removed; only `remove` makes the source forget it.
 */
import type { Clock } from '../clock.ts';
import type { Report } from '../events.ts';

export type SourceKind = 'SMQ' | 'RabbitMQ' | 'MQTT';

export interface Message {
  /** Of this message at this source; the key of its dead letter. */
  readonly id: string;
  readonly body: Buffer;
  /** When it was sent, as far as the source knows. Epoch milliseconds. */
  readonly sentMs: number;
}

/** A message as EventBridge shows it. */
export interface EventItem {
  /** null: the source's messages come without a CloudEvents envelope. */
  readonly envelope: {
    readonly id: string;
    readonly type: string;
    readonly subject: string;
    readonly timeMs: number;
  } | null;
  /** `data` of the CloudEvent, as JSON text: a number in it keeps all its digits. */
  readonly dataText: string;
}

/** Whose messages an event says they are. */
export interface Owner {
  readonly region: string;
  readonly accountId: string;
}

export interface MessageSource {
  readonly kind: SourceKind;
  /** The queue of the configuration (`queues` in append.config.ts) whose messages these are. */
  readonly queueName: string;
  /** For people: `RabbitMQ queue orders`. */
  readonly label: string;
  /** Messages here that are not delivered yet, those in flight included; a broker may hold more. */
  readonly depth: number;
  readonly inFlight: number;
  /** The oldest message that nobody has taken. */
  take(): Message | undefined;
  /** Taken messages, in the order in which they were taken: they are the next again. */
  giveBack(messages: readonly Message[]): void;
  /** Takes taken messages off the source for good: removes them, or acknowledges them to the broker. */
  remove(messages: readonly Message[]): Promise<void>;
  /** Resolves when a message can be taken, or the signal fires. */
  untilWaiting(signal: AbortSignal): Promise<void>;
  describe(message: Message, owner: Owner): EventItem;
  start(): void;
  /** Nothing more is taken: a broker gets back what it has handed out. */
  leave(): Promise<void>;
  /** Lets go of the source; what was not removed stays there. */
  close(): Promise<void>;
}

/** What one source of a broker is, and the queue of the configuration that it stands for. */
export interface Feed {
  /** Name of the broker's queue; the MQTT topic below which everything is consumed. */
  readonly from: string;
  readonly queue: string;
}

export interface FeedContext {
  readonly clock: Clock;
  readonly report: Report;
  /** Messages that the broker may hand out before any of them is acknowledged. */
  readonly prefetch: number;
}

/** A real broker. It is contacted when its sources start, and from then on until they are closed. */
export interface Broker {
  readonly kind: Exclude<SourceKind, 'SMQ'>;
  /** For people, without credentials: `amqp://127.0.0.1:5672/relay`. */
  readonly where: string;
  readonly feeds: readonly Feed[];
  open(feed: Feed, context: FeedContext): MessageSource;
}
