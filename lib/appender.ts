/**
 * Puts payloads into objects, exactly once: drives the plans of `lib/append` against a store (PROTOCOL.md §4).
 *
 * It owns what the core may not have: the store, the clock and the dice. Calls of one instance for one object share
 * appends (`group.ts`); appends to different objects go side by side.
 */
import type { ColdStart } from './append/cold.ts';
import { AppendError, AppendRefused, NotAppended } from './append/errors.ts';
import type { LogFold } from './append/fold.ts';
import { appendLog } from './append/log.ts';
import { type Activity, type Approach, AT_ONCE, approach, isTurn, type Moment } from './append/pace.ts';
import type { Ask, Plan, Reply } from './append/plan.ts';
import { appendRaw, type RawState } from './append/raw.ts';
import { lineBytes } from './append/record.ts';
import {
  advance,
  byteLength,
  type DedupeWindow,
  type LogRecord,
  position,
  type Receipt,
  type RecordReceipt,
} from './append/types.ts';
import { backoffMs } from './backoff.ts';
import { type GroupCall, GroupCommit } from './group.ts';
import type { Runtime } from './runtime.ts';
import { type ObjectStore, StoreError } from './store/port.ts';

/** Every error of the two methods is an `AppendError`. */
export interface Appender {
  /** Appends one payload (one byte or more) to a `raw` object. */
  appendBytes(key: string, payload: Uint8Array, call: AppendOptions): Promise<Receipt>;
  /** Appends records to a `log` object, all in one append. One receipt a record, in the order given. */
  appendRecords(key: string, records: readonly LogRecord[], call: LogAppendOptions): Promise<RecordReceipt[]>;
}

/** Runs plans as the appender runs its own, against the same store. */
export interface PlanRunner {
  run<T>(plan: Plan<T>, call: AppendOptions): Promise<T>;
  /** A log as its plans take it. */
  logOf(key: string, call: Pick<LogAppendOptions, 'dedupe'>): ColdStart;
}

/** Of a log; the same in every call for it. */
export interface LogAppendOptions extends AppendOptions {
  /** Default: `DEDUPE_WINDOW`. */
  readonly dedupe?: DedupeWindow;
  /** A segment ends with the append that makes it so long or longer, in bytes (§3.5). Default: `SEGMENT_BYTES_MAX`. */
  readonly segmentBytesMax?: number;
  /** No other instance writes the log: what is not known is tried at 0, before anything is read (§4.1). Default: false. */
  readonly expectsNew?: boolean;
}

export interface AppendOptions {
  /** What is left of the caller's time, milliseconds; asked again before each request. */
  readonly remainingMs: () => number;
  /** MIME type of the object, if this append creates it. */
  readonly contentType?: string;
  /** Append only if the object's length is this; `PositionMismatch` otherwise. */
  readonly ifPosition?: number;
}

export interface AppenderOptions {
  readonly store: ObjectStore;
  readonly runtime: Runtime;
  /** Names this instance in commit lines; no other instance has the same name. */
  readonly writer: string;
  /** What a writer reads of a log that it knows nothing of (PROTOCOL.md §4.1). */
  readonly coldStart?: { readonly tailBytes: number; readonly bytesMax: number };
  /** Requests of one call, pauses not counted. */
  readonly requestsMax?: number;
  /** A single request is given up after this long, or when the caller's time is up. */
  readonly requestTimeoutMs?: number;
}

/** Enough for a batch of 10,000 that comes again after others; its checkpoint takes 380 KB at most (§4.1). */
export const DEDUPE_WINDOW: DedupeWindow = { records: 16_000, ageMs: null };
export const SEGMENT_BYTES_MAX = 1024 ** 3;
const COLD_START = { tailBytes: 64 * 1024, bytesMax: 1024 * 1024 };
/** A bound for the worst case, far above what a call needs: its time ends it long before. */
const REQUESTS_MAX = 1000;
/** A large body over a slow link takes seconds; an answer later than this is not coming. */
const REQUEST_TIMEOUT_MS = 30_000;
/** To the store, until it was measured; then a moving average. */
const ROUND_TRIP_MS = 20;
const ROUND_TRIP_WEIGHT = 0.05;
/** Kept back from a caller's time when it waits for its turn, for the requests and a few conflicts. */
const TURN_SPARE_ROUND_TRIPS = 20;
/** Reads in flight or done, while a late writer is watched. */
const WATCH_READS = 4;
/** Part of a round trip by which a turn counts as earlier, if its first look came too early. */
const LOOKED_AGAIN = 0.5;
/** When the store asks for no delay. */
const RETRY_AFTER_MS = 1000;
/** Fewer calls that came during an append are no sign of more than it can take. */
const REFILLED_CALLS_MIN = 4;

export function createAppender(options: AppenderOptions): Appender & PlanRunner {
  const { store, runtime, writer } = options;
  const coldStart = options.coldStart ?? COLD_START;
  const requestsMax = options.requestsMax ?? REQUESTS_MAX;
  const requestTimeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  let roundTripMs = ROUND_TRIP_MS;

  async function drive<T>(
    plan: Plan<T>,
    call: AppendOptions,
    { everyMs, tries } = { everyMs: AT_ONCE.everyMs, tries: 0 },
  ): Promise<T> {
    let requests = 0;
    let step = plan.next();
    while (!step.done) {
      const remainingMs = call.remainingMs();
      let reply: Reply;
      if (remainingMs <= 0) reply = { kind: 'stop', reason: 'time' };
      else if (step.value.ask === 'pause') reply = await pause(step.value, remainingMs);
      else if (step.value.ask === 'turn') reply = turn(step.value, remainingMs, tries);
      else if (++requests > requestsMax) reply = { kind: 'stop', reason: 'attempts' };
      else if (everyMs !== null && requests === 1 && step.value.ask === 'read')
        reply = await watched(step.value, call, remainingMs, everyMs);
      else reply = await timed(step.value, call, remainingMs);
      step = plan.next(reply);
    }
    return step.value;
  }

  async function pause(ask: Extract<Ask, { ask: 'pause' }>, remainingMs: number): Promise<Reply> {
    const delayMs = ask.delayMs ?? backoffMs(ask.tries, runtime.random());
    // There is no use in sleeping through the rest of the caller's time.
    if (delayMs >= remainingMs) return { kind: 'stop', reason: 'time' };
    await runtime.sleep(delayMs);
    return { kind: 'resumed' };
  }

  /** When the last commit of each log was seen first, by the monotonic clock. */
  const seenMs = new WeakMap<Activity, number>();

  function momentOf(activity: readonly Activity[]): Moment {
    const last = activity.at(-1);
    const ticksMs = runtime.monotonic();
    const sinceMs = last === undefined ? ticksMs : (seenMs.get(last) ?? ticksMs);
    if (last !== undefined) seenMs.set(last, sinceMs);
    return { nowMs: runtime.now(), roundTripMs, idleMs: ticksMs - sinceMs };
  }

  /** What is short of time does not wait for its turn. */
  const spareMs = (remainingMs: number) => remainingMs - TURN_SPARE_ROUND_TRIPS * roundTripMs;

  function turn(ask: Extract<Ask, { ask: 'turn' }>, remainingMs: number, tries: number): Reply {
    const { activity, conflicted, fresh } = ask;
    const moment = { ...momentOf(activity), tries, conflicted, fresh };
    return { kind: spareMs(remainingMs) <= 0 || isTurn(activity, writer, moment) ? 'resumed' : 'later' };
  }

  /** Reads again and again, until there is something new. */
  function watched(
    ask: Extract<Ask, { ask: 'read' }>,
    call: AppendOptions,
    remainingMs: number,
    everyMs: number,
  ): Promise<Reply> {
    return new Promise((resolve, reject) => {
      let sent = 0;
      let answered = 0;
      let cancel = () => {};
      const failed = (error: unknown) => {
        cancel();
        reject(error);
      };
      const send = () => {
        const leftMs = sent === 0 ? remainingMs : call.remainingMs();
        if (leftMs <= 0) return; // what is under way ends with it
        sent++;
        if (sent < WATCH_READS) cancel = runtime.after(everyMs, send);
        timed(ask, call, leftMs).then((reply) => {
          answered++;
          // The first byte is the last one known.
          const isNew = reply.kind !== 'bytes' || reply.read === null || reply.read.bytes.length > 1;
          if (!isNew && answered < WATCH_READS) return;
          cancel();
          resolve(reply);
        }, failed);
      };
      send();
    });
  }

  /** A request, and what it tells of the distance to the store. */
  async function timed(ask: Request, call: AppendOptions, remainingMs: number): Promise<Reply> {
    const startMs = runtime.monotonic();
    const reply = await request(ask, call, Math.min(requestTimeoutMs, remainingMs));
    if (reply.kind !== 'failed') {
      roundTripMs += (runtime.monotonic() - startMs - roundTripMs) * ROUND_TRIP_WEIGHT;
    }
    return reply;
  }

  async function request(ask: Request, { contentType }: AppendOptions, timeoutMs: number): Promise<Reply> {
    try {
      switch (ask.ask) {
        case 'append':
          return await store.append(
            ask.key,
            ask.position,
            ask.body,
            contentType === undefined ? { timeoutMs } : { timeoutMs, contentType },
          );
        case 'head':
          return { kind: 'info', info: await store.head(ask.key, { timeoutMs }) };
        case 'read':
          return {
            kind: 'bytes',
            read: await store.read(ask.key, { start: ask.start, end: ask.end }, { timeoutMs }),
          };
        case 'tail':
          return { kind: 'bytes', read: await store.read(ask.key, { last: ask.bytesMax }, { timeoutMs }) };
      }
    } catch (error) {
      if (error instanceof StoreError) return { kind: 'failed', failure: error };
      throw error;
    }
  }

  const raws = new GroupCommit<RawCall, RawState, Receipt>({
    after: runtime.after,
    async commit(key, calls, known) {
      const payload =
        calls.length === 1 ? first(calls).payload : Buffer.concat(calls.map((call) => call.payload));
      const plan = appendRaw(key, payload, { known, ifPosition: ifPositionOf(calls) });
      const { start, state } = await drive(plan, together(calls));
      let end = start;
      const results = calls.map((call) => {
        const from = end;
        end = advance(from, byteLength(call.bytes));
        return { object: key, start: from, end };
      });
      return { state, results };
    },
    afterShared,
  });

  const logs = new GroupCommit<LogCall, LogState, RecordReceipt[]>({
    after: runtime.after,
    async commit(key, calls, state) {
      const records = calls.flatMap((call) => call.records);
      const {
        dedupe = DEDUPE_WINDOW,
        segmentBytesMax = SEGMENT_BYTES_MAX,
        expectsNew = false,
      } = first(calls).options;
      const { tailBytes, bytesMax: coldBytesMax } = coldStart;
      const { fold: known, approach, tries, refilled } = state ?? NOTHING_KNOWN;
      const plan = appendLog(records, {
        log: { key, dedupe, tailBytes, coldBytesMax },
        known,
        ifPosition: ifPositionOf(calls),
        writer,
        roundTripMs,
        atMs: Math.round(runtime.now() - (tries > 0 ? LOOKED_AGAIN * roundTripMs : 0)),
        segmentBytesMax,
        othersWrite: approach.reads,
        refilled,
        expectsNew,
      });
      const { receipts, fold } = await drive(plan, together(calls), { everyMs: approach.everyMs, tries });
      // Spelt out, here and below: V8 makes a new shape for each object that is a copy of another with more to it.
      if (receipts === null) {
        const later = { fold, approach: AT_ONCE, tries: tries + 1, calls: null, refilled };
        return { state: later, results: null };
      }
      let end = 0;
      const results = calls.map((call) => {
        const start = end;
        end += call.records.length;
        return receipts.slice(start, end);
      });
      return { state: { fold, approach: AT_ONCE, tries: 0, calls: calls.length, refilled }, results };
    },
    ready(state, waiting) {
      if (state === null) return null;
      const { calls, tries, fold } = state;
      if (calls !== null) state.refilled = waiting.length >= Math.max(REFILLED_CALLS_MIN, calls / 2);
      state.calls = null;
      const { nowMs, roundTripMs, idleMs } = momentOf(fold.activity);
      const moment = {
        nowMs,
        roundTripMs,
        idleMs,
        tries,
        refilled: state.refilled,
        dice: runtime.random(),
      };
      state.approach = approach(fold.activity, writer, moment);
      const waitMs = Math.min(state.approach.waitMs, spareMs(together(waiting).remainingMs()));
      return waitMs > 0 ? runtime.sleep(waitMs) : null;
    },
    afterShared,
  });

  const logOf: PlanRunner['logOf'] = (key, { dedupe = DEDUPE_WINDOW }) => ({
    key,
    dedupe,
    tailBytes: coldStart.tailBytes,
    coldBytesMax: coldStart.bytesMax,
  });

  return {
    run: drive,
    logOf,
    appendBytes: (key, payload, options) =>
      raws.submit(key, {
        payload,
        options,
        bytes: payload.length,
        alone: options.ifPosition !== undefined,
        remainingMs: options.remainingMs,
      }),
    appendRecords: (key, records, options) =>
      logs.submit(key, {
        records,
        options,
        bytes: records.reduce((sum, { line, id }) => sum + lineBytes(line) + id.length, 0),
        alone: options.ifPosition !== undefined,
        remainingMs: options.remainingMs,
      }),
  };
}

/** What is kept of a log between appends. */
interface LogState {
  readonly fold: LogFold;
  approach: Approach;
  /** Times that it was not the writer's turn since its last commit. */
  readonly tries: number;
  /** Calls of the last append, null once it was seen how many wait after it. */
  calls: number | null;
  /** When its last append was answered, half as many calls or more were waiting already. */
  refilled: boolean;
}

const NOTHING_KNOWN = { fold: null, approach: AT_ONCE, tries: 0, refilled: false };

type Request = Exclude<Ask, { ask: 'pause' | 'turn' }>;

interface RawCall extends GroupCall {
  readonly payload: Uint8Array;
  readonly options: AppendOptions;
}

interface LogCall extends GroupCall {
  readonly records: readonly LogRecord[];
  readonly options: LogAppendOptions;
}

/**
 * A call may be tried again after a shared append that is not in for certain and was not refused. What may be in, only
 * the caller may send again: by the time of a second try here, the window may have passed over it. Where there is no time
 * for another try, what another call of that append was refused for says nothing of this one.
 */
function afterShared(error: unknown, { remainingMs }: GroupCall): unknown {
  if (error instanceof AppendRefused || !(error instanceof AppendError)) return error;
  if (error.fate !== 'not-in') return error;
  if (remainingMs() > 0) return null;
  return error instanceof NotAppended
    ? error
    : new NotAppended('The time ran out before the records were appended. Send them again.', {
        key: error.detail.key,
        retryAfterMs: RETRY_AFTER_MS,
      });
}

type Calls = readonly { readonly options: AppendOptions }[];

/** The options of an append that several calls share: it ends when the first of them has to. */
function together(calls: Calls): AppendOptions {
  if (calls.length === 1) return first(calls).options;
  const remainingMs = () => Math.min(...calls.map(({ options }) => options.remainingMs()));
  return { ...first(calls).options, remainingMs };
}

/** A call that names a position is alone. */
function ifPositionOf(calls: Calls) {
  const { ifPosition } = first(calls).options;
  return ifPosition === undefined ? null : position(ifPosition);
}

function first<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined) throw new RangeError('an append of no calls');
  return item;
}
