/**
 * Virtual time: events happen one after the other, by their time and, where times are equal, by the dice.
 *
 * Between two events every promise that can go on has gone on: a turn of the real event loop runs all microtasks, in
 * an order that depends on nothing but the code. So a run is a function of its seed.
 */
import type { Random } from './random.ts';

interface Event {
  readonly atMs: number;
  readonly tie: number;
  readonly run: () => void;
}

export class Scheduler {
  nowMs = 0;
  readonly #random: Random;
  /** The next one last. */
  readonly #events: Event[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  /** Runs `run` after `ms`, unless the function it returns is called first. */
  after(ms: number, run: () => void): () => void {
    const event = { atMs: this.nowMs + ms, tie: this.#random.next(), run };
    let [low, high] = [0, this.#events.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (before(event, this.#events[middle])) low = middle + 1;
      else high = middle;
    }
    this.#events.splice(low, 0, event);
    return () => {
      const at = this.#events.indexOf(event);
      if (at >= 0) this.#events.splice(at, 1);
    };
  }

  /** Runs until nothing is left to happen; false if that is not so after `eventsMax` events. */
  async run(afterEach: () => void, eventsMax: number): Promise<boolean> {
    await turn();
    for (let made = 0; made < eventsMax; made++) {
      const event = this.#events.pop();
      if (event === undefined) return true;
      this.nowMs = event.atMs;
      event.run();
      await turn();
      afterEach();
    }
    return false;
  }
}

const before = (event: Event, other: Event | undefined): boolean =>
  other !== undefined && (event.atMs < other.atMs || (event.atMs === other.atMs && event.tie < other.tie));

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
