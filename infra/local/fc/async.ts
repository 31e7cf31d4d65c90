/**
 * Asynchronous calls: durable when accepted, called until they succeed or run out of retries. At least once: a call that
 * was running when the platform was killed runs again, with the same request id.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError, functionNotFound } from './errors.ts';
import type { Report } from './events.ts';
import type { InvocationResult, Invoke } from './invoke.ts';
import { Journal } from './journal.ts';
import { ASYNC_EVENT_BYTES_MAX } from './limits.ts';
import type { FunctionConfig } from './template/function.ts';

interface AsyncEvent {
  readonly functionName: string;
  readonly eventBase64: string;
  readonly acceptedMs: number;
  /** Finished tries, all failed. */
  readonly tries: number;
}

export interface AsyncOptions {
  readonly functions: readonly FunctionConfig[];
  /** Calls of one function at a time. */
  readonly concurrencyMax: number;
  /** Factor of the waits between tries. */
  readonly retryDelayScale: number;
  readonly report: Report;
  /** Called when an event is done with. */
  readonly onSettled: () => void;
}

/** FC does not publish the waits between retries of failed calls; these double from here. */
const RETRY_DELAY_MS = 1_000;
const DOUBLINGS_MAX = 9;

export class AsyncCalls {
  readonly #options: AsyncOptions;
  readonly #journal: Journal<AsyncEvent>;
  /** Events given up, of functions with an `onFailure` destination. */
  readonly #dead: Journal<AsyncEvent>;
  readonly #functions: ReadonlyMap<string, FunctionConfig>;
  readonly #queues = new Map<string, string[]>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #runningOf = new Map<string, number>();
  readonly #closing = new AbortController();

  #invoke: Invoke | null = null;

  private constructor(options: AsyncOptions, journal: Journal<AsyncEvent>, dead: Journal<AsyncEvent>) {
    this.#options = options;
    this.#journal = journal;
    this.#dead = dead;
    this.#functions = new Map(options.functions.map((fn) => [fn.name, fn]));
  }

  /** `options.dir` must exist. */
  static async open(options: AsyncOptions & { readonly dir: string }): Promise<AsyncCalls> {
    const journal = await Journal.open<AsyncEvent>(join(options.dir, 'async.journal'));
    return new AsyncCalls(options, journal, await Journal.open<AsyncEvent>(join(options.dir, 'async.dead')));
  }

  /** Begins to make the calls, those first that an earlier run accepted. */
  start(invoke: Invoke): void {
    this.#invoke = invoke;
    for (const [requestId, { functionName }] of this.#journal.entries) this.#enqueue(functionName, requestId);
  }

  /** Accepted but not done with. Events of functions that are no longer in the template just stay on disk. */
  get pendingCount(): number {
    return [...this.#journal.entries.values()].filter((entry) => this.#functions.has(entry.functionName))
      .length;
  }

  get deadLetters(): number {
    return this.#dead.entries.size;
  }

  /** Resolves with the request id when the event is on disk. Throws `ApiError` 404, 413, 503. */
  async accept(functionName: string, event: Uint8Array, requestId: string): Promise<string> {
    if (!this.#functions.has(functionName)) throw functionNotFound(functionName, [...this.#functions.keys()]);
    if (this.#closing.signal.aborted)
      throw new ApiError(503, 'ServiceUnavailable', 'the platform is closing');
    if (event.length > ASYNC_EVENT_BYTES_MAX)
      throw new ApiError(
        413,
        'RequestEntityTooLarge',
        `an asynchronous event is over ${ASYNC_EVENT_BYTES_MAX} bytes`,
      );
    const eventBase64 = Buffer.from(event).toString('base64');
    await this.#journal.put(requestId, { functionName, eventBase64, acceptedMs: Date.now(), tries: 0 });
    this.#enqueue(functionName, requestId);
    return requestId;
  }

  /** Starts nothing more; resolves when the running calls have ended. What is left stays on disk. */
  async stop(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#running.values());
  }

  async close(): Promise<void> {
    await this.stop();
    await Promise.all([this.#journal.close(), this.#dead.close()]);
  }

  #enqueue(functionName: string, requestId: string): void {
    const queue = this.#queues.get(functionName) ?? [];
    this.#queues.set(functionName, queue);
    queue.push(requestId);
    this.#next(functionName);
  }

  #next(functionName: string): void {
    const running = this.#runningOf.get(functionName) ?? 0;
    if (this.#closing.signal.aborted || running >= this.#options.concurrencyMax) return;
    const requestId = this.#queues.get(functionName)?.shift();
    const { report } = this.#options;
    const fn = this.#functions.get(functionName);
    const invoke = this.#invoke;
    if (requestId === undefined || !fn || !invoke) return;
    this.#runningOf.set(functionName, running + 1);
    const failed = (error: unknown) =>
      report('journal-failed', `${functionName}: ${requestId} stays on disk: ${error}`);
    const work = this.#run(fn, requestId, invoke)
      .catch(failed)
      .finally(() => {
        this.#running.delete(requestId);
        this.#runningOf.set(functionName, (this.#runningOf.get(functionName) ?? 1) - 1);
        this.#next(functionName);
        this.#options.onSettled();
      });
    this.#running.set(requestId, work);
  }

  async #run(fn: FunctionConfig, requestId: string, invoke: Invoke): Promise<void> {
    for (;;) {
      const entry = this.#journal.entries.get(requestId);
      if (!entry || this.#closing.signal.aborted) return;
      const result = await attempt(entry, requestId, invoke);
      if (result?.errorType === null) return this.#journal.remove([requestId]);
      // A failure may come from the closing itself: it decides nothing.
      if (this.#closing.signal.aborted) return;
      const tries = entry.tries + (result === null ? 0 : 1);
      if (tries > fn.async.retriesMax || Date.now() - entry.acceptedMs > fn.async.ageMsMax)
        return this.#giveUp(fn, requestId, { ...entry, tries });
      await this.#journal.put(requestId, { ...entry, tries });
      await this.#wait(RETRY_DELAY_MS * 2 ** Math.min(entry.tries, DOUBLINGS_MAX));
    }
  }

  async #giveUp(fn: FunctionConfig, requestId: string, entry: AsyncEvent): Promise<void> {
    const { report } = this.#options;
    const what = `${fn.name}: asynchronous call ${requestId} failed ${entry.tries} times`;
    if (fn.async.deadLetter) await this.#dead.put(requestId, entry);
    await this.#journal.remove([requestId]);
    if (fn.async.deadLetter) report('async-dead-lettered', `${what}; its event is kept in async.dead`);
    else report('async-dropped', `${what}; ITS EVENT IS LOST: no onFailure destination is configured`);
  }

  #wait(delayMs: number): Promise<void> {
    const { signal } = this.#closing;
    return sleep(delayMs * this.#options.retryDelayScale, undefined, { signal }).catch(() => undefined);
  }
}

/** null: the call was not made (throttled, or the platform closes); it does not count as a try. */
async function attempt(
  entry: AsyncEvent,
  requestId: string,
  invoke: Invoke,
): Promise<InvocationResult | null> {
  const { functionName, eventBase64, tries } = entry;
  try {
    return await invoke({
      functionName,
      requestId,
      event: Buffer.from(eventBase64, 'base64'),
      retryCount: tries,
    });
  } catch {
    return null;
  }
}
