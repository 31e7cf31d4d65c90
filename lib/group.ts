/**
 * Group commit: one append in flight for each object; calls that arrive meanwhile share the next one.
 *
 * A lone call goes out at once, so nothing waits for company. Calls are taken in the order they came, as many as fit
 * one append. What is kept of an object between appends, its state, is kept for the most recently used few.
 */
import { NotAppended } from './append/errors.ts';

export interface GroupOptions<Call extends GroupCall, State, Result> {
  /**
   * Appends all `calls` at once. One result a call, in order, and the state for the next append. No results: it was not
   * the time for it, nothing is in, and they are to be given again, with what has come meanwhile.
   */
  commit(
    key: string,
    calls: readonly Call[],
    state: State | null,
  ): Promise<{ state: State; results: readonly Result[] | null }>;
  /** Before an append: what to wait for, null to go at once. Calls that come meanwhile share it. */
  ready?(state: State | null, waiting: readonly Call[]): Promise<unknown> | null;
  /** After an append that `call` shared ended with `error`: null if it goes into another, or what it ends with. */
  afterShared(error: unknown, call: Call): unknown;
  /** The clock's timer. */
  readonly after: (ms: number, run: () => void) => () => void;
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
  /** What is left of its time, milliseconds. */
  readonly remainingMs: () => number;
}

/** An append larger than this takes so long to send that those behind it are better off with their own. */
const BYTES_MAX = 4 * 1024 * 1024;
const CALLS_MAX = 2000;
/** More than this, waiting for one object, is turned away: it would not get its turn in time, and memory is finite. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
const OBJECTS_KEPT = 16;
const RETRY_AFTER_MS = 1000;

interface Waiting<Call, Result> {
  readonly call: Call;
  /** It goes into an append of its own, by its wish or because one that it shared failed. */
  alone: boolean;
  /** Stops the clock of a call that waits. */
  taken(): void;
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
      const waiting: Waiting<Call, Result> = {
        call,
        alone: call.alone,
        taken: doNothing,
        resolve,
        reject,
      };
      const lane = this.#lanes.get(key);
      if (lane === undefined) {
        const opened = { waiting: [waiting], bytes: call.bytes };
        this.#lanes.set(key, opened);
        void this.#work(key, opened);
      } else if (lane.bytes + call.bytes > (this.#options.waitingBytesMax ?? WAITING_BYTES_MAX)) {
        reject(turnedAway(key, `Too much is waiting to be appended to ${key}.`));
      } else {
        this.#wait(key, lane, waiting);
        lane.waiting.push(waiting);
      }
    });
  }

  /** A call waits no longer than it has time. */
  #wait(key: string, lane: Lane<Call, Result>, waiting: Waiting<Call, Result>): void {
    const { call } = waiting;
    waiting.taken = this.#options.after(call.remainingMs(), () => {
      lane.waiting.splice(lane.waiting.indexOf(waiting), 1);
      lane.bytes -= call.bytes;
      waiting.reject(turnedAway(key, `The time ran out while a call waited to append to ${key}.`));
    });
    lane.bytes += call.bytes;
  }

  async #work(key: string, lane: Lane<Call, Result>): Promise<void> {
    while (lane.waiting.length > 0) {
      const turn = this.#ready(key, lane);
      if (turn) await turn.catch(() => undefined);
      const group = lane.waiting.splice(0, this.#groupLength(lane.waiting));
      const calls = group.map(({ call }) => call);
      for (const { call, taken } of group) {
        taken();
        lane.bytes -= call.bytes;
      }
      const state = this.#states.get(key) ?? null;
      this.#states.delete(key);
      try {
        if (calls.length === 0) continue;
        const done = await this.#options.commit(key, calls, state);
        this.#keep(key, done.state);
        const { results } = done;
        if (results === null) this.#putBack(key, lane, group);
        else for (const [index, { resolve }] of group.entries()) resolve(results[index] as Result);
        await answersTaken();
      } catch (error) {
        const again: Waiting<Call, Result>[] = [];
        for (const waiting of group) {
          const end = group.length > 1 ? this.#endOf(error, waiting.call) : error;
          if (end !== null) waiting.reject(end);
          else again.push(Object.assign(waiting, { alone: true }));
        }
        this.#putBack(key, lane, again);
      }
    }
    this.#lanes.delete(key);
  }

  #putBack(key: string, lane: Lane<Call, Result>, group: readonly Waiting<Call, Result>[]): void {
    lane.waiting.unshift(...group);
    for (const waiting of group) this.#wait(key, lane, waiting);
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

  /** What to wait for. Whatever goes wrong with that, the append is tried. */
  #ready(key: string, lane: Lane<Call, Result>): Promise<unknown> | null {
    const calls = lane.waiting.map(({ call }) => call);
    try {
      return this.#options.ready?.(this.#states.get(key) ?? null, calls) ?? null;
    } catch {
      return null;
    }
  }

  /** A call that cannot even say how much time it has must not take the lane down with it. */
  #endOf(error: unknown, call: Call): unknown {
    try {
      return this.#options.afterShared(error, call);
    } catch {
      return error;
    }
  }

  #keep(key: string, state: State): void {
    this.#states.set(key, state);
    for (const oldest of this.#states.keys()) {
      if (this.#states.size <= (this.#options.objectsKept ?? OBJECTS_KEPT)) break;
      this.#states.delete(oldest);
    }
  }
}

const doNothing = () => {};
/** Callers that go on as soon as they have their answer have gone on: what they call next shares an append. */
const answersTaken = () => new Promise<void>((resolve) => process.nextTick(resolve));

const turnedAway = (key: string, why: string): NotAppended =>
  new NotAppended(`${why} Send it again later.`, { key, retryAfterMs: RETRY_AFTER_MS });
