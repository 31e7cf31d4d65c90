/** All local queues with the streams that consume them. */
import { mkdirSync } from 'node:fs';
import { ApiError } from '../errors.ts';
import type { Invoke } from '../invoke.ts';
import type { FunctionConfig } from '../template/function.ts';
import { LocalQueue } from './queue.ts';
import { Stream, type StreamOptions } from './stream.ts';

export interface QueueStatus {
  readonly name: string;
  /** Functions that get its messages. */
  readonly consumers: readonly string[];
  readonly depth: number;
  readonly inFlight: number;
  readonly deadLetters: number;
  /** Consumers whose stream ran out of retries (`errorsTolerance: NONE`). */
  readonly stopped: readonly string[];
}

export type QueuesOptions = Omit<StreamOptions, 'fn' | 'trigger' | 'queue' | 'facts'> & {
  readonly dir: string;
  readonly functions: readonly FunctionConfig[];
  readonly accountId: string;
  readonly itemsAsStrings: boolean;
};

export class Queues {
  readonly #queues = new Map<string, LocalQueue>();
  readonly #streams: Stream[] = [];
  #closed = false;

  static async open(options: QueuesOptions): Promise<Queues> {
    mkdirSync(options.dir, { recursive: true });
    const queues = new Queues();
    for (const fn of options.functions) {
      for (const trigger of fn.streams) {
        const { queueName } = trigger;
        const queue = queues.#queues.get(queueName) ?? (await LocalQueue.open(options.dir, queueName));
        queues.#queues.set(queueName, queue);
        const facts = { functionName: fn.name, region: fn.region, ...options };
        queues.#streams.push(new Stream({ ...options, fn, trigger, queue, facts }));
      }
    }
    return queues;
  }

  /** Begins to deliver, by `invoke`. */
  start(invoke: Invoke): void {
    for (const stream of this.#streams) stream.start(invoke);
  }

  /** Throws `ApiError` 404 (with the names there are), 413, 503. */
  async publish(name: string, body: Uint8Array): Promise<{ messageId: string }> {
    const queue = this.#queues.get(name);
    const known = [...this.#queues.keys()].join(', ') || 'none';
    if (!queue) throw new ApiError(404, 'QueueNotExist', `no queue '${name}'; there are: ${known}`);
    if (this.#closed) throw new ApiError(503, 'ServiceUnavailable', 'the platform is closing');
    return queue.publish(body);
  }

  get status(): QueueStatus[] {
    return [...this.#queues.values()].map((queue) => {
      const streams = this.#streams.filter((stream) => stream.queue === queue);
      return {
        name: queue.name,
        consumers: streams.map((stream) => stream.functionName),
        depth: queue.depth,
        inFlight: queue.inFlight,
        deadLetters: queue.deadLetters,
        stopped: streams.filter((stream) => stream.stopped).map((stream) => stream.functionName),
      };
    });
  }

  /** Messages that some stream will still deliver. */
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
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
  }
}
