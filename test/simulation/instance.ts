/**
 * An instance of a function: a process with its own clock, that may freeze, thaw and crash.
 *
 * Everything that would make its code go on (an answer, a timer) goes through `later`: it waits while the instance is
 * frozen, and never comes once it has crashed.
 */
import type { Runtime } from '../../lib/runtime.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';

/** Time 0 of the simulation, epoch milliseconds. */
export const EPOCH_MS = Date.UTC(2026, 10, 22);

export class Instance {
  readonly name: string;
  /** How far its clock is off. */
  readonly #skewMs: number;
  readonly #scheduler: Scheduler;
  readonly #stepped: (instance: Instance) => void;
  readonly #held: (() => void)[] = [];
  state: 'up' | 'frozen' | 'dead' = 'up';
  /** When it last began to run again. */
  thawedMs = 0;
  /** For each key, the generation of the bytes it read or wrote last. */
  readonly basis = new Map<string, number>();

  /** `stepped` is told of every event in the instance. */
  constructor(name: string, skewMs: number, scheduler: Scheduler, stepped: (instance: Instance) => void) {
    this.#stepped = stepped;
    this.name = name;
    this.#skewMs = skewMs;
    this.#scheduler = scheduler;
  }

  monotonic(): number {
    return this.#scheduler.nowMs + this.#skewMs;
  }

  /** Runs `run` in this instance after `ms`, or when it thaws, or never. */
  later(ms: number, run: () => void): () => void {
    let cancelled = false;
    const cancel = this.#scheduler.after(ms, () => {
      if (this.state === 'frozen') this.#held.push(() => cancelled || run());
      if (this.state !== 'up') return;
      this.#stepped(this);
      run();
    });
    return () => {
      cancelled = true;
      cancel();
    };
  }

  thaw(): void {
    if (this.state !== 'frozen') return;
    this.state = 'up';
    this.thawedMs = this.#scheduler.nowMs;
    for (const run of this.#held.splice(0)) this.later(0, run);
  }

  runtime(random: Random): Runtime {
    let ids = 0;
    return {
      now: () => Math.floor(EPOCH_MS + this.monotonic()),
      monotonic: () => this.monotonic(),
      random: () => random.next(),
      uuid: () => `${this.name}-${ids++}`,
      sleep: (ms) => new Promise((resolve) => this.later(ms, resolve)),
      after: (ms, run) => this.later(ms, run),
      log: { info() {}, warn() {}, error() {} },
    };
  }
}
