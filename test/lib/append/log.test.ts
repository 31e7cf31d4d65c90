import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AppendError,
  AppendRefused,
  NotAppended,
  OutcomeUnknown,
  PositionMismatch,
} from '../../../lib/append/errors.ts';
import type { LogFold } from '../../../lib/append/fold.ts';
import { appendLog } from '../../../lib/append/log.ts';
import type { Plan, Reply } from '../../../lib/append/plan.ts';
import { jsonLine } from '../../../lib/append/record.ts';
import { type LogRecord, position, type RecordReceipt } from '../../../lib/append/types.ts';
import { readLog } from './reference.ts';
import { Actor, CALM, dice, type Faults, World } from './world.ts';

type LogPlan = Plan<{ receipts: RecordReceipt[]; fold: LogFold }>;

const record = (id: string): LogRecord => ({
  line: jsonLine(JSON.stringify({ id })),
  id,
  source: 's',
  timeMs: 0,
});

const plan = (ids: readonly string[], known: LogFold | null, writer: string, windowBytes = 1e6): LogPlan =>
  appendLog('k', ids.map(record), { known, ifPosition: null, writer, roundTripMs: 20, atMs: 0, windowBytes });

/** Everything goes wrong that may go wrong, often. */
const STORM: Faults = {
  requestLost: 0.1,
  answerLost: 0.15,
  late: 0.15,
  error500: 0.05,
  throttled: 0.05,
  noLength: 0.2,
  stop: 0.03,
  foreign: 0.05,
};

interface Call {
  readonly ids: readonly string[];
  fate: 'in' | 'not-in' | 'unknown';
  receipts: readonly RecordReceipt[];
}

/**
 * Writers that each make a few calls in a world of faults. A call that fails is sent again, as a queue would, by an
 * instance that knows nothing; `triesMax` 1 leaves it at what the error said.
 */
function simulate(
  seed: number,
  options: { faults: Faults; writers: number; calls: number; triesMax: number; windowBytes?: number },
) {
  const roll = dice(seed);
  const world = new World(options.faults, roll);
  const calls: Call[] = [];
  const actors = Array.from({ length: options.writers }, (_, writer) => {
    let made = 0;
    let tries = 0;
    let known: LogFold | null = null;
    let call: Call | null = null;
    return new Actor((last) => {
      if (call !== null && last !== null) {
        if ('value' in last) {
          const { receipts, fold } = last.value as { receipts: RecordReceipt[]; fold: LogFold };
          Object.assign(call, { fate: 'in', receipts });
          known = fold;
        } else {
          if (!(last.error instanceof AppendError)) throw last.error;
          call.fate = last.error.fate;
          known = null;
          if (++tries < options.triesMax)
            return plan(call.ids, null, `${writer}.${made}.${tries}`, options.windowBytes);
        }
      }
      if (made === options.calls) return null;
      const name = `${writer}-${made++}`;
      tries = 0;
      call = {
        ids: roll() < 0.5 ? [`${name}a`] : [`${name}a`, `${name}b`, `${name}a`],
        fate: 'unknown',
        receipts: [],
      };
      calls.push(call);
      return plan(call.ids, known, `${writer}`, options.windowBytes);
    });
  });
  world.run(actors);
  return { world, calls, triesMax: options.triesMax };
}

function check({ world, calls, triesMax }: ReturnType<typeof simulate>): void {
  const commits = readLog(world.object);
  const times = new Map<string, number>();
  for (const { records } of commits) for (const { id } of records) times.set(id, (times.get(id) ?? 0) + 1);
  for (const call of calls) {
    for (const id of call.ids) {
      const found = times.get(id) ?? 0;
      if (call.fate === 'in') expect(found, `${id} was acknowledged`).toBe(1);
      if (call.fate === 'not-in') expect(found, `${id} was said not to be in`).toBe(0);
      expect(found, `${id} is there twice`).toBeLessThanOrEqual(1);
    }
    for (const { start, end, record, id } of call.receipts) {
      const commit = commits.find((candidate) => candidate.start === start);
      expect(commit?.end).toBe(end);
      expect(commit?.records[record]?.id).toBe(id);
    }
    // A record that was sent by this call alone was put in by it, however unclear that was for a while.
    const firstOnes = call.receipts.filter(({ id }, at) => call.ids.indexOf(id) === at);
    if (triesMax === 1) expect(firstOnes.filter(({ repeat }) => repeat)).toEqual([]);
  }
}

describe('appending to a log', () => {
  it('puts every acknowledged record in once and no record twice, whatever goes wrong', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 4 }), (seed, writers) => {
        check(simulate(seed, { faults: STORM, writers, calls: 4, triesMax: 10 }));
      }),
      { numRuns: 1500 },
    );
  });

  it('tells the truth about the fate of a record that it gave up', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 3 }), (seed, writers) => {
        check(simulate(seed, { faults: { ...STORM, stop: 0.15 }, writers, calls: 4, triesMax: 1 }));
      }),
      { numRuns: 1500 },
    );
  });

  it('recognises its own append even if more than the window was appended after it', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        // The shortest window that still holds one commit line, so that the next append pushes everything out.
        const faults = { ...CALM, answerLost: 0.3 };
        check(simulate(seed, { faults, writers: 3, calls: 4, triesMax: 1, windowBytes: 280 }));
      }),
      { numRuns: 500 },
    );
  });

  it('keeps the order of one writer', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const { world, calls } = simulate(seed, { faults: STORM, writers: 3, calls: 4, triesMax: 50 });
        const order = readLog(world.object).flatMap(({ records }) => records.map(({ id }) => id));
        for (let writer = 0; writer < 3; writer++) {
          const sent = [...new Set(calls.flatMap(({ ids }) => ids))].filter((id) =>
            id.startsWith(`${writer}-`),
          );
          const kept = order.filter((id) => id.startsWith(`${writer}-`));
          expect(kept).toEqual(sent.filter((id) => kept.includes(id)));
        }
      }),
    );
  });

  it('makes one request for a warm writer that is alone, and two for a cold one', () => {
    const world = new World(CALM, dice(1));
    const asked: string[] = [];
    const watched = function* (inner: LogPlan): LogPlan {
      let step = inner.next();
      while (!step.done) {
        asked.push(step.value.ask);
        step = inner.next(yield step.value);
      }
      return step.value;
    };
    let made = 0;
    let known: LogFold | null = null;
    world.run([
      new Actor((last) => {
        if (last !== null && 'value' in last) known = (last.value as { fold: LogFold }).fold;
        asked.push('|');
        return made === 3 ? null : watched(plan([`m${made++}`], known, 'w'));
      }),
    ]);
    expect(asked).toEqual(['|', 'tail', 'append', '|', 'append', '|', 'append', '|']);
  });

  it('answers a repeat with where the record is, and appends nothing', () => {
    const world = new World(CALM, dice(1));
    const receipts: RecordReceipt[][] = [];
    const plans = [plan(['a', 'b'], null, 'w1'), plan(['b', 'c', 'b'], null, 'w2'), plan(['c'], null, 'w2')];
    world.run([
      new Actor((last) => {
        if (last !== null && 'value' in last)
          receipts.push((last.value as { receipts: RecordReceipt[] }).receipts);
        return plans.shift() ?? null;
      }),
    ]);
    expect(world.appends).toBe(2);
    expect(receipts.map((call) => call.map(({ id, record: line, repeat }) => [id, line, repeat]))).toEqual([
      [
        ['a', 0, false],
        ['b', 1, false],
      ],
      [
        ['b', 1, true],
        ['c', 0, false],
        ['b', 1, true],
      ],
      [['c', 0, true]],
    ]);
    expect(receipts[1]?.[0]?.start).toBe(0);
  });
});

describe('a record given twice in one call', () => {
  it('is appended once, as it was given first', () => {
    const world = new World(CALM, dice(1));
    const twice = [record('a'), { ...record('a'), line: jsonLine('2') }];
    const options = {
      known: null,
      ifPosition: null,
      writer: 'w',
      roundTripMs: 20,
      atMs: 0,
      windowBytes: 1e6,
    };
    const plans = [appendLog('k', twice, options)];
    world.run([new Actor(() => plans.shift() ?? null)]);
    expect(readLog(world.object).flatMap(({ records }) => records.map(({ line }) => line))).toEqual([
      '{"id":"a"}',
    ]);
  });
});

/** Feeds a plan fixed replies and gives what it ends with. */
function outcome(
  ids: readonly string[],
  replies: readonly Reply[],
  ifPosition: number | null = null,
): unknown {
  const at = ifPosition === null ? null : position(ifPosition);
  const steps = appendLog('k', ids.map(record), {
    known: null,
    ifPosition: at,
    writer: 'w',
    roundTripMs: 20,
    atMs: 0,
    windowBytes: 1e6,
  });
  try {
    let step = steps.next();
    for (const reply of replies) step = steps.next(reply);
    return step.value;
  } catch (error) {
    return error;
  }
}

describe('an append to a log ends with a typed error', () => {
  const nothing: Reply = { kind: 'bytes', read: null };
  const lost: Reply = {
    kind: 'failed',
    failure: { code: 'NoAnswer', status: null, requestId: null, delayMs: null },
  };
  const denied: Reply = {
    kind: 'failed',
    failure: { code: 'AccessDenied', status: 403, requestId: 'r', delayMs: null },
  };
  const resumed: Reply = { kind: 'resumed' };

  it('AppendRefused, not in, if the store refuses it', () => {
    const error = outcome(['a'], [nothing, denied]);
    expect(error).toBeInstanceOf(AppendRefused);
    expect(error).toMatchObject({
      fate: 'not-in',
      detail: { storeCode: 'AccessDenied', requestId: 'r', attempts: 1 },
    });
  });

  it('OutcomeUnknown if it is refused after an attempt without an answer', () => {
    const error = outcome(['a'], [nothing, lost, resumed, denied]);
    expect(error).toBeInstanceOf(OutcomeUnknown);
    expect(error).toMatchObject({ fate: 'unknown', httpStatus: 504 });
  });

  it('NotAppended, not in, once other bytes stand where an unclear attempt would be', () => {
    const others: Reply = {
      kind: 'bytes',
      read: { bytes: Buffer.from('x\n'), start: 0, length: 2, crc64: null },
    };
    const stop: Reply = { kind: 'stop', reason: 'time' };
    const error = outcome(['a'], [nothing, lost, resumed, { kind: 'conflict', length: 2 }, others, stop]);
    expect(error).toBeInstanceOf(NotAppended);
    expect(error).toMatchObject({ fate: 'not-in', httpStatus: 503 });
  });

  it('OutcomeUnknown if the log shrank under an unclear attempt', () => {
    const tail: Reply = {
      kind: 'bytes',
      read: { bytes: Buffer.from('x\n'), start: 0, length: 2, crc64: null },
    };
    expect(outcome(['a'], [tail, lost, resumed, { kind: 'conflict', length: 0 }])).toBeInstanceOf(
      OutcomeUnknown,
    );
  });

  it('OutcomeUnknown if the checksum says that the bytes before were others', () => {
    const steps = appendLog('k', [record('a')], {
      known: null,
      ifPosition: null,
      writer: 'w',
      roundTripMs: 20,
      atMs: 0,
      windowBytes: 1e6,
    });
    steps.next();
    const ask = steps.next(nothing).value as { body: Uint8Array };
    expect(() => steps.next({ kind: 'appended', nextPosition: ask.body.length, crc64: 1n })).toThrow(
      OutcomeUnknown,
    );
  });

  it('PositionMismatch with the length if the asked position is not it', () => {
    const tail: Reply = {
      kind: 'bytes',
      read: { bytes: Buffer.from('x\n'), start: 0, length: 2, crc64: null },
    };
    const error = outcome(['a'], [tail, { kind: 'info', info: { length: 2, crc64: null } }], 7);
    expect(error).toBeInstanceOf(PositionMismatch);
    expect(error).toMatchObject({ length: 2, fate: 'not-in' });
  });

  it('never with the payload in it', () => {
    for (const replies of [
      [nothing, denied],
      [nothing, lost, resumed, denied],
    ]) {
      const error = outcome(['s3cr3t'], replies);
      expect(JSON.stringify(error) + String(error)).not.toContain('s3cr3t');
    }
  });
});
