/**
 * The instances of one function: scaled out on demand up to a maximum, frozen while idle, scaled in after an idle time.
 * A call takes a place (`acquire`) and gives it back (`release`); calls that find none wait in order of arrival.
 */
import { setMaxListeners } from 'node:events';
import { ApiError, PlatformError } from '../errors.ts';
import { WAITING_CALLS_MAX } from '../limits.ts';
import type { FunctionConfig } from '../template/function.ts';
import type { Instance, InstanceHost } from './instance.ts';
import { startInstance } from './start.ts';

export interface PoolOptions {
  readonly instancesMax: number;
  readonly idleMs: number;
  readonly onStarted: (functionName: string, instanceId: string) => void;
  readonly onEnded: (functionName: string, instanceId: string) => void;
}

export interface InstanceStatus {
  readonly functionName: string;
  readonly instanceId: string;
  /** Also the id of its process group. */
  readonly pid: number;
  readonly state: 'running' | 'frozen';
}

interface Waiter {
  readonly resolve: (instance: Instance) => void;
  readonly reject: (error: unknown) => void;
}

export class Pool {
  readonly fn: FunctionConfig;
  readonly #host: InstanceHost;
  readonly #options: PoolOptions;
  readonly #ready = new Set<Instance>();
  readonly #ending = new Set<Promise<void>>();
  readonly #idleTimers = new Map<Instance, NodeJS.Timeout>();
  readonly #waiters: Waiter[] = [];
  #starting = 0;
  readonly #closing = new AbortController();

  constructor(fn: FunctionConfig, host: InstanceHost, options: PoolOptions) {
    this.fn = fn;
    this.#host = host;
    this.#options = options;
    // One listener an instance that is starting.
    setMaxListeners(0, this.#closing.signal);
  }

  get status(): InstanceStatus[] {
    return [...this.#ready].map((instance) => ({
      functionName: this.fn.name,
      instanceId: instance.id,
      pid: instance.pid,
      state: instance.frozen ? 'frozen' : 'running',
    }));
  }

  /** A place in an instance, thawed. Throws `ApiError` 429 when too many calls wait, `StartFailed`, the signal's reason. */
  acquire(signal?: AbortSignal): Promise<Instance> {
    if (this.#closing.signal.aborted) throw new PlatformError('Closed', 'the platform was closed');
    signal?.throwIfAborted();
    const free = this.#waiters.length === 0 ? this.#free() : undefined;
    if (free) return Promise.resolve(this.#take(free));
    if (this.#waiters.length >= WAITING_CALLS_MAX)
      throw new ApiError(
        429,
        'ResourceExhausted',
        `${WAITING_CALLS_MAX} calls of ${this.fn.name} wait already`,
      );
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        resolve: (instance) => {
          signal?.removeEventListener('abort', abort);
          resolve(instance);
        },
        reject: (error) => {
          signal?.removeEventListener('abort', abort);
          reject(error);
        },
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiters.push(waiter);
      this.#scaleOut();
    });
  }

  release(instance: Instance): void {
    instance.letGo();
    this.#serveWaiters();
    if (instance.calls > 0 || !this.#ready.has(instance)) return;
    instance.freeze();
    const timer = setTimeout(() => this.#scaleIn(instance), this.#options.idleMs);
    timer.unref();
    this.#idleTimers.set(instance, timer);
  }

  /** Ends an instance whose call ran out of time, or that does not answer any more. It gets no further calls. */
  discard(instance: Instance): Promise<void> {
    this.#ready.delete(instance);
    instance.kill();
    return instance.exited;
  }

  /** Retires all instances. Calls must have ended; those that still run break off. */
  async close(): Promise<void> {
    this.#closing.abort();
    for (const waiter of this.#waiters.splice(0))
      waiter.reject(new PlatformError('Closed', 'the platform was closed'));
    for (const instance of [...this.#ready]) this.#scaleIn(instance);
    while (this.#ending.size > 0) await Promise.all(this.#ending);
  }

  /** The busiest with room first, so that the others can be scaled in; among equals the one used last. */
  #free(): Instance | undefined {
    return [...this.#ready]
      .filter((instance) => instance.calls < this.fn.concurrency && !instance.gone)
      .reduce<Instance | undefined>(
        (best, one) => (!best || one.calls >= best.calls ? one : best),
        undefined,
      );
  }

  #take(instance: Instance): Instance {
    clearTimeout(this.#idleTimers.get(instance));
    this.#idleTimers.delete(instance);
    // Sets keep the order of insertion: the last is the one used last.
    this.#ready.delete(instance);
    this.#ready.add(instance);
    instance.hold();
    return instance;
  }

  #serveWaiters(): void {
    for (;;) {
      const free = this.#waiters.length > 0 ? this.#free() : undefined;
      if (!free) return;
      this.#waiters.shift()?.resolve(this.#take(free));
    }
  }

  #scaleOut(): void {
    const { instancesMax } = this.#options;
    while (
      !this.#closing.signal.aborted &&
      this.#waiters.length > this.#starting * this.fn.concurrency &&
      this.#ready.size + this.#starting < instancesMax
    )
      this.#track(this.#startOne());
  }

  async #startOne(): Promise<void> {
    this.#starting++;
    try {
      this.#add(await startInstance(this.fn, this.#host, this.#closing.signal));
    } catch (error) {
      // As on FC, the call that asked for the instance gets the error; the next ones try again.
      this.#waiters.shift()?.reject(error);
    } finally {
      this.#starting--;
      this.#scaleOut();
    }
  }

  #add(instance: Instance): void {
    this.#ready.add(instance);
    this.#options.onStarted(this.fn.name, instance.id);
    void instance.exited.then(() => {
      clearTimeout(this.#idleTimers.get(instance));
      this.#idleTimers.delete(instance);
      this.#ready.delete(instance);
      this.#options.onEnded(this.fn.name, instance.id);
      this.#scaleOut();
    });
    if (this.#closing.signal.aborted) {
      this.#scaleIn(instance);
    } else {
      instance.hold();
      this.release(instance);
    }
  }

  #scaleIn(instance: Instance): void {
    clearTimeout(this.#idleTimers.get(instance));
    this.#idleTimers.delete(instance);
    this.#ready.delete(instance);
    this.#track(instance.retire());
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#ending.delete(tracked));
    this.#ending.add(tracked);
  }
}
