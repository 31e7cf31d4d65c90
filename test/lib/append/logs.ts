/** What tests of logs have in common: records, the options of a call, and calls that run alone in a world. */

import { digestOf } from '../../../lib/append/digest.ts';
import type { FoldLimits, LogFold } from '../../../lib/append/fold.ts';
import { appendLog, type LogOptions } from '../../../lib/append/log.ts';
import type { Ask, Plan, Reply } from '../../../lib/append/plan.ts';
import { jsonLine } from '../../../lib/append/record.ts';
import type { LogRecord, RecordReceipt } from '../../../lib/append/types.ts';
import type { Finding } from '../../../lib/append/window.ts';
import { Actor, KEY, type Outcome, type World } from './world.ts';

export type LogPlan = Plan<{ receipts: RecordReceipt[]; fold: LogFold }>;

export const AT_MS = 1_700_000_000_000;

/** A record that is known by its id. */
export const named = (id: string, source = 's', json = JSON.stringify({ id })): LogRecord => ({
  line: jsonLine(json),
  id,
  source,
  timeMs: AT_MS - 70,
});

/** A record that is known by its number: of a producer, or without an epoch an offset. */
export const numbered = (source: string, number: number, epoch: number | null = null): LogRecord => ({
  ...named(`${number}`, source, JSON.stringify({ source, number, epoch })),
  numbered: { number, epoch },
});

export const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, n) => from + n);

export const LIMITS: FoldLimits = { dedupe: { records: 1000, ageMs: null }, coldBytesMax: 1024 * 1024 };

/** Options of a call for the log `KEY`; by default nothing is known, no segment ends and the window is wide. */
export const logOptions = (
  options: Partial<Omit<LogOptions, 'log'>> & Partial<FoldLimits & { tailBytes: number }> = {},
): LogOptions => {
  const { dedupe, coldBytesMax, tailBytes = 64 * 1024, ...rest } = options;
  return {
    log: {
      key: KEY,
      tailBytes,
      dedupe: dedupe ?? LIMITS.dedupe,
      coldBytesMax: coldBytesMax ?? LIMITS.coldBytesMax,
    },
    known: null,
    ifPosition: null,
    writer: 'w',
    roundTripMs: 20,
    atMs: AT_MS,
    segmentBytesMax: 1e9,
    ...rest,
  };
};

/** Appends `records`, again whenever it was not the writer's turn, until they are in. */
export function* untilIn(records: readonly LogRecord[], options: LogOptions): LogPlan {
  for (let { known } = options, othersWrite = options.othersWrite ?? false; ; othersWrite = true) {
    const { receipts, fold } = yield* appendLog(records, { ...options, known, othersWrite });
    if (receipts !== null) return { receipts, fold };
    known = fold;
  }
}

/** What `plan` ends with, alone in the world. Throws what it throws. */
export function driven<T>(world: World, plan: Plan<T>): T {
  let end: Outcome | null = null;
  world.run([
    new Actor((last) => {
      end = last;
      return last === null ? plan : null;
    }),
  ]);
  const outcome = end as Outcome | null;
  if (outcome !== null && 'error' in outcome) throw outcome.error;
  return outcome?.value as T;
}

/** A writer that remembers its log from call to call, and starts cold after an error. */
export class LogWriter {
  readonly #world: World;
  readonly #options: Parameters<typeof logOptions>[0];
  fold: LogFold | null = null;

  constructor(world: World, options: Parameters<typeof logOptions>[0] = {}) {
    this.#world = world;
    this.#options = options;
  }

  append(
    records: readonly LogRecord[],
    options: Parameters<typeof logOptions>[0] & Meddling = {},
  ): RecordReceipt[] {
    const { before, after, ...rest } = options;
    const { fold: known } = this;
    this.fold = null;
    const plan = untilIn(records, logOptions({ known, ...this.#options, ...rest }));
    const meddling = { ...(before && { before }), ...(after && { after }) };
    const { receipts, fold } = driven(this.#world, meddled(plan, meddling));
    this.fold = fold;
    return receipts;
  }
}

export const LOST: Reply = {
  kind: 'failed',
  failure: { code: 'NoAnswer', status: null, requestId: null, delayMs: null },
};

/** What may happen to a request: it is answered in the store's place, or its answer is changed. */
export interface Meddling {
  readonly before?: (ask: Ask) => Reply | null;
  readonly after?: (ask: Ask, reply: Reply) => Reply;
}

/** `inner`, with requests meddled with. */
export function* meddled<T>(inner: Plan<T>, { before, after }: Meddling): Plan<T> {
  let step = inner.next();
  while (!step.done) {
    const ask = step.value;
    const early = before?.(ask) ?? null;
    const reply = early ?? (yield ask);
    step = inner.next(early === null ? (after?.(ask, reply) ?? reply) : early);
  }
  return step.value;
}

/** What `fold` says of a record. */
export const findIn = (fold: LogFold, record: LogRecord): Finding =>
  fold.find(record, digestOf(record.source, record.id));
