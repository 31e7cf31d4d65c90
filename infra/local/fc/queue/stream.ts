/**
 * An event stream: takes batches off a queue and calls a function with them, one batch at a time. A batch that the
 * function fails on is delivered again **whole**, same ids, after the strategy's waits. After the last retry
 * `errorsTolerance` decides: ALL gives the batch up (to the dead letters, if there is a dead-letter queue), NONE stops
 * the stream there, and the batch is tried again at the next start.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Report } from '../events.ts';
import { newRequestId } from '../ids.ts';
import type { Invoke } from '../invoke.ts';
import { BATCH_BYTES_MAX, STREAM_CALL_MS_MAX } from '../limits.ts';
import type { FunctionConfig, StreamTrigger } from '../template/function.ts';
import { type EventFacts, type Message, toStreamEvent } from './event.ts';
import type { LocalQueue } from './queue.ts';
import { retryDelayMs } from './retry.ts';

export interface StreamOptions {
  readonly fn: FunctionConfig;
  readonly trigger: StreamTrigger;
  readonly queue: LocalQueue;
  readonly facts: EventFacts;
  readonly retryDelayScale: number;
  readonly report: Report;
  /** Called after each batch that is done with, and when the stream stops. */
  readonly onSettled: () => void;
}

/** A call refused for lack of instances says nothing about the batch: it is not counted as a try. */
const THROTTLED_MS = 500;
/** Room for the CloudEvents envelope of a message, so that the batch as sent keeps the limit. */
const BODY_BYTES_MAX = BATCH_BYTES_MAX / 4;

export class Stream {
  readonly #options: StreamOptions;
  readonly #closing = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  get functionName(): string {
    return this.#options.fn.name;
  }
  get queue(): LocalQueue {
    return this.#options.queue;
  }
  /** Whether it ran out of retries and delivers no more. */
  get stopped(): boolean {
    return this.#stopped;
  }

  start(invoke: Invoke): void {
    const { queue, report, onSettled } = this.#options;
    this.#running = this.#run(invoke).catch((error: unknown) => {
      this.#stopped = true;
      report('journal-failed', `queue ${queue.name}: the stream stops, its messages stay on disk: ${error}`);
      onSettled();
    });
  }

  /** Lets the running call finish. What is not delivered stays on disk. */
  async stop(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(invoke: Invoke): Promise<void> {
    while (!this.#closing.signal.aborted && !this.#stopped) {
      const batch = await this.#collect();
      if (batch.length > 0) await this.#deliver(batch, invoke);
      this.#options.onSettled();
    }
  }

  /** The batch closes when it has enough messages, or some time after there was a first. */
  async #collect(): Promise<Message[]> {
    const { queue, trigger } = this.#options;
    const { signal } = this.#closing;
    await queue.untilWaiting(1, signal);
    if (trigger.batchWindowMs > 0) {
      const window = AbortSignal.any([signal, AbortSignal.timeout(trigger.batchWindowMs)]);
      await queue.untilWaiting(trigger.batchCountMax, window);
    }
    return signal.aborted ? [] : queue.take(trigger.batchCountMax, BODY_BYTES_MAX);
  }

  async #deliver(batch: readonly Message[], invoke: Invoke): Promise<void> {
    const { queue, trigger, facts, retryDelayScale, report } = this.#options;
    const event = toStreamEvent(batch, trigger, facts);
    for (let tries = 0; !this.#closing.signal.aborted; ) {
      const outcome = await this.#call(event, tries, invoke);
      if (outcome === 'succeeded') return queue.remove(batch);
      // A failure may come from the closing itself: it decides nothing about the batch.
      if (this.#closing.signal.aborted) break;
      if (outcome === 'failed') tries++;
      const delayMs =
        outcome === 'throttled' ? THROTTLED_MS : retryDelayMs(trigger.retryStrategy, tries, Math.random());
      if (delayMs === null) return this.#giveUp(batch, tries);
      const waitMs = delayMs * retryDelayScale;
      const what = `queue ${queue.name}: ${this.functionName} ${outcome} on a batch of ${batch.length}`;
      report('batch-retried', `${what}, again in ${Math.round(waitMs)} ms`);
      await sleep(waitMs, undefined, { signal: this.#closing.signal }).catch(() => undefined);
    }
    queue.giveBack(batch);
  }

  async #call(
    event: Buffer,
    retryCount: number,
    invoke: Invoke,
  ): Promise<'succeeded' | 'failed' | 'throttled'> {
    const { fn } = this.#options;
    try {
      const result = await invoke({
        functionName: fn.name,
        event,
        requestId: newRequestId(),
        retryCount,
        timeoutMsMax: STREAM_CALL_MS_MAX,
      });
      return result.errorType === null ? 'succeeded' : 'failed';
    } catch {
      return 'throttled';
    }
  }

  async #giveUp(batch: readonly Message[], tries: number): Promise<void> {
    const { queue, trigger, report } = this.#options;
    const what = `queue ${queue.name}: ${this.functionName} failed ${tries} times on a batch of ${batch.length}`;
    if (trigger.errorsTolerance === 'NONE') {
      this.#stopped = true;
      queue.giveBack(batch);
      report('stream-stopped', `${what}; the stream stops here (errorsTolerance NONE) until the next start`);
    } else if (trigger.deadLetter) {
      await queue.bury(batch, what);
      report('batch-dead-lettered', `${what}; it is in the dead letters`);
    } else {
      await queue.remove(batch);
      report('batch-dropped', `${what}; IT IS LOST: no deadLetterQueue is configured`);
    }
  }
}
