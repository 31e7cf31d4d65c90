/**
 * One function instance: a process that serves calls over HTTP, is frozen (SIGSTOP) while it has none, and is thawed
 * (SIGCONT) for the next. Frozen means frozen: no timer and no promise in it makes progress.
 *
 * The pool decides who may call when; this module knows one process. `hold` before a call and `letGo` after it keep the
 * invariant that only a process without a call in flight is stopped.
 */

import { readFileSync } from 'node:fs';
import { Agent, type IncomingHttpHeaders, type RequestOptions, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ControlPath, callHeaders } from '../context.ts';
import { newInstanceId, newRequestId } from '../ids.ts';
import { ANSWER_BYTES_MAX, START_MS_MAX } from '../limits.ts';
import type { FunctionConfig, Hook } from '../template/function.ts';
import type { Guard } from './guard.ts';
import { type Host, type Launched, launch, listening } from './launch.ts';
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

/** The instance did not become ready. `answer` is what its initializer, or the loading of its code, replied. */
export class StartFailed extends Error {
  override readonly name = 'StartFailed';
  readonly answer: Answer | null;
  /** Somebody else listens on the port it was given. */
  readonly portTaken: boolean;

  constructor(message: string, answer: Answer | null = null, portTaken = false) {
    super(message);
    this.answer = answer;
    this.portTaken = portTaken;
  }
}

const POLL_MS = 10;
/** Attempts to start a custom runtime, each on another port, while others take the port first. */
const PORT_ATTEMPTS_MAX = 5;

/** A ready instance. Throws `StartFailed`, also when `signal` breaks it off. */
export async function startInstance(
  fn: FunctionConfig,
  host: InstanceHost,
  signal: AbortSignal,
): Promise<Instance> {
  for (let attempt = 1; ; attempt++) {
    const id = newInstanceId();
    const instance = new Instance(fn, id, host, await launch(fn, id, host));
    const breakOff = () => instance.kill();
    signal.addEventListener('abort', breakOff);
    if (signal.aborted) breakOff();
    try {
      await instance.start();
      signal.removeEventListener('abort', breakOff);
      return instance;
    } catch (error) {
      signal.removeEventListener('abort', breakOff);
      instance.kill();
      await instance.exited;
      const again = error instanceof StartFailed && error.portTaken && attempt < PORT_ATTEMPTS_MAX;
      if (!again) throw error;
    }
  }
}

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
  get calls(): number {
    return this.#calls;
  }
  get frozen(): boolean {
    return this.#frozen;
  }
  get gone(): boolean {
    return this.#gone;
  }

  /** Waits until the process listens, then lets it initialize. Throws `StartFailed`. */
  async start(): Promise<void> {
    await this.#untilListening();
    const { kind } = this.fn.runtime;
    if (kind === 'custom' && !this.fn.initializer) return;
    // The built-in runtime reports here, too, whether its code could be loaded.
    const timeoutMs = this.fn.initializer ? this.fn.initializer.timeoutS * 1000 : START_MS_MAX;
    const answer = await this.#hook('initialize', timeoutMs);
    if (isFailure(answer)) throw new StartFailed('the initializer failed', answer);
  }

  async #untilListening(): Promise<void> {
    const deadline = Date.now() + START_MS_MAX;
    const { address } = this.#launched;
    while (!(await listening(address))) {
      const where = 'port' in address ? ` on port ${address.port} (FC_CUSTOM_LISTEN_PORT)` : '';
      if (this.#gone)
        throw new StartFailed(
          `Function instance exited before it listened${where}`,
          null,
          await this.#portTaken(),
        );
      if (Date.now() > deadline)
        throw new StartFailed(`Function instance did not listen${where} within ${START_MS_MAX / 1000} s`);
      await sleep(POLL_MS);
    }
    // A process that lost the race for its port exits a moment later, while somebody else answers there.
    if (this.#gone)
      throw new StartFailed('Function instance exited at its start', null, await this.#portTaken());
  }

  async #portTaken(): Promise<boolean> {
    return 'port' in this.#launched.address && (await listening(this.#launched.address));
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
        headers: { ...headers, 'content-type': 'application/octet-stream', 'content-length': body.length },
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

  /** The `preStop` hook, then the end. For an instance without calls. */
  async retire(): Promise<void> {
    const { preStop } = this.fn;
    if (preStop && !this.#gone) {
      this.hold();
      await this.#hook('pre-stop', hookMs(preStop)).catch(() => undefined);
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

  async #hook(path: ControlPath, timeoutMs: number): Promise<Answer> {
    const context = {
      requestId: newRequestId(),
      retryCount: 0,
      credentials: this.#host.credentials(),
      accountId: this.#host.accountId,
    };
    const timer = setTimeout(() => this.kill(), timeoutMs);
    try {
      return await this.call(`/${path}`, callHeaders(this.fn, context, path), Buffer.alloc(0));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new StartFailed(
        `the ${path} hook did not answer within ${timeoutMs / 1000} s or broke off: ${why}`,
      );
    } finally {
      clearTimeout(timer);
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

const hookMs = (hook: Hook): number => hook.timeoutS * 1000;

/** A runtime reports a failed call by `x-fc-status: 404`, or by an HTTP status of failure. */
export const isFailure = (answer: Answer): boolean =>
  answer.headers['x-fc-status'] === undefined
    ? answer.status >= 400
    : answer.headers['x-fc-status'] !== '200';
