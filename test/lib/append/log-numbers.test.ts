/** Records that their sources number (PROTOCOL.md §3.4). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppendError, ProducerFenced, SequenceGap } from '../../../lib/append/errors.ts';
import type { LogFold } from '../../../lib/append/fold.ts';
import type { LogRecord, RecordReceipt } from '../../../lib/append/types.ts';
import { LOST, LogWriter, logOptions, named, numbered, range, untilIn } from './logs.ts';
import { readSegments } from './reference.ts';
import { Actor, CALM, dice, type Faults, KEY, World } from './world.ts';

const newWorld = () => new World(CALM, dice(1));
const contents = (world: World) =>
  readSegments(world.objects(), KEY).map(({ records }) =>
    records.map(({ source, epoch, id }) => `${source}${epoch ?? ''}/${id}`).join(' '),
  );
const asksOf = (world: World, call: () => void) => {
  const before = world.asked.length;
  call();
  return world.asked.slice(before).map(({ ask }) => ask);
};
function errorOf(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('it did not throw');
}

/** Two writers of one log, both of which know it as it is. */
function two(...calls: readonly LogRecord[][]) {
  const world = newWorld();
  const [one, other] = [new LogWriter(world, { writer: 'w' }), new LogWriter(world, { writer: 'o' })];
  for (const records of calls) one.append(records);
  other.append([named('of other')]);
  one.append([named('of one')]);
  other.append([named('of one')]);
  other.append([named('last')]);
  one.append([named('last')]);
  return { world, one, other };
}

describe('a producer', () => {
  it('puts each number in once, and is told where only as long as the log knows', () => {
    const { world, one } = two([numbered('p', 5, 1), numbered('p', 6, 1)]);
    const known = one.append([numbered('p', 5, 1), numbered('p', 6, 1), numbered('p', 7, 1)]);
    const [, , third] = known;
    expect(known.map(({ start, record, repeat }) => [start, record, repeat])).toEqual([
      [0, 0, true],
      [0, 1, true],
      [third?.start, 0, false],
    ]);
    expect(new LogWriter(world).append([numbered('p', 6, 1)])).toEqual([
      { object: KEY, start: null, end: null, id: '6', source: 'p', record: null, repeat: true },
    ]);
    expect(contents(world).filter((ids) => ids.startsWith('p'))).toEqual(['p1/5 p1/6', 'p1/7']);
  });

  it('is fenced by a later epoch, known or not, and nothing of its call is appended', () => {
    const { world, one, other } = two([numbered('p', 0, 1)]);
    other.append([numbered('p', 0, 2)]);
    const { length } = world.object();
    const call = () => one.append([named('with it'), numbered('p', 1, 1)]);
    for (const error of [errorOf(call), errorOf(call)]) {
      expect(error).toBeInstanceOf(ProducerFenced);
      expect(error).toMatchObject({ code: 'ProducerFenced', fate: 'not-in', epoch: 2, httpStatus: 403 });
    }
    expect(world.object()).toHaveLength(length);
  });

  it('is not fenced by what was in an object that is no more', () => {
    const { world, one, other } = two([numbered('p', 0, 9)]);
    world.delete(KEY);
    other.append([numbered('p', 0, 1)]);
    // Nor is a record that was only there taken for one that is in.
    const receipts = one.append([named('of one'), numbered('p', 1, 1)]);
    expect(receipts.map(({ repeat }) => repeat)).toEqual([false, false]);
    expect(contents(world)).toEqual(['p1/0', 's/of one p1/1']);
  });

  it('may come by any writer: what is new is read before a number is refused', () => {
    const { world, one, other } = two([numbered('p', 0, 1)]);
    other.append([numbered('p', 1, 1)]);
    const asked = asksOf(world, () => one.append([numbered('p', 2, 1)]));
    expect(asked).toEqual(['read', 'append']);
    other.append([numbered('p', 2, 1), numbered('p', 3, 1)]);
    expect(one.append([numbered('p', 3, 1)])[0]).toMatchObject({ repeat: true });
    expect(contents(world).filter((ids) => ids.startsWith('p'))).toEqual(['p1/0', 'p1/1', 'p1/2', 'p1/3']);
  });

  it('is refused a number that is not the next, after one look, and nothing of its call is appended', () => {
    const { world, one } = two([numbered('p', 5, 1)]);
    const { length } = world.object();
    for (const number of [4, 7]) {
      let error: unknown;
      const call = () => one.append([named('with it'), numbered('p', number, 1)]);
      const asked = asksOf(world, () => {
        error = errorOf(call);
      });
      expect(asked).toEqual([number === 4 ? 'read' : 'tail']); // after an error, it starts cold
      expect(error).toBeInstanceOf(SequenceGap);
      expect(error).toMatchObject({ fate: 'not-in', httpStatus: 409, expected: 6, received: number });
    }
    expect(world.object()).toHaveLength(length);
  });

  it('counts on within a call', () => {
    const world = newWorld();
    const writer = new LogWriter(world);
    const call = (...records: LogRecord[]) => errorOf(() => writer.append(records));
    const p = (number: number, epoch = 1) => numbered('p', number, epoch);
    expect(call(p(0), p(2))).toMatchObject({ code: 'SequenceGap', expected: 1, received: 2 });
    expect(call(p(1), p(0))).toMatchObject({ code: 'SequenceGap', expected: 2, received: 0 });
    expect(call(p(0, 2), p(1))).toMatchObject({ code: 'ProducerFenced', epoch: 2 });
    expect(world.object()).toHaveLength(0);
    const receipts = writer.append([p(0), numbered('q', 8, 3), p(1), p(0), p(0, 2), p(1, 2), p(1)]);
    expect(receipts.map(({ id, record, repeat }) => [id, record, repeat])).toEqual([
      ['0', 0, false],
      ['8', 1, false],
      ['1', 2, false],
      ['0', 0, true],
      ['0', 3, false],
      ['1', 4, false],
      ['1', 2, true],
    ]);
    expect(contents(world)).toEqual(['p1/0 q3/8 p1/1 p2/0 p2/1']);
  });

  it('has a record in once whose answer was lost, and is told so', () => {
    const { world, one, other } = two([numbered('p', 0, 1)]);
    let appends = 0;
    const receipts = one.append([numbered('p', 1, 1), numbered('p', 2, 1)], {
      after: ({ ask }, reply) => {
        if (ask !== 'append' || appends++ > 0) return reply;
        // Even if a later epoch has come by then.
        other.append([numbered('p', 0, 2)]);
        return LOST;
      },
    });
    expect(receipts.map(({ record, repeat }) => [record, repeat])).toEqual([
      [0, false],
      [1, false],
    ]);
    expect(contents(world).slice(-2)).toEqual(['p1/1 p1/2', 'p2/0']);
  });

  it('that was fenced while its answer was lost is not in if it did not land', () => {
    const { world, one, other } = two([numbered('p', 0, 1)]);
    let appends = 0;
    const before = ({ ask }: { ask: string }) => {
      if (ask !== 'append' || appends++ > 0) return null;
      other.append([numbered('p', 0, 2)]);
      return LOST;
    };
    const error = errorOf(() => one.append([numbered('p', 1, 1)], { before }));
    expect(error).toMatchObject({ code: 'ProducerFenced', fate: 'not-in' });
    expect(contents(world).at(-1)).toBe('p2/0');
  });
});

describe('offsets', () => {
  it('come in any order and with gaps, each once', () => {
    const { world, one, other } = two([numbered('o', 10), numbered('o', 11)]);
    other.append([numbered('o', 3), numbered('o', 50)]);
    const receipts = one.append([51, 4, 10, 3, 50, 9, 12, 4].map((n) => numbered('o', n)));
    expect(receipts.map(({ id, repeat }) => [id, repeat])).toEqual([
      ['51', false],
      ['4', false],
      ['10', true],
      ['3', true],
      ['50', true],
      ['9', false],
      ['12', false],
      ['4', true],
    ]);
    expect(contents(world).at(-1)).toBe('o/51 o/4 o/9 o/12');
    const again = new LogWriter(world).append([3, 4, 9, 10, 11, 12, 50, 51].map((n) => numbered('o', n)));
    expect(again.every(({ repeat }) => repeat)).toBe(true);
  });

  it('go together with names and producers in one call, in order', () => {
    const world = newWorld();
    const records = [
      named('7', 'o'),
      numbered('o', 7),
      numbered('o', 8),
      named('x'),
      named('y'),
      numbered('p', 0, 0),
      numbered('o', 9),
    ];
    const receipts = new LogWriter(world).append(records);
    expect(receipts.map(({ record, repeat }) => [record, repeat])).toEqual(
      range(0, records.length).map((n) => [n, false]),
    );
    const [commit] = readSegments(world.objects(), KEY);
    expect(commit?.records.map(({ source, id, line }) => [source, id, line])).toEqual(
      records.map(({ source, id, line }) => [source, id, Buffer.from(line).toString()]),
    );
    const again = new LogWriter(world, { writer: 'o' }).append(records);
    expect(again.map(({ record, repeat }) => [record, repeat])).toEqual(
      range(0, records.length).map((n) => [n, true]),
    );
  });
});

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
  readonly records: readonly LogRecord[];
  acknowledged: boolean;
}

/**
 * Writers that are each a producer, and take a partition's offsets of which neighbours get some both; what fails is sent
 * again by an instance that knows nothing, until it is in.
 */
function simulate(seed: number, shape: Parameters<typeof logOptions>[0], writers: number) {
  const roll = dice(seed);
  const world = new World(STORM, roll);
  const calls: Call[] = [];
  const actors = range(0, writers).map((writer) => {
    let made = 0;
    let next = 0;
    let tries = 0;
    let known: LogFold | null = null;
    let call: Call | null = null;
    return new Actor((last) => {
      if (last !== null && 'value' in last) {
        known = (last.value as { receipts: RecordReceipt[]; fold: LogFold }).fold;
        if (call !== null) call.acknowledged = true;
        call = null;
      } else if (last !== null) {
        if (!(last.error instanceof AppendError)) throw last.error;
        // Each is alone with its source, and sends its numbers in order.
        expect(last.error.code).not.toMatch(/ProducerFenced|SequenceGap/);
        known = null;
      }
      if (call === null) {
        if (made === 4) return null;
        const count = 1 + Math.floor(roll() * 3);
        const from = made++ * 3 + writer;
        const producer = range(next, next + count).map((n) => numbered(`p${writer}`, n, 7));
        next += count;
        const offsets = range(from, from + 4).map((n) => numbered('o', n));
        call = { records: roll() < 0.5 ? producer : [...offsets, ...producer], acknowledged: false };
        calls.push(call);
      }
      return untilIn(call.records, logOptions({ ...shape, known, writer: `${writer}.${tries++}` }));
    });
  });
  world.run(actors);
  return { world, calls };
}

describe('numbered records', () => {
  it('are in once and in order, whatever goes wrong', () => {
    const shapes = fc.record({
      segmentBytesMax: fc.constantFrom(1, 2000, 1e9),
      coldBytesMax: fc.constantFrom(1, 1000, 1e6),
      tailBytes: fc.constantFrom(70, 400, 64 * 1024),
    });
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 4 }), shapes, (seed, writers, shape) => {
        const { world, calls } = simulate(seed, shape, writers);
        expect(calls.every(({ acknowledged }) => acknowledged)).toBe(true);
        const found = readSegments(world.objects(), KEY).flatMap(({ records }) => records);
        const numbersOf = (source: string) =>
          found.filter((record) => record.source === source).map(({ id }) => Number(id));
        const sent = (source: string) => [
          ...new Set(
            calls.flatMap(({ records }) =>
              records.filter((record) => record.source === source).map(({ id }) => Number(id)),
            ),
          ),
        ];
        const ascending = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b);
        for (const writer of range(0, writers)) {
          const source = `p${writer}`;
          expect(numbersOf(source)).toEqual(ascending(sent(source)));
        }
        expect(ascending(numbersOf('o'))).toEqual(ascending(sent('o')));
      }),
      { numRuns: 500 },
    );
  });
});
