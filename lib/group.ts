/**
 * Group commit: one append in flight for each object; calls that arrive meanwhile share the next one.
 *
 * A lone call goes out at once, so nothing waits for company. Calls are taken in the order they came, as many as fit
 * one append. What is kept of an object between appends, its state, is kept for the most recently used few.
 */
import { NotAppended } from './append/errors.ts';

export interface GroupOptions<Call extends GroupCall, State, Result> {
  /** Appends all `calls` at once. One result a call, in order, and the state for the next append. */
  commit(
    key: string,
    calls: readonly Call[],
    state: State | null,
  ): Promise<{ state: State; results: readonly Result[] }>;
  /** Whether `call` may go into another append after one that it shared ended with `error`. */
  again(error: unknown, call: Call): boolean;
  readonly bytesMax?: number;
  readonly callsMax?: number;
  readonly waitingBytesMax?: number;
  readonly objectsKept?: number;
}

export interface GroupCall {
  /** What it adds to an append, in bytes. */
  readonly bytes: number;
  /** It shares its append with no other call. */
  readonly alone: boolean;
}

/** An append larger than this takes so long to send that those behind it are better off with their own. */
const BYTES_MAX = 4 * 1024 * 1024;
const CALLS_MAX = 2000;
/** More than this, waiting for one object, is turned away: it would not get its turn in time, and memory is finite. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
const OBJECTS_KEPT = 64;
const RETRY_AFTER_MS = 1000;

interface Waiting<Call, Result> {
  readonly call: Call;
  /** It shared an append that failed. */
  alone: boolean;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

interface Lane<Call, Result> {
  readonly waiting: Waiting<Call, Result>[];
  /** Of those waiting. */
  bytes: number;
}

export class GroupCommit<Call extends GroupCall, State, Result> {
  readonly #options: GroupOptions<Call, State, Result>;
  /** Calls of each object that has an append in flight. */
  readonly #lanes = new Map<string, Lane<Call, Result>>();
  /** Least recently used first. */
  readonly #states = new Map<string, State>();

  constructor(options: GroupOptions<Call, State, Result>) {
    this.#options = options;
  }

  submit(key: string, call: Call): Promise<Result> {
    return new Promise((resolve, reject) => {
      const waiting = { call, alone: call.alone, resolve, reject };
      const lane = this.#lanes.get(key);
      if (lane === undefined) {
        const opened = { waiting: [waiting], bytes: call.bytes };
        this.#lanes.set(key, opened);
        void this.#work(key, opened);
      } else if (lane.bytes + call.bytes > (this.#options.waitingBytesMax ?? WAITING_BYTES_MAX)) {
        const advice = `Too much is waiting to be appended to ${key}. Send it again later.`;
        reject(new NotAppended(advice, { key, retryAfterMs: RETRY_AFTER_MS }));
      } else {
        lane.waiting.push(waiting);
        lane.bytes += call.bytes;
      }
    });
  }

  async #work(key: string, lane: Lane<Call, Result>): Promise<void> {
    while (lane.waiting.length > 0) {
      const group = lane.waiting.splice(0, this.#groupLength(lane.waiting));
      const calls = group.map(({ call }) => call);
      for (const { bytes } of calls) lane.bytes -= bytes;
      const state = this.#states.get(key) ?? null;
      this.#states.delete(key);
      try {
        const done = await this.#options.commit(key, calls, state);
        this.#keep(key, done.state);
        for (const [index, { resolve }] of group.entries()) resolve(done.results[index] as Result);
      } catch (error) {
        const again = group.filter(({ call }) => group.length > 1 && this.#options.again(error, call));
        for (const waiting of group) {
          if (again.includes(waiting)) waiting.alone = true;
          else waiting.reject(error);
        }
        lane.waiting.unshift(...again);
        for (const { call } of again) lane.bytes += call.bytes;
      }
    }
    this.#lanes.delete(key);
  }

  /** How many calls at the front of `lane` go together. */
  #groupLength(lane: readonly Waiting<Call, Result>[]): number {
    const { bytesMax = BYTES_MAX, callsMax = CALLS_MAX } = this.#options;
    let bytes = 0;
    let calls = 0;
    for (const { call, alone } of lane) {
      bytes += call.bytes;
      if (calls > 0 && (alone || bytes > bytesMax || calls === callsMax)) break;
      calls++;
      if (alone) break;
    }
    return calls;
  }

  #keep(key: string, state: State): void {
    this.#states.set(key, state);
    for (const oldest of this.#states.keys()) {
      if (this.#states.size <= (this.#options.objectsKept ?? OBJECTS_KEPT)) break;
      this.#states.delete(oldest);
    }
  }
}
