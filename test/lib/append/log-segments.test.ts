/** Logs of several objects (PROTOCOL.md §3.5). */
import { describe, expect, it } from 'vitest';
import { PositionMismatch, SequenceGap } from '../../../lib/append/errors.ts';
import { segmentKey } from '../../../lib/append/segment.ts';
import { position } from '../../../lib/append/types.ts';
import { LOST, LogWriter, named, numbered, range } from './logs.ts';
import { readSegments } from './reference.ts';
import { CALM, dice, KEY, World } from './world.ts';

const newWorld = () => new World(CALM, dice(1));
/** Ids of all records, by object. */
const contents = (world: World) =>
  readSegments(world.objects(), KEY).map(({ object, records }) => [
    object,
    records.map(({ id }) => id).join(' '),
  ]);
const askedOf = (world: World, call: () => void) => {
  const before = world.asked.length;
  call();
  return world.asked.slice(before).map(({ ask, key }) => `${ask} ${key}`);
};
/** Every append ends a segment, or none does. */
const EACH = { segmentBytesMax: 1 };
const NONE = { segmentBytesMax: 1e9 };

describe('the key of a segment', () => {
  it.each([
    ['events/20.ndjson', 0, 'events/20.ndjson'],
    ['events/20.ndjson', 1, 'events/20~00001.ndjson'],
    ['events/20.tar.gz', 12, 'events/20.tar~00012.gz'],
    ['v1.2/events', 3, 'v1.2/events~00003'],
    ['logs/.hidden', 1, 'logs/.hidden~00001'],
    ['plain', 99_999, 'plain~99999'],
    ['plain', 100_000, 'plain~100000'],
  ])('of %s, %i, is %s', (key, segment, expected) => {
    expect(segmentKey(key, segment)).toBe(expected);
  });
});

describe('a log of several segments', () => {
  it('is begun and gone on with by a warm writer with one request an append', () => {
    const world = newWorld();
    const writer = new LogWriter(world, EACH);
    const receipts = ['a', 'b'].map((id) => writer.append([named(id)])[0]);
    const asked = askedOf(world, () => {
      receipts.push(writer.append([named('c')], NONE)[0], writer.append([named('d')], NONE)[0]);
    });
    expect(asked).toEqual(['append k~00002', 'append k~00002']);
    expect(contents(world)).toEqual([
      ['k', 'a'],
      ['k~00001', 'b'],
      ['k~00002', 'c'],
      ['k~00002', 'd'],
    ]);
    expect(receipts.map((receipt) => [receipt?.object, receipt?.start])).toEqual([
      ['k', 0],
      ['k~00001', 0],
      ['k~00002', 0],
      ['k~00002', receipts[2] && world.object('k~00002').indexOf('{"id":"d"}')],
    ]);
  });

  it('has all that is known at the start of each segment, so that the ones before are not read', () => {
    const world = newWorld();
    const writer = new LogWriter(world, EACH);
    for (const n of range(0, 4)) writer.append([named(`${n}`), numbered('p', n, 0)]);
    writer.append([named('last')], NONE);
    const asked = askedOf(world, () => {
      const cold = new LogWriter(world);
      const receipts = cold.append([named('1'), numbered('p', 2, 0), numbered('p', 4, 0)]);
      expect(receipts.map(({ object, start, repeat }) => [object, start, repeat])).toEqual([
        ['k~00001', 0, true],
        ['k', null, true],
        ['k~00004', receipts[2]?.start, false],
      ]);
    });
    expect(asked.filter((ask) => !ask.startsWith('head'))).toEqual([
      'tail k',
      'tail k~00004',
      'append k~00004',
    ]);
  });

  it.each([1, 2, 5])('is caught up with by a writer that is %i segments behind', (segments) => {
    const world = newWorld();
    const [behind, other] = [new LogWriter(world, EACH), new LogWriter(world, { ...EACH, writer: 'o' })];
    behind.append([named('first')], NONE);
    for (const n of range(0, segments)) other.append([named(`${n}`)]);
    const receipts = behind.append([named('0'), named('mine'), named('first')]);
    expect(receipts.map(({ object, repeat }) => [object, repeat])).toEqual([
      ['k', true],
      [segmentKey(KEY, segments), false],
      ['k', true],
    ]);
    expect(contents(world).map(([, ids]) => ids)).toEqual([
      'first',
      ...range(0, segments).map(String),
      'mine',
    ]);
  });

  it('is begun by one of two writers that begin it, and the other comes after', () => {
    const world = newWorld();
    const writers = ['w', 'o'].map((writer) => new LogWriter(world, { ...NONE, writer }));
    writers[0]?.append([named('0')]);
    writers[1]?.append([named('1')], EACH);
    // Both know that the first is closed.
    writers[0]?.append([named('1')]);
    writers[0]?.append([named('a')]);
    const asked = askedOf(world, () => writers[1]?.append([named('b'), named('a')]));
    expect(asked).toEqual(['append k~00001', 'read k~00001', 'append k~00001']);
    expect(contents(world).slice(2)).toEqual([
      ['k~00001', 'a'],
      ['k~00001', 'b'],
    ]);
    expect(
      world
        .object('k~00001')
        .toString()
        .match(/"state"/g),
    ).toHaveLength(1);
  });

  it('is closed once by an append whose answer was lost', () => {
    const world = newWorld();
    const writer = new LogWriter(world, EACH);
    let appends = 0;
    const receipts = writer.append([named('a')], {
      after: ({ ask }, reply) => (ask === 'append' && appends++ === 0 ? LOST : reply),
    });
    expect(receipts.map(({ object, repeat }) => [object, repeat])).toEqual([['k', false]]);
    writer.append([named('b')]);
    expect(contents(world)).toEqual([
      ['k', 'a'],
      ['k~00001', 'b'],
    ]);
  });

  it('lets a producer go on that a writer several segments behind would refuse', () => {
    const world = newWorld();
    const [behind, other] = [new LogWriter(world, NONE), new LogWriter(world, { ...EACH, writer: 'o' })];
    behind.append([numbered('p', 0, 1)]);
    for (const n of range(1, 6)) other.append([numbered('p', n, 1)]);
    expect(behind.append([numbered('p', 6, 1)])[0]?.object).toBe('k~00005');
    const call = () => behind.append([numbered('p', 9, 1)]);
    expect(call).toThrow(SequenceGap);
  });
});

describe('a position of the caller at the end of a segment', () => {
  const at = (n: number) => ({ ifPosition: position(n) });
  const mismatch = (call: () => unknown): number => {
    try {
      call();
    } catch (error) {
      if (error instanceof PositionMismatch) return error.length;
      throw error;
    }
    throw new Error('it was appended');
  };

  /** A log whose first segment is closed and whose second is as long as it says, and writers that know more or less. */
  function world() {
    const made = newWorld();
    const other = new LogWriter(made, { ...NONE, writer: 'o' });
    const stale = new LogWriter(made, NONE);
    stale.append([named('a')]);
    other.append([named('b')], EACH);
    const closed = new LogWriter(made, NONE);
    closed.append([named('b')]);
    return { made, other, stale, closed, cold: new LogWriter(made, NONE) };
  }

  // A call that fails leaves its writer cold, so each has a world of its own.
  it.each(['stale', 'closed', 'cold'] as const)('is 0 in the next, for a %s writer', (which) => {
    const { made, [which]: writer } = world();
    writer.append([named('c')], at(0));
    expect(contents(made).at(-1)).toEqual(['k~00001', 'c']);
    const { made: unchanged, [which]: mistaken } = world();
    expect(mismatch(() => mistaken.append([named('c')], at(made.object(KEY).length + 1)))).toBe(0);
    expect(unchanged.object('k~00001')).toHaveLength(0);
  });

  // It is what the receipt of the last append told.
  it.each(['stale', 'closed', 'cold'] as const)(
    'is the end of the closed one, too, for a %s writer',
    (which) => {
      const { made, [which]: writer } = world();
      writer.append([named('c')], at(made.object(KEY).length));
      expect(contents(made).at(-1)).toEqual(['k~00001', 'c']);
    },
  );

  it.each(['warm', 'cold'])(
    'is where the commit line ends, though a checkpoint follows, for a %s writer',
    (which) => {
      const begun = () => {
        const made = newWorld();
        const first = new LogWriter(made, { ...NONE, coldBytesMax: 1 });
        const end = first.append([named('a')])[0]?.end ?? 0;
        expect(end).toBeLessThan(made.object(KEY).length);
        return { made, end, writer: which === 'warm' ? first : new LogWriter(made, NONE) };
      };
      const { made, end, writer } = begun();
      writer.append([named('b')], at(end));
      expect(contents(made).at(-1)).toEqual([KEY, 'b']);
      const other = begun();
      other.made.write(KEY, Buffer.from('stray'));
      expect(mismatch(() => other.writer.append([named('b')], at(end)))).toBe(other.made.object(KEY).length);
    },
  );

  it.each(['stale', 'closed', 'cold'] as const)('is that of the last, for a %s writer', (which) => {
    const begun = () => {
      const { other, made, [which]: writer } = world();
      other.append([named('c')]);
      return { made, writer };
    };
    const { made, writer } = begun();
    const { length } = made.object('k~00001');
    writer.append([named('d')], at(length));
    expect(contents(made).at(-1)).toEqual(['k~00001', 'd']);
    for (const wrong of [0, length + 1, made.object(KEY).length]) {
      const { made: unchanged, writer: mistaken } = begun();
      expect(mismatch(() => mistaken.append([named('d')], at(wrong)))).toBe(length);
      expect(unchanged.object('k~00001')).toHaveLength(length);
    }
  });

  it('is not that of a segment that was the last and had it once', () => {
    const { made, other, stale } = world();
    const known = stale.fold?.end ?? 0;
    // The next segment is as long as the first was when the writer saw it.
    made.write('k~00001', Buffer.alloc(known, 'x'));
    expect(stale.append([named('c')], at(known))[0]).toMatchObject({ object: 'k~00001', start: known });
    other.append([named('c')]);
    expect(contents(made).filter(([, ids]) => ids === 'c')).toHaveLength(1);
  });

  it('does not matter to what is in already, whatever the segment', () => {
    const { made, stale, closed, cold } = world();
    for (const writer of [stale, closed, cold])
      expect(writer.append([named('a')], at(7))[0]).toMatchObject({ object: KEY, start: 0, repeat: true });
    expect(contents(made)).toHaveLength(2);
  });
});
