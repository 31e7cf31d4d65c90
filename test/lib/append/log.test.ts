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
import type { Reply } from '../../../lib/append/plan.ts';
import { jsonLine } from '../../../lib/append/record.ts';
import {
  type DedupeWindow,
  type LogRecord,
  position,
  type RecordReceipt,
} from '../../../lib/append/types.ts';
import { LOST, type LogPlan, LogWriter, logOptions, type Meddling, named, untilIn } from './logs.ts';
import { readSegments } from './reference.ts';
import { Actor, CALM, dice, type Faults, KEY, World } from './world.ts';

interface SimulationOptions {
  readonly faults: Faults;
  readonly writers: number;
  readonly calls: number;
  readonly triesMax: number;
  readonly dedupe?: DedupeWindow;
  readonly segmentBytesMax?: number;
  readonly coldBytesMax?: number;
  readonly tailBytes?: number;
}

const plan = (
  ids: readonly string[],
  known: LogFold | null,
  writer: string,
  options: Partial<SimulationOptions> = {},
): LogPlan => {
  const { dedupe, segmentBytesMax, coldBytesMax, tailBytes } = options;
  return untilIn(
    ids.map((id) => named(id)),
    logOptions({
      known,
      writer,
      ...(dedupe && { dedupe }),
      ...(segmentBytesMax !== undefined && { segmentBytesMax }),
      ...(coldBytesMax !== undefined && { coldBytesMax }),
      ...(tailBytes !== undefined && { tailBytes }),
    }),
  );
};

/** Everything goes wrong that may go wrong, often. */
const STORM: Faults = {
  requestLost: 0.1,
  answerLost: 0.15,
  late: 0.15,
  error500: 0.05,
  throttled: 0.05,
  noLength: 0.2,
  later: 0.3,
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
function simulate(seed: number, options: SimulationOptions) {
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
          // An error speaks of its own attempts: those of an instance before may still land.
          if (tries === 0 || last.error.fate === 'unknown') call.fate = last.error.fate;
          known = null;
          if (++tries < options.triesMax) return plan(call.ids, null, `${writer}.${made}.${tries}`, options);
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
      return plan(call.ids, known, `${writer}`, options);
    });
  });
  world.run(actors);
  return { world, calls, triesMax: options.triesMax };
}

function check({ world, calls, triesMax }: ReturnType<typeof simulate>): void {
  const commits = readSegments(world.objects(), KEY);
  const times = new Map<string, number>();
  for (const { records } of commits) for (const { id } of records) times.set(id, (times.get(id) ?? 0) + 1);
  for (const call of calls) {
    for (const id of call.ids) {
      const found = times.get(id) ?? 0;
      if (call.fate === 'in') expect(found, `${id} was acknowledged`).toBe(1);
      if (call.fate === 'not-in') expect(found, `${id} was said not to be in`).toBe(0);
      expect(found, `${id} is there twice`).toBeLessThanOrEqual(1);
    }
    for (const { object, start, end, record, id } of call.receipts) {
      const commit = commits.find((candidate) => candidate.object === object && candidate.start === start);
      expect(commit?.end).toBe(end);
      expect(commit?.records[record ?? -1]?.id).toBe(id);
    }
    // A record that was sent by this call alone was put in by it, however unclear that was for a while.
    const firstOnes = call.receipts.filter(({ id }, at) => call.ids.indexOf(id) === at);
    if (triesMax === 1) expect(firstOnes.filter(({ repeat }) => repeat)).toEqual([]);
  }
}

/** Logs of one object and of many, with a checkpoint in every append, in some and in none, read in pieces or at once. */
const shapes = fc.record({
  segmentBytesMax: fc.constantFrom(1, 900, 2500, 1e9),
  coldBytesMax: fc.constantFrom(1, 1000, 1e6),
  tailBytes: fc.constantFrom(1, 70, 400, 64 * 1024),
});

describe('appending to a log', () => {
  it('puts every acknowledged record in once and no record twice, whatever goes wrong', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 4 }), shapes, (seed, writers, shape) => {
        check(simulate(seed, { ...shape, faults: STORM, writers, calls: 4, triesMax: 10 }));
      }),
      { numRuns: 1500 },
    );
  });

  it('tells the truth about the fate of a record that it gave up', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 3 }), shapes, (seed, writers, shape) => {
        check(simulate(seed, { ...shape, faults: { ...STORM, stop: 0.15 }, writers, calls: 4, triesMax: 1 }));
      }),
      { numRuns: 1500 },
    );
  });

  it('recognises its own append even if more than the window was appended after it', () => {
    fc.assert(
      fc.property(fc.nat(), shapes, (seed, shape) => {
        // The shortest window, so that the next append pushes everything out.
        const dedupe = { records: 1, ageMs: null };
        const faults = { ...CALM, answerLost: 0.3, requestLost: 0.1, late: 0.1 };
        check(simulate(seed, { ...shape, faults, writers: 3, calls: 4, triesMax: 1, dedupe }));
      }),
      { numRuns: 500 },
    );
  });

  it('keeps the order of one writer', () => {
    fc.assert(
      fc.property(fc.nat(), shapes, (seed, shape) => {
        const options = { ...shape, faults: STORM, writers: 3, calls: 4, triesMax: 50 };
        const { world, calls } = simulate(seed, options);
        const order = readSegments(world.objects(), KEY).flatMap(({ records }) =>
          records.map(({ id }) => id),
        );
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
    const writer = new LogWriter(world);
    const asked = ['m0', 'm1', 'm2'].map((id) => {
      const before = world.asked.length;
      writer.append([named(id)]);
      return world.asked.slice(before).map(({ ask }) => ask);
    });
    expect(asked).toEqual([['tail', 'append'], ['append'], ['append']]);
  });

  it('answers a repeat with where the record is, and appends nothing', () => {
    const world = new World(CALM, dice(1));
    const [one, other] = [new LogWriter(world, { writer: 'w1' }), new LogWriter(world, { writer: 'w2' })];
    const receipts = [
      one.append([named('a'), named('b')]),
      other.append([named('b'), named('c'), named('b')]),
      other.append([named('c')]),
    ];
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

describe('an append whose answer was lost', () => {
  it('is looked at by itself, also after a longer one that did not land', () => {
    const world = new World(CALM, dice(1));
    const dedupe = { records: 1, ageMs: null };
    const others = new LogWriter(world, { writer: 'o', dedupe });
    others.append([named('first')]);
    let attempts = 0;
    // The first does not arrive, and meanwhile its long record comes by another way, under the same id and shorter. The
    // second lands, and others after it, all of them where the first would have been.
    const fault: Meddling = {
      before: ({ ask }) => {
        if (ask !== 'append' || attempts++ > 0) return null;
        others.append([named('long')]);
        return LOST;
      },
      after: ({ ask }, reply) => {
        if (ask !== 'append' || reply.kind !== 'appended' || attempts > 3) return reply;
        for (const id of ['x', 'y', 'z']) others.append([named(id)]);
        return LOST;
      },
    };
    const writer = new LogWriter(world, { writer: 'w', dedupe });
    const long = named('long', 's', JSON.stringify('x'.repeat(10_000)));
    const receipts = writer.append([long, named('short')], fault);
    expect(attempts).toBeGreaterThan(2);
    expect(receipts.map(({ id, repeat }) => [id, repeat])).toEqual([
      ['long', true],
      ['short', false],
    ]);
    const found = readSegments(world.objects(), KEY).flatMap(({ records }) => records.map(({ id }) => id));
    expect(found).toEqual(['first', 'long', 'short', 'x', 'y', 'z']);
  });
});

describe('a record given twice in one call', () => {
  it('is appended once, as it was given first', () => {
    const world = new World(CALM, dice(1));
    const twice: LogRecord[] = [named('a'), { ...named('a'), line: jsonLine('2') }];
    new LogWriter(world).append(twice);
    expect(
      readSegments(world.objects(), KEY).flatMap(({ records }) => records.map(({ line }) => line)),
    ).toEqual(['{"id":"a"}']);
  });
});

/** Feeds a plan fixed replies and gives what it ends with. */
function outcome(
  ids: readonly string[],
  replies: readonly Reply[],
  ifPosition: number | null = null,
): unknown {
  const steps = appendLog(
    ids.map((id) => named(id)),
    logOptions({ ifPosition: ifPosition === null ? null : position(ifPosition) }),
  );
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
    const error = outcome(['a'], [nothing, LOST, resumed, denied]);
    expect(error).toBeInstanceOf(OutcomeUnknown);
    expect(error).toMatchObject({ fate: 'unknown', httpStatus: 504 });
  });

  it('NotAppended, not in, once other bytes stand where an unclear attempt would be', () => {
    const others: Reply = {
      kind: 'bytes',
      read: { bytes: Buffer.from('x\n'), start: 0, length: 2, crc64: null, type: null },
    };
    const stop: Reply = { kind: 'stop', reason: 'time' };
    const error = outcome(['a'], [nothing, LOST, resumed, { kind: 'conflict', length: 2 }, others, stop]);
    expect(error).toBeInstanceOf(NotAppended);
    expect(error).toMatchObject({ fate: 'not-in', httpStatus: 503 });
  });

  it('OutcomeUnknown if the log shrank under an unclear attempt', () => {
    const tail: Reply = {
      kind: 'bytes',
      read: { bytes: Buffer.from('x\n'), start: 0, length: 2, crc64: null, type: null },
    };
    expect(outcome(['a'], [tail, LOST, resumed, { kind: 'conflict', length: 0 }])).toBeInstanceOf(
      OutcomeUnknown,
    );
  });

  it('OutcomeUnknown if the checksum says that the bytes before were others', () => {
    const steps = appendLog([named('a')], logOptions());
    steps.next();
    const ask = steps.next(nothing).value as { body: Uint8Array };
    expect(() => steps.next({ kind: 'appended', nextPosition: ask.body.length, crc64: 1n })).toThrow(
      OutcomeUnknown,
    );
  });

  it('PositionMismatch with the length if the asked position is not it', () => {
    const tail: Reply = {
      kind: 'bytes',
      read: { bytes: Buffer.from('x\n'), start: 0, length: 2, crc64: null, type: null },
    };
    const error = outcome(['a'], [tail, { kind: 'info', info: { length: 2, crc64: null } }], 7);
    expect(error).toBeInstanceOf(PositionMismatch);
    expect(error).toMatchObject({ length: 2, fate: 'not-in' });
  });

  it('never with the payload in it', () => {
    for (const replies of [
      [nothing, denied],
      [nothing, LOST, resumed, denied],
    ]) {
      const error = outcome(['s3cr3t'], replies);
      expect(JSON.stringify(error) + String(error)).not.toContain('s3cr3t');
    }
  });
});
