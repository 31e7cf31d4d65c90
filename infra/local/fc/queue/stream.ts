/**
 * An event stream: takes batches off a source and calls a function with them, `concurrency` of them at a time (one,
 * unless set otherwise). A batch that the function fails on is delivered again **whole**, same ids, after the strategy's
 * waits. After the last retry `errorsTolerance` decides: ALL gives the batch up (to the dead letters, if there is a
 * dead-letter queue), NONE stops the stream there, and the batch is tried again at the next start.
 *
 * With `asyncInvocationType` a call counts as done when FC has queued it, and what becomes of it is FC's.
 */
import type { Clock } from '../clock.ts';
import { ApiError, PlatformError } from '../errors.ts';
import type { Report } from '../events.ts';
import { newRequestId } from '../ids.ts';
import type { Invoke } from '../invoke.ts';
import { ASYNC_EVENT_BYTES_MAX, STREAM_CALL_MS_MAX, SYNC_EVENT_BYTES_MAX } from '../limits.ts';
import type { FunctionConfig, StreamTrigger } from '../template/function.ts';
import { type Batch, collect } from './batch.ts';
import type { DeadLetters } from './dead-letters.ts';
import { type EventFacts, itemText, streamEvent } from './event.ts';
import { retryDelayMs } from './retry.ts';
import type { MessageSource } from './source.ts';

/** Queues an asynchronous call; resolves when it is on disk. */
export type Accept = (functionName: string, event: Uint8Array, requestId: string) => Promise<unknown>;

export interface StreamOptions {
  readonly fn: FunctionConfig;
  readonly trigger: StreamTrigger;
  readonly source: MessageSource;
  readonly deadLetters: DeadLetters;
  readonly facts: EventFacts;
  readonly clock: Clock;
  readonly retryDelayScale: number;
  readonly report: Report;
  /** Called after each batch that is done with, and when the stream stops. */
  readonly onSettled: () => void;
}

/** A call refused for lack of instances says nothing about the batch: it is not counted as a try. */
const THROTTLED_MS = 500;

type Outcome = 'succeeded' | 'failed' | 'throttled';

export class Stream {
  readonly #options: StreamOptions;
  readonly #closing = new AbortController();
  readonly #delivering = new Set<Promise<void>>();
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  get functionName(): string {
    return this.#options.fn.name;
  }
  get source(): MessageSource {
    return this.#options.source;
  }
  /** Whether it ran out of retries and delivers no more. */
  get stopped(): boolean {
    return this.#stopped;
  }

  start(invoke: Invoke, accept: Accept): void {
    this.#running = this.#run((event, tries) => this.#call(event, tries, invoke, accept));
  }

  /** Lets the running calls finish. What is not delivered stays with the source. */
  async stop(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(call: (event: Buffer, tries: number) => Promise<Outcome>): Promise<void> {
    const { source, trigger, facts, clock, onSettled } = this.#options;
    const { signal } = this.#closing;
    const window = {
      countMax: trigger.batchCountMax,
      bytesMax: this.#eventBytesMax,
      ms: trigger.batchWindowMs,
    };
    while (!signal.aborted && !this.#stopped) {
      const batch = await collect(
        source,
        window,
        (message) => itemText(message, source, trigger, facts),
        clock,
        signal,
      );
      if (batch === null) continue;
      if (this.#stopped) {
        source.giveBack(batch.messages);
        break;
      }
      const delivery = this.#deliver(batch, call)
        .catch((error: unknown) => this.#break(error))
        .finally(() => {
          this.#delivering.delete(delivery);
          onSettled();
        });
      this.#delivering.add(delivery);
      while (this.#delivering.size >= trigger.concurrency) await Promise.race(this.#delivering);
    }
    await Promise.all(this.#delivering);
  }

  get #eventBytesMax(): number {
    return this.#options.trigger.asynchronous ? ASYNC_EVENT_BYTES_MAX : SYNC_EVENT_BYTES_MAX;
  }

  async #deliver(batch: Batch, call: (event: Buffer, tries: number) => Promise<Outcome>): Promise<void> {
    const { source, trigger, clock, retryDelayScale, report } = this.#options;
    const { messages } = batch;
    const { signal } = this.#closing;
    const event = streamEvent(batch.items);
    for (let tries = 0; !signal.aborted; ) {
      const outcome = await call(event, tries);
      if (outcome === 'succeeded') return source.remove(messages);
      // A failure may come from the closing itself: it decides nothing about the batch.
      if (signal.aborted) break;
      if (outcome === 'failed') tries++;
      const delayMs =
        outcome === 'throttled' ? THROTTLED_MS : retryDelayMs(trigger.retryStrategy, tries, clock.random());
      if (delayMs === null) return this.#giveUp(batch, tries);
      const waitMs = delayMs * retryDelayScale;
      const what = `${source.label}: ${this.functionName} ${outcome} on a batch of ${messages.length}`;
      report('batch-retried', `${what}, again in ${Math.round(waitMs)} ms`);
      await clock.sleep(waitMs, signal);
    }
    source.giveBack(messages);
  }

  async #call(event: Buffer, retryCount: number, invoke: Invoke, accept: Accept): Promise<Outcome> {
    const { fn, trigger } = this.#options;
    // One message alone, and no call takes it.
    if (event.length > this.#eventBytesMax) return 'failed';
    const requestId = newRequestId();
    try {
      if (trigger.asynchronous) {
        await accept(fn.name, event, requestId);
        return 'succeeded';
      }
      const { errorType } = await invoke({
        functionName: fn.name,
        event,
        requestId,
        retryCount,
        timeoutMsMax: STREAM_CALL_MS_MAX,
      });
      return errorType === null ? 'succeeded' : 'failed';
    } catch (error) {
      if (error instanceof ApiError || error instanceof PlatformError) return 'throttled';
      throw error;
    }
  }

  async #giveUp({ messages }: Batch, tries: number): Promise<void> {
    const { source, trigger, deadLetters, report } = this.#options;
    const what = `${source.label}: ${this.functionName} failed ${tries} times on a batch of ${messages.length}`;
    if (trigger.errorsTolerance === 'NONE') {
      this.#stopped = true;
      source.giveBack(messages);
      await source.leave();
      report('stream-stopped', `${what}; the stream stops here (errorsTolerance NONE) until the next start`);
    } else if (trigger.deadLetter) {
      // Killed in between, it is in both, never in none.
      await deadLetters.keep(messages, what);
      await source.remove(messages);
      report('batch-dead-lettered', `${what}; it is in the dead letters`);
    } else {
      await source.remove(messages);
      report('batch-dropped', `${what}; IT IS LOST: no deadLetterQueue is configured`);
    }
  }

  #break(error: unknown): void {
    this.#stopped = true;
    const { source, report } = this.#options;
    report('journal-failed', `${source.label}: the stream stops, its messages stay where they are: ${error}`);
  }
}
