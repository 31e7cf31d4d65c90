/**
 * A small world in which plans run: objects, faults, and requests that arrive late, all drawn from one seed.
 *
 * Actors are generators of `lib/append`; in each step one of them, chosen by the dice, gets a reply to what it asked.
 */
import { crc64 } from '../../../lib/append/crc64.ts';
import type { Ask, Failure, Plan, Reply } from '../../../lib/append/plan.ts';

export interface Faults {
  /** Chances in 1, of each request. */
  readonly requestLost: number;
  readonly answerLost: number;
  /** No answer now, and the request arrives at some later time. */
  readonly late: number;
  readonly error500: number;
  readonly throttled: number;
  /** Of each conflict: the answer does not say the length. */
  readonly noLength: number;
  /** Of each turn: it is not the writer's. */
  readonly later: number;
  /** Of each ask: the driver stops the call. */
  readonly stop: number;
  /** Of each step: someone appends bytes that are none of ours to one of the objects. */
  readonly foreign: number;
}

export const CALM: Faults = {
  requestLost: 0,
  answerLost: 0,
  late: 0,
  error500: 0,
  throttled: 0,
  noLength: 0,
  later: 0,
  stop: 0,
  foreign: 0,
};

export type Dice = () => number;

/** mulberry32: small, seeded, good enough to choose among a handful of things. */
export function dice(seed: number): Dice {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Of one run: the longest take a few hundred. */
const STEPS_MAX = 3000;

/** The key of the object that `World` speaks of where it names none. */
export const KEY = 'k';

export class World {
  readonly #objects = new Map<string, { readonly bytes: Buffer; readonly sum: bigint }>();
  /** Keys of the objects that cannot be appended to. */
  readonly #ordinary = new Set<string>();
  /** Requests so far, and bytes that were read. */
  readonly asked: Exclude<Ask, { ask: 'pause' | 'turn' }>[] = [];
  bytesRead = 0;
  appends = 0;
  readonly #faults: Faults;
  readonly #roll: Dice;
  readonly #late: Extract<Ask, { ask: 'append' }>[] = [];

  constructor(faults: Faults, roll: Dice) {
    this.#faults = faults;
    this.#roll = roll;
  }

  /** Bytes of the object, none if there is none. */
  object(key = KEY): Buffer {
    return this.#objects.get(key)?.bytes ?? Buffer.alloc(0);
  }

  /** All objects there are, by key. */
  objects(): Map<string, Buffer> {
    return new Map([...this.#objects].map(([key, { bytes }]) => [key, bytes]));
  }

  /** Runs every actor to its end, interleaved. */
  run(actors: readonly Actor[]): void {
    const running = new Set(actors);
    for (const actor of running) if (actor.start()) running.delete(actor);
    for (let steps = 0; running.size > 0; steps++) {
      if (steps > STEPS_MAX) throw new Error('a plan does not come to an end');
      this.#somethingElse();
      const actor = [...running][Math.floor(this.#roll() * running.size)];
      if (actor?.resume(this.#reply(actor.asked())) === true) running.delete(actor);
    }
    while (this.#late.length > 0) this.#deliverLate();
  }

  #somethingElse(): void {
    if (this.#late.length > 0 && this.#roll() < 0.2) this.#deliverLate();
    if (this.#roll() < this.#faults.foreign) {
      const bytes = ['stray', 'line\n', '{"$commit":{"v":1}}\n'][Math.floor(this.#roll() * 3)] ?? '';
      const keys = this.#objects.size === 0 ? [KEY] : [...this.#objects.keys()];
      this.write(keys[Math.floor(this.#roll() * keys.length)] ?? KEY, Buffer.from(bytes));
    }
  }

  #deliverLate(): void {
    const [ask] = this.#late.splice(Math.floor(this.#roll() * this.#late.length), 1);
    if (ask !== undefined) this.#append(ask);
  }

  #reply(ask: Ask): Reply {
    const faults = this.#faults;
    if (this.#roll() < faults.stop) return { kind: 'stop', reason: 'time' };
    if (ask.ask === 'pause') return { kind: 'resumed' };
    if (ask.ask === 'turn') return { kind: this.#roll() < faults.later ? 'later' : 'resumed' };
    if (this.#roll() < faults.throttled) return failed('TotalQpsLimitExceeded', 503, 100);
    if (this.#roll() < faults.requestLost) return failed('NoAnswer', null);
    if (ask.ask === 'append' && this.#roll() < faults.late) {
      this.#late.push(ask);
      return failed('NoAnswer', null);
    }
    if (this.#roll() < faults.error500) return failed('InternalError', 500);
    const reply = this.#act(ask);
    if (this.#roll() < faults.answerLost)
      return failed(this.#roll() < 0.5 ? 'NoAnswer' : 'InternalError', null);
    return reply;
  }

  #act(ask: Exclude<Ask, { ask: 'pause' | 'turn' }>): Reply {
    this.asked.push(ask);
    if (ask.ask === 'append') return this.#append(ask);
    const object = this.#objects.get(ask.key);
    if (object === undefined)
      return ask.ask === 'head' ? { kind: 'info', info: null } : { kind: 'bytes', read: null };
    const { length } = object.bytes;
    const type = this.#ordinary.has(ask.key) ? 'Normal' : 'Appendable';
    const whole = { length, crc64: object.sum, type };
    if (ask.ask === 'head') return { kind: 'info', info: whole };
    const start = ask.ask === 'read' ? ask.start : Math.max(0, length - ask.bytesMax);
    const bytes = object.bytes.subarray(start, ask.ask === 'read' ? ask.end : undefined);
    this.bytesRead += bytes.length;
    return { kind: 'bytes', read: { bytes, start, ...whole } };
  }

  #append({ key, position, body }: Extract<Ask, { ask: 'append' }>): Reply {
    const { length } = this.object(key);
    if (this.#ordinary.has(key)) return failed('ObjectNotAppendable', 409);
    if (position !== length)
      return { kind: 'conflict', length: this.#roll() < this.#faults.noLength ? null : length };
    this.write(key, body);
    this.appends++;
    return {
      kind: 'appended',
      nextPosition: length + body.length,
      crc64: this.#objects.get(key)?.sum ?? null,
    };
  }

  delete(key: string): void {
    this.#objects.delete(key);
  }

  /** Puts an ordinary object in the place of what is there. */
  put(key: string, bytes: Uint8Array): void {
    this.#ordinary.add(key);
    this.#objects.set(key, { bytes: Buffer.from(bytes), sum: crc64(bytes) });
  }

  /** Appends `bytes`, as anybody may. */
  write(key: string, bytes: Uint8Array): void {
    const { bytes: before, sum } = this.#objects.get(key) ?? { bytes: Buffer.alloc(0), sum: 0n };
    this.#objects.set(key, { bytes: Buffer.concat([before, bytes]), sum: crc64(bytes, sum) });
  }
}

/** One caller: plans one after the other. `next` gives the plan to run after an outcome, null at the end. */
export class Actor {
  readonly #next: (last: Outcome | null) => Plan<unknown> | null;
  #plan: Plan<unknown> | null = null;
  #asked: Ask | null = null;

  constructor(next: (last: Outcome | null) => Plan<unknown> | null) {
    this.#next = next;
  }

  asked(): Ask {
    if (this.#asked === null) throw new Error('the actor is not waiting');
    return this.#asked;
  }

  /** True when the actor is done. */
  start(): boolean {
    return this.#follow(null);
  }

  resume(reply: Reply): boolean {
    const plan = this.#plan;
    return this.#step(() => plan?.next(reply));
  }

  #follow(last: Outcome | null): boolean {
    this.#plan = this.#next(last);
    const plan = this.#plan;
    return plan === null ? true : this.#step(() => plan.next());
  }

  #step(step: () => IteratorResult<Ask, unknown> | undefined): boolean {
    try {
      const result = step();
      if (result?.done !== true) {
        this.#asked = result?.value ?? null;
        return false;
      }
      return this.#follow({ value: result.value });
    } catch (error) {
      return this.#follow({ error });
    }
  }
}

export type Outcome = { readonly value: unknown } | { readonly error: unknown };

function failed(code: string, status: number | null, delayMs: number | null = null): Reply {
  const failure: Failure = { code, status, requestId: null, delayMs };
  return { kind: 'failed', failure };
}
