/** All sources of messages, local queues and those of real brokers, with the streams that consume them. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ApiError } from '../errors.ts';
import type { Invoke } from '../invoke.ts';
import { DeadLetters } from './dead-letters.ts';
import { LocalQueue } from './queue.ts';
import type { MessageSource, SourceKind } from './source.ts';
import { type Accept, Stream, type StreamOptions } from './stream.ts';
import type { Wire } from './wiring.ts';

export interface QueueStatus {
  readonly name: string;
  readonly source: SourceKind;
  /** Functions that get its messages. */
  readonly consumers: readonly string[];
  /** Of a broker's queue only what the broker has handed out. */
  readonly depth: number;
  readonly inFlight: number;
  readonly deadLetters: number;
  /** Consumers whose stream ran out of retries (`errorsTolerance: NONE`). */
  readonly stopped: readonly string[];
}

export type QueuesOptions = Omit<StreamOptions, 'fn' | 'trigger' | 'source' | 'deadLetters' | 'facts'> & {
  readonly dir: string;
  readonly wires: readonly Wire[];
  readonly accountId: string;
  readonly itemsAsStrings: boolean;
};

/** What AMQP can say. */
const PREFETCH_MAX = 65_535;

export class Queues {
  readonly #local = new Map<string, LocalQueue>();
  readonly #deadLetters = new Map<MessageSource, DeadLetters>();
  readonly #streams: Stream[] = [];
  #closed = false;

  static async open(options: QueuesOptions): Promise<Queues> {
    mkdirSync(options.dir, { recursive: true });
    const queues = new Queues();
    for (const wire of options.wires) {
      const { fn, trigger } = wire;
      const source = await queues.#sourceOf(wire, options);
      const deadLetters =
        queues.#deadLetters.get(source) ?? (await DeadLetters.open(join(options.dir, deadFileOf(wire))));
      queues.#deadLetters.set(source, deadLetters);
      const facts = { ...options, functionName: fn.name, region: fn.region };
      queues.#streams.push(new Stream({ ...options, fn, trigger, source, deadLetters, facts }));
    }
    return queues;
  }

  async #sourceOf({ trigger, fed }: Wire, options: QueuesOptions): Promise<MessageSource> {
    const { queueName, batchCountMax, concurrency } = trigger;
    // One batch gathers while the others are delivered.
    const prefetch = Math.min(batchCountMax * (concurrency + 1), PREFETCH_MAX);
    if (fed !== null) return fed.broker.open(fed.feed, { ...options, prefetch });
    const queue = this.#local.get(queueName) ?? (await LocalQueue.open(options.dir, queueName));
    this.#local.set(queueName, queue);
    return queue;
  }

  /** Begins to deliver: by `invoke`, or by `accept` where the trigger calls asynchronously. */
  start(invoke: Invoke, accept: Accept): void {
    for (const source of this.#deadLetters.keys()) source.start();
    for (const stream of this.#streams) stream.start(invoke, accept);
  }

  /** Throws `ApiError` 404 (with the names there are), 413, 503. */
  async publish(name: string, body: Uint8Array): Promise<{ messageId: string }> {
    const queue = this.#local.get(name);
    const known = [...this.#local.keys()].join(', ') || 'none';
    if (!queue) throw new ApiError(404, 'QueueNotExist', `no queue '${name}'; there are: ${known}`);
    if (this.#closed) throw new ApiError(503, 'ServiceUnavailable', 'the platform is closing');
    return queue.publish(body);
  }

  get status(): QueueStatus[] {
    return [...this.#deadLetters].map(([source, deadLetters]) => {
      const streams = this.#streams.filter((stream) => stream.source === source);
      return {
        name: source.queueName,
        source: source.kind,
        consumers: streams.map((stream) => stream.functionName),
        depth: source.depth,
        inFlight: source.inFlight,
        deadLetters: deadLetters.count,
        stopped: streams.filter((stream) => stream.stopped).map((stream) => stream.functionName),
      };
    });
  }

  /** Messages here that some stream will still deliver. */
  get pendingCount(): number {
    return this.status
      .filter(({ consumers, stopped }) => stopped.length < consumers.length)
      .reduce((sum, { depth }) => sum + depth, 0);
  }

  /** Takes and delivers nothing more; resolves when the running calls have ended. */
  async stop(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#streams.map((stream) => stream.stop()));
  }

  async close(): Promise<void> {
    await this.stop();
    for (const [source, deadLetters] of this.#deadLetters)
      await Promise.all([source.close(), deadLetters.close()]);
  }
}

/** A broker's queue may have any name. */
const deadFileOf = ({ trigger, fed }: Wire): string =>
  fed === null
    ? `${trigger.queueName}.dead`
    : `${fed.broker.kind.toLowerCase()}-${encodeURIComponent(fed.feed.from)}.dead`;
