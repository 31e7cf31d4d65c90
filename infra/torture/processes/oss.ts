/** The store of a run, as a process that can be killed and comes back with what it had acknowledged. */
import type { FaultStatus } from '../../local/oss/faults.ts';
import { type Child, isRunning, start } from './child.ts';
import type { StoreOptions } from './messages.ts';

export class Oss {
  readonly #program: string;
  readonly #dataDir: string;
  readonly #seed: number;
  readonly #onLost: (stderr: string) => void;
  readonly #struck = new Map<string, number>();
  #child: Child | null = null;
  #wanted = false;
  #starts = 0;
  port = 0;

  /** `onLost`: it ended by itself. */
  constructor(program: string, dataDir: string, seed: number, onLost: (stderr: string) => void) {
    this.#program = program;
    this.#dataDir = dataDir;
    this.#seed = seed;
    this.#onLost = onLost;
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    this.#wanted = false;
    let listens = (_port: number) => {};
    const listening = new Promise<number>((resolve) => {
      listens = resolve;
    });
    const options: StoreOptions = {
      dataDir: this.#dataDir,
      port: this.port,
      seed: this.#seed + this.#starts++,
    };
    const child = start(this.#program, options, ({ port }: { port: number }) => listens(port));
    this.#child = child;
    const failed = child.ended.then(() => {
      if (!this.#wanted) this.#onLost(child.stderr());
      return null;
    });
    const port = await Promise.race([listening, failed]);
    if (port === null) throw new Error(`The store did not start: ${child.stderr()}`);
    this.port = port;
  }

  /** Ends at once whatever it is doing, and comes back on the same port with the same data. */
  async killAndRestart(): Promise<void> {
    await this.#countFaults();
    await this.kill();
    await this.start();
  }

  async setNetwork(network: { rttMs: number; rttSigma: number }): Promise<void> {
    await this.#control('PUT', 'rtt', network);
  }

  /** Finishes what is under way. */
  async end(): Promise<void> {
    await this.#countFaults();
    await this.#stop('SIGTERM');
  }

  async kill(): Promise<void> {
    await this.#stop('SIGKILL');
  }

  async #stop(signal: NodeJS.Signals): Promise<void> {
    this.#wanted = true;
    if (this.#child === null) return;
    if (isRunning(this.#child)) this.#child.process.kill(signal);
    await this.#child.ended;
  }

  /** How often each fault struck, those of the last moment before a kill not counted. */
  get struck(): ReadonlyMap<string, number> {
    return this.#struck;
  }

  async #countFaults(): Promise<void> {
    const rules = (await this.#control('GET', 'faults')) as readonly FaultStatus[] | null;
    for (const { fault, struck } of rules ?? [])
      this.#struck.set(fault, (this.#struck.get(fault) ?? 0) + struck);
  }

  /** Null if it does not answer: it may have been killed. */
  async #control(method: string, what: string, body?: unknown): Promise<unknown> {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.port}/-/${what}`, {
        method,
        headers: { 'Content-Type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(CONTROL_MS_MAX),
      });
      return await answer.json();
    } catch {
      return null;
    }
  }
}

const CONTROL_MS_MAX = 5000;
