/**
 * One function instance: a process that serves calls over HTTP, is frozen (SIGSTOP) while it has none, and is thawed
 * (SIGCONT) for the next. Frozen means frozen: no timer and no promise in it makes progress.
 *
 * `start.ts` gets it ready and the pool decides who may call when; this module knows one process. `hold` before a call
 * and `letGo` after it keep the invariant that only a process without a call in flight is stopped.
 */
import { readFileSync } from 'node:fs';
import { Agent, type IncomingHttpHeaders, type RequestOptions, request } from 'node:http';
import { callHeaders } from '../context.ts';
import { newRequestId } from '../ids.ts';
import { ANSWER_BYTES_MAX } from '../limits.ts';
import type { FunctionConfig } from '../template/function.ts';
import type { Guard } from './guard.ts';
import type { Address, Host, Launched } from './launch.ts';
import { Output } from './output.ts';

export interface LogLine {
  readonly functionName: string;
  readonly instanceId: string;
  readonly line: string;
}

export interface InstanceHost extends Host {
  readonly guard: Guard;
  readonly onLog: (line: LogLine) => void;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/**
 * Asks the function's server to read a request to its end, even one that it answers at once. Told to close, it would
 * close on the rest of the body, and the answer would be lost with the connection.
 */
export const KEPT = { connection: 'keep-alive' } as const;

export class Instance {
  readonly id: string;
  readonly fn: FunctionConfig;
  readonly output: Output;
  /** Resolves when the process is gone and all its output has been read. */
  readonly exited: Promise<void>;
  readonly #host: InstanceHost;
  readonly #launched: Launched;
  readonly #agent: Agent;
  #calls = 0;
  #frozen = false;
  #gone = false;

  constructor(fn: FunctionConfig, id: string, host: InstanceHost, launched: Launched) {
    this.id = id;
    this.fn = fn;
    this.#host = host;
    this.#launched = launched;
    // Custom runtimes may close idle connections on timers of their own, which run on when they are thawed: each call
    // gets a fresh connection there, so that a refused one proves that the call was not taken.
    this.#agent = new Agent({ keepAlive: fn.runtime.kind === 'node' });
    this.output = new Output(launched.output, (line) =>
      host.onLog({ functionName: fn.name, instanceId: id, line }),
    );
    this.exited = new Promise((resolve) => {
      launched.process.once('error', () => resolve());
      launched.process.once('close', () => resolve());
      launched.process.once('exit', () => this.#onExit());
    });
    if (launched.process.pid !== undefined) host.guard.add(launched.process.pid);
  }

  get pid(): number {
    return this.#launched.process.pid ?? 0;
  }
  /** Where it listens, once it is ready. */
  get address(): Address {
    return this.#launched.address;
  }
  get calls(): number {
    return this.#calls;
  }
  get frozen(): boolean {
    return this.#frozen;
  }
  get gone(): boolean {
    return this.#gone;
  }

  /** Takes a place in the instance and thaws it. */
  hold(): void {
    this.#calls++;
    if (!this.#frozen) return;
    this.#frozen = false;
    this.#signal('SIGCONT');
  }

  /** Gives the place back. */
  letGo(): void {
    this.#calls--;
  }

  /** Stops the process unless it has a call in flight. */
  freeze(): void {
    if (this.#calls > 0 || this.#frozen || this.#gone) return;
    this.#frozen = true;
    this.#signal('SIGSTOP');
  }

  /** For `http.request`. */
  get target(): RequestOptions {
    return { ...this.#launched.address, agent: this.#agent };
  }

  /** One call, answered in full. Rejects with the error of the connection; the time limit is the caller's. */
  call(path: string, headers: Record<string, string>, body: Uint8Array): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const call = request({
        ...this.target,
        method: 'POST',
        path,
        headers: {
          ...headers,
          ...KEPT,
          'content-type': 'application/octet-stream',
          'content-length': body.length,
        },
      });
      call.on('error', reject);
      call.once('response', (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > ANSWER_BYTES_MAX) response.destroy(new Error(`answer over ${ANSWER_BYTES_MAX} bytes`));
          else chunks.push(chunk);
        });
        response.on('error', reject);
        response.once('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
          }),
        );
      });
      call.end(body);
    });
  }

  /** A lifecycle hook. The process is killed if it has not answered in time; rejects as `call` does. */
  async hook(path: 'initialize' | 'pre-stop', timeoutMs: number): Promise<Answer> {
    const context = {
      requestId: newRequestId(),
      retryCount: 0,
      credentials: this.#host.credentials(),
      accountId: this.#host.accountId,
    };
    const timer = setTimeout(() => this.kill(), timeoutMs);
    try {
      return await this.call(`/${path}`, callHeaders(this.fn, context, path), Buffer.alloc(0));
    } finally {
      clearTimeout(timer);
    }
  }

  /** The `preStop` hook, then the end. For an instance without calls. */
  async retire(): Promise<void> {
    const { preStop } = this.fn;
    if (preStop && !this.#gone) {
      this.hold();
      await this.hook('pre-stop', preStop.timeoutS * 1000).catch(() => undefined);
    }
    this.kill();
    await this.exited;
  }

  /** SIGKILL ends stopped processes, too. */
  kill(): void {
    this.#signal('SIGKILL');
  }

  /** Largest resident size so far, in megabytes, where the system tells. */
  memoryMaxMB(): string | null {
    try {
      const [, kB] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8')) ?? [];
      return kB === undefined ? null : (Number(kB) / 1024).toFixed(2);
    } catch {
      return null;
    }
  }

  #onExit(): void {
    // Children it left behind go, too; they would keep its output open.
    this.#signal('SIGKILL');
    this.#gone = true;
    this.#agent.destroy();
    this.#host.guard.remove(this.pid);
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#gone || this.pid === 0) return;
    try {
      process.kill(-this.pid, signal);
    } catch {
      // The group is gone already; `exit` follows.
    }
  }
}

/** A runtime reports a failed call by `x-fc-status: 404`, or by an HTTP status of failure. */
export const isFailure = (answer: Answer): boolean =>
  answer.headers['x-fc-status'] === undefined
    ? answer.status >= 400
    : answer.headers['x-fc-status'] !== '200';
