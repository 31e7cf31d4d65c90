/** The store as a run uses it: each request is made again until it is answered or the run's time is up. */

import { JobError } from '../aggregate/errors.ts';
import { ruleOf } from '../append/errors.ts';
import { backoffMs } from '../backoff.ts';
import { type FileBody, type PutOptions, put } from '../put.ts';
import type { Runtime } from '../runtime.ts';
import {
  type Bucket,
  type ListedObject,
  type ObjectInfo,
  type ReadAnswer,
  StoreError,
} from '../store/port.ts';

/** Reads of this size keep a run's memory small and its requests few. */
const PIECE_BYTES = 8 * 1024 * 1024;
const REQUEST_TIMEOUT_MS = 60_000;
/** A part can take a while over a slow link. */
const PUT_TIMEOUT_MS = 120_000;

export interface CallsOptions {
  readonly store: Bucket;
  readonly runtime: Runtime;
  /** What is left for requests, milliseconds. */
  readonly remainingMs: () => number;
  readonly requestTimeoutMs?: number | undefined;
  readonly pieceBytes?: number | undefined;
}

/** All of these throw `StoreError` where another try ends the same, and `JobError` `OutOfTime`. */
export class Calls {
  readonly remainingMs: () => number;
  readonly #store: Bucket;
  readonly #runtime: Runtime;
  readonly #requestTimeoutMs: number;
  readonly #pieceBytes: number;

  constructor(options: CallsOptions) {
    this.remainingMs = options.remainingMs;
    this.#store = options.store;
    this.#runtime = options.runtime;
    this.#requestTimeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
    this.#pieceBytes = options.pieceBytes ?? PIECE_BYTES;
  }

  head(key: string): Promise<ObjectInfo | null> {
    return this.#persist((timeoutMs) => this.#store.head(key, { timeoutMs }));
  }

  /** The last `bytes` of an object, null if there is none. */
  tail(key: string, bytes: number): Promise<ReadAnswer | null> {
    return this.#persist((timeoutMs) => this.#store.read(key, { last: bytes }, { timeoutMs }));
  }

  /**
   * The bytes `[start, end)` in pieces, up to the end of the object; each with what the store says of all of it. The next
   * one is on its way while one is worked on.
   */
  async *pieces(key: string, start: number, end: number): AsyncGenerator<ReadAnswer | null> {
    const fetch = (from: number) => {
      const range = { start: from, end: Math.min(end, from + this.#pieceBytes) };
      const request = this.#persist((timeoutMs) => this.#store.read(key, range, { timeoutMs }));
      // Whoever has enough does not come for it.
      request.catch(() => {});
      return request;
    };
    let next = start < end ? fetch(start) : null;
    for (let at = start; next !== null; ) {
      const read: ReadAnswer | null = await next;
      at += read?.bytes.length ?? 0;
      const goesOn = read !== null && read.bytes.length > 0 && at < Math.min(end, read.length);
      next = goesOn ? fetch(at) : null;
      yield read;
    }
  }

  async *list(prefix: string): AsyncGenerator<ListedObject> {
    let next: string | null = '';
    while (next !== null) {
      const startAfter: string = next;
      const page = await this.#persist((timeoutMs) => this.#store.list(prefix, { timeoutMs, startAfter }));
      yield* page.objects;
      next = page.next;
    }
  }

  /** False: something is there, and stays as it is. */
  async create(key: string, body: Uint8Array | FileBody, contentType: string): Promise<boolean> {
    return (await this.#put(key, body, { contentType, forbidOverwrite: true })) === 'created';
  }

  /** Puts it in the place of whatever is there. */
  async replace(key: string, body: Uint8Array | FileBody, contentType: string): Promise<void> {
    await this.#put(key, body, { contentType });
  }

  async #put(key: string, body: Uint8Array | FileBody, options: Omit<PutOptions, 'remainingMs'>) {
    const [bucket, runtime] = [this.#store, this.#runtime];
    // A connection that hangs is given up while there is time for another.
    const remainingMs = () => Math.min(PUT_TIMEOUT_MS, this.remainingMs());
    try {
      return await put({ bucket, runtime }, key, body, { ...options, remainingMs });
    } catch (error) {
      throw error instanceof StoreError && ruleOf(error).retry !== 'never' ? outOfTime(error) : error;
    }
  }

  async #persist<T>(request: (timeoutMs: number) => Promise<T>): Promise<T> {
    let failure: StoreError | null = null;
    for (let tries = 1; ; tries++) {
      const remainingMs = this.remainingMs();
      if (remainingMs <= 0) throw outOfTime(failure);
      try {
        return await request(Math.min(this.#requestTimeoutMs, remainingMs));
      } catch (error) {
        if (!(error instanceof StoreError) || ruleOf(error).retry === 'never') throw error;
        failure = error;
      }
      const delayMs = failure.delayMs ?? backoffMs(tries, this.#runtime.random());
      // There is no use in sleeping through the rest of the time.
      if (delayMs >= this.remainingMs()) throw outOfTime(failure);
      await this.#runtime.sleep(delayMs);
    }
  }
}

function outOfTime(cause: StoreError | null): JobError {
  const options = cause === null ? {} : { cause };
  return new JobError(
    'OutOfTime',
    'The time of the run is up. Run the job again: it goes on from its last commit.',
    options,
  );
}
