/** A clock on which a day passes as soon as nobody has anything else to do, and a source in memory. */
import type { Clock } from '../../../../infra/local/fc/clock.ts';
import { Inbox } from '../../../../infra/local/fc/queue/inbox.ts';
import type {
  EventItem,
  Message,
  MessageSource,
  SourceKind,
} from '../../../../infra/local/fc/queue/source.ts';

interface Sleeper {
  readonly untilMs: number;
  readonly wake: () => void;
}

/** Idle rounds of the event loop before time moves: work that is on its way goes first. */
const ROUNDS = 20;

export class VirtualClock implements Clock {
  #nowMs = 0;
  #sleepers: Sleeper[] = [];
  #turning = false;
  readonly #random: number;

  constructor(random = 0.5) {
    this.#random = random;
  }

  now(): number {
    return this.#nowMs;
  }
  random(): number {
    return this.#random;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const sleeper = {
        untilMs: this.#nowMs + ms,
        wake: () => {
          this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
          signal.removeEventListener('abort', sleeper.wake);
          resolve();
        },
      };
      signal.addEventListener('abort', sleeper.wake, { once: true });
      this.#sleepers.push(sleeper);
      this.#turn();
    });
  }

  /** Resolves when it is that late. */
  at(ms: number): Promise<void> {
    return this.sleep(ms - this.#nowMs, new AbortController().signal);
  }

  #turn(): void {
    if (this.#turning) return;
    this.#turning = true;
    let rounds = ROUNDS;
    const round = () => {
      if (rounds-- > 0) {
        setImmediate(round);
        return;
      }
      const [next] = this.#sleepers.toSorted((one, other) => one.untilMs - other.untilMs);
      this.#turning = false;
      if (next === undefined) return;
      this.#nowMs = Math.max(this.#nowMs, next.untilMs);
      next.wake();
      if (this.#sleepers.length > 0) this.#turn();
    };
    setImmediate(round);
  }
}

export class MemorySource implements MessageSource {
  readonly kind: SourceKind = 'SMQ';
  readonly queueName: string = 'q';
  readonly label = 'queue q';
  readonly removed: string[] = [];
  left = false;
  readonly #inbox = new Inbox<Message>();

  publish(...bodies: string[]): void {
    for (const text of bodies) this.#inbox.add({ id: text, body: Buffer.from(text), sentMs: 0 });
  }
  get depth(): number {
    return this.#inbox.waitingCount + this.#inbox.takenCount;
  }
  get inFlight(): number {
    return this.#inbox.takenCount;
  }
  take(): Message | undefined {
    return this.#inbox.take();
  }
  giveBack(messages: readonly Message[]): void {
    this.#inbox.giveBack(messages);
  }
  async remove(messages: readonly Message[]): Promise<void> {
    this.#inbox.settle(messages.length);
    this.removed.push(...messages.map(({ id }) => id));
  }
  untilWaiting(signal: AbortSignal): Promise<void> {
    return this.#inbox.untilWaiting(signal);
  }
  describe({ body }: Message): EventItem {
    return { envelope: null, dataText: JSON.stringify(String(body)) };
  }
  start(): void {}
  async leave(): Promise<void> {
    this.left = true;
  }
  async close(): Promise<void> {}
}
