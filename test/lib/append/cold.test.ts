/**
 * A writer that knows nothing of a log comes to know what a writer knows that saw all of it (PROTOCOL.md §4.1), with few
 * requests and little to read.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ColdStart, cold } from '../../../lib/append/cold.ts';
import { LogFold } from '../../../lib/append/fold.ts';
import { type Ask, type Reply, Tries } from '../../../lib/append/plan.ts';
import { segmentKey } from '../../../lib/append/segment.ts';
import type { DedupeWindow, LogRecord } from '../../../lib/append/types.ts';
import { AT_MS, driven, findIn, LogWriter, logOptions, meddled, named, numbered, range } from './logs.ts';
import { readSegments } from './reference.ts';
import { CALM, dice, KEY, World } from './world.ts';

const WRITERS = 3;
/** More records than a history has. */
const WIDE = 1000;
const NO_COMMIT =
  '"writer":"x","turn":{"roundTripMs":20,"more":0},"start":0,"records":1,"bytes":9,"crc64":"1"';

type Step =
  /** One writer appends so many new records, and a repeat. */
  | { readonly writer: number; readonly count: number; readonly kind: Kind; readonly laterMs: number }
  /** Somebody else appends bytes to the last object, or puts them where the next will be. */
  | { readonly bytes: string; readonly next?: boolean }
  /** Somebody else appends a line of the last object again: the one at this part of it. */
  | { readonly copy: number };
type Kind = 'named' | 'other' | 'offsets' | 'producer';

const foreign = fc.constantFrom(
  '\n',
  'torn',
  '{"order":1}\n',
  '{"$commit":{"v":1}}\n',
  '{"$commit":{"v":1,"state":{},"checkpoint":3}}\n',
  `{"$commit":{"v":1,"at":"2023-11-14T22:13:20.000Z",${NO_COMMIT},"sources":[{"source":"s","ids":["0"],"ageMs":[0]}],"checkpoint":0}}\n`,
  'x"checkpoint":0}}\n',
  'x"checkpoint":70}}\n',
  'x"checkpoint":999999}}\n',
  'x"closes":true,"checkpoint":0}}\n',
  'x"closes":true,"checkpoint":10}}\ny',
  `${'long'.repeat(300)}`,
  `${'line\n'.repeat(200)}`,
);
const append = fc.record({
  writer: fc.nat(WRITERS - 1),
  count: fc.integer({ min: 1, max: 6 }),
  kind: fc.constantFrom<Kind>('named', 'named', 'other', 'offsets', 'producer'),
  laterMs: fc.integer({ min: -5, max: 60 }),
});
const histories = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: append },
    { weight: 1, arbitrary: foreign.map((bytes) => ({ bytes })) },
    { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }).map((copy) => ({ copy })) },
  ),
  { minLength: 1, maxLength: 30 },
);
const shapes = fc.record({
  coldBytesMax: fc.constantFrom(1, 700, 3000, 1e6),
  tailBytes: fc.constantFrom(1, 50, 300, 2000, 1e6),
  segmentBytesMax: fc.constantFrom(1, 1500, 4000, 1e9),
  dedupe: fc.constantFrom<DedupeWindow>(
    { records: 1, ageMs: null },
    { records: 7, ageMs: null },
    { records: WIDE, ageMs: 100 },
    { records: WIDE, ageMs: null },
  ),
});

interface History {
  readonly world: World;
  readonly shape: ColdStart;
  readonly used: readonly LogRecord[];
}

/** Lets the writers do the steps, each knowing what it knew after its last. */
function happen(steps: readonly Step[], shape: Parameters<typeof logOptions>[0]): History {
  const world = new World(CALM, dice(1));
  const writers = range(0, WRITERS).map((n) => new LogWriter(world, { ...shape, writer: `w${n}` }));
  const wide = (shape?.dedupe?.records ?? WIDE) >= WIDE;
  const used: LogRecord[] = [];
  let atMs = AT_MS;
  let next = 0;
  const counters = { offsets: 0, producer: 0 };
  const recordOf = (kind: Kind): LogRecord => {
    if (kind === 'offsets') return numbered('o', counters.offsets++);
    if (kind === 'producer') return numbered('p', counters.producer++, 1);
    return named(`${next++}`, kind === 'named' ? 's' : 't');
  };
  const last = () => [...world.objects().keys()].at(-1) ?? KEY;
  for (const step of steps) {
    if ('bytes' in step) world.write(last(), Buffer.from(step.bytes));
    else if ('copy' in step) {
      const lines = world.object(last()).toString('latin1').split('\n');
      const line = lines[Math.floor(step.copy * lines.length)] ?? '';
      world.write(last(), Buffer.from(`${line}\n`, 'latin1'));
    } else {
      atMs += step.laterMs;
      // Kafka's offsets have gaps. In a narrow window they would push out ranges whose places a warm writer still has.
      if (step.kind === 'offsets' && wide) counters.offsets += step.count % 3;
      const fresh = range(0, step.count).map(() => recordOf(step.kind));
      const repeat = used.at(-1);
      writers[step.writer]?.append(repeat === undefined ? fresh : [repeat, ...fresh], { atMs });
      used.push(...fresh);
    }
  }
  return { world, shape: logOptions(shape).log, used };
}

/** The fold of a writer that saw all of the bytes, from the first on. */
function warmOf({ world, shape }: History): LogFold {
  let fold = LogFold.empty(shape);
  for (;;) {
    fold.push(world.object(segmentKey(KEY, fold.segment)));
    if (!fold.closed) return fold;
    fold = fold.next();
    if (!world.objects().has(segmentKey(KEY, fold.segment))) return fold;
  }
}

/** The fold of a writer that begins now, and what it asked for. */
function coldOf({ world, shape }: Pick<History, 'world' | 'shape'>, from?: number) {
  const [asked, read] = [world.asked.length, world.bytesRead];
  const found = driven(world, cold(new Tries(KEY), shape, from));
  const fold = found.closed ? found.next() : found;
  return { fold, asks: world.asked.slice(asked), bytes: world.bytesRead - read };
}

/** What a fold says of records, as far as a checkpoint keeps it: not who wrote them, and not where numbers are. */
const told = (fold: LogFold, records: readonly LogRecord[]) =>
  records.map((record) => {
    const finding = findIn(fold, record);
    if (finding.verdict !== 'in') return finding;
    if (record.numbered !== undefined || finding.place === null) return { verdict: 'in' };
    const { writer: _, ...place } = finding.place;
    return { verdict: 'in', place };
  });

const QUESTIONS = [
  named('never'),
  numbered('o', 1e6),
  numbered('p', 1e6, 1),
  numbered('p', 0, 0),
  numbered('p', 0, 2),
  numbered('nobody', 0, 0),
];

function expectSame(history: History): void {
  const warm = warmOf(history);
  const { fold } = coldOf(history);
  const records = [...history.used, ...QUESTIONS];
  expect(told(fold, records)).toEqual(told(warm, records));
  expect([fold.segment, fold.end, fold.endsLine]).toEqual([warm.segment, warm.end, warm.endsLine]);
  expect(fold.agreesWith(0n)).toBe(warm.agreesWith(0n));
}

describe('a cold writer', () => {
  it('knows what a writer knows that saw everything', () => {
    fc.assert(
      fc.property(histories, shapes, (steps, shape) => {
        const history = happen(steps, shape);
        expectSame(history);
      }),
      { numRuns: 1500 },
    );
  });

  it('knows of every record of a wide window where the reference reader finds it', () => {
    fc.assert(
      fc.property(histories, shapes, (steps, shape) => {
        const history = happen(steps, { ...shape, dedupe: { records: WIDE, ageMs: null } });
        const { fold } = coldOf(history);
        const commits = readSegments(history.world.objects(), KEY);
        const places = commits.flatMap(({ object, start, end, records }) =>
          records.map(({ source, id }, record) => ({ source, id, object, start, end, record })),
        );
        // Every one once.
        expect(places.map(({ source, id }) => [source, id])).toEqual(
          history.used.map(({ source, id }) => [source, id]),
        );
        for (const { source, id, object, start, end, record } of places) {
          if (source === 'o' || source === 'p') continue;
          const finding = findIn(fold, named(id, source));
          const place = 'place' in finding ? finding.place : null;
          expect(place).toMatchObject({ start, end, record });
          expect(segmentKey(KEY, place?.segment ?? -1)).toBe(object);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('makes two requests at most, and reads no more of a segment than it should', () => {
    fc.assert(
      fc.property(fc.array(append, { minLength: 1, maxLength: 40 }), shapes, (steps, shape) => {
        // A tail as long as what ends a line: a shorter one does not say where the checkpoint is.
        const tailBytes = Math.max(64, shape.tailBytes);
        const history = happen(steps, { ...shape, tailBytes, segmentBytesMax: 1e9 });
        const { world } = history;
        const { asks, bytes } = coldOf(history);
        expect(asks.map(({ ask }) => ask)).toEqual(asks.length === 1 ? ['tail'] : ['tail', 'read']);
        const lines = world.object().toString('latin1').split('\n');
        const checkpoint = lines.findLast((line) => line.includes('"state"'))?.length ?? 0;
        // Beyond the tail it reads from the last checkpoint on, and never a byte twice.
        const most = Math.max(shape.coldBytesMax, 2 * (checkpoint + 1), tailBytes);
        expect(bytes).toBeLessThanOrEqual(Math.min(most, world.object().length));
      }),
      { numRuns: 500 },
    );
  });

  it('reads little of an append that is larger than that, and knows its records', () => {
    const world = new World(CALM, dice(1));
    const shape = { coldBytesMax: 100_000, tailBytes: 4096 };
    const writer = new LogWriter(world, shape);
    const large = range(0, 40).map((n) => named(`l${n}`, 's', JSON.stringify('x'.repeat(50_000))));
    for (const records of [[named('a')], large, [named('b')], large.map(({ id }) => named(`${id}'`))])
      writer.append(records);
    const history = { world, shape: logOptions(shape).log, used: [named('a'), ...large, named('b')] };
    const { asks, bytes } = coldOf(history);
    expect(asks.length).toBeLessThanOrEqual(2);
    expect(bytes).toBeLessThan(shape.coldBytesMax);
    expectSame(history);
  });

  it('knows who commits and in whose turn, from a checkpoint', () => {
    const world = new World(CALM, dice(1));
    const shape = { coldBytesMax: 1, tailBytes: 64 };
    const writers = range(0, 70).map((n) => new LogWriter(world, { ...shape, writer: `w${n}` }));
    for (const [n, writer] of writers.entries()) writer.append([named(`${n}`)], { atMs: AT_MS + n * 20 });
    const activity = writers.at(-1)?.fold?.activity ?? [];
    const { fold } = coldOf({ world, shape: logOptions(shape).log });
    expect(fold.activity.length).toBeGreaterThanOrEqual(64);
    expect(fold.activity).toEqual(activity.slice(-fold.activity.length));
  });

  it('asks again if what it read was damaged on the way', () => {
    const world = new World(CALM, dice(1));
    const shape = { coldBytesMax: 1, tailBytes: 64 };
    const writer = new LogWriter(world, shape);
    for (const n of range(0, 20)) writer.append([named(`${n}`)]);
    for (const damaged of ['tail', 'read']) {
      let times = 0;
      const after = ({ ask }: Ask, reply: Reply): Reply => {
        if (ask !== damaged || reply.kind !== 'bytes' || reply.read === null || times++ > 0) return reply;
        const bytes = Buffer.from(reply.read.bytes);
        // One character of a digest.
        const at = Math.max(0, bytes.indexOf('"digests":"')) + 20;
        bytes.writeUInt8(bytes.readUInt8(at) === 0x41 ? 0x42 : 0x41, at);
        return { ...reply, read: { ...reply.read, bytes } };
      };
      const fold = driven(world, meddled(cold(new Tries(KEY), logOptions(shape).log), { after }));
      expect(times).toBeGreaterThan(0);
      const records = range(0, 20).map((n) => named(`${n}`));
      expect(records.map((record) => findIn(fold, record).verdict)).toEqual(records.map(() => 'in'));
    }
  });

  it('finds a pointer that its tail cut, and reads no more for it than one piece', () => {
    const world = new World(CALM, dice(1));
    const writer = new LogWriter(world, { coldBytesMax: 1 });
    writer.append([named('0')]);
    // The piece before the tail ends with the one line that points to its own start.
    writer.append([named('1', 's', JSON.stringify('x'.repeat(5_000_000)))]);
    const { fold, bytes, asks } = coldOf({ world, shape: logOptions({ tailBytes: 10 }).log });
    expect(asks.map(({ ask }) => ask)).toEqual(['tail', 'read']);
    expect(bytes).toBeLessThan(4_500_000);
    expect(findIn(fold, named('0')).verdict).toBe('in');
  });

  it('of nothing makes one request', () => {
    const { fold, asks } = coldOf({ world: new World(CALM, dice(1)), shape: logOptions().log });
    expect(asks.map(({ ask }) => ask)).toEqual(['tail']);
    expect([fold.segment, fold.end]).toEqual([0, 0]);
  });
});

describe('a cold writer of a log that others appended to', () => {
  const MIB = 1024 * 1024;

  /** The fold of a log whose one commit is followed by so many bytes, and what was read for it. */
  function behind(foreignBytes: number) {
    const world = new World(CALM, dice(1));
    new LogWriter(world).append([named('a')]);
    world.write(KEY, Buffer.alloc(foreignBytes, '-'));
    const { fold, bytes } = coldOf({ world, shape: logOptions().log });
    return { world, fold, bytes };
  }

  it('knows what is before 9 MB of them, and reads each byte once', () => {
    const { world, fold, bytes } = behind(9_000_000);
    expect(findIn(fold, named('a')).verdict).toBe('in');
    expect(bytes).toBe(world.object().length);
  });

  it('goes on without what is before more of them than are looked through, with a checkpoint', () => {
    const { world, fold, bytes } = behind(104 * MIB);
    expect(bytes).toBeLessThan(101 * MIB);
    expect(findIn(fold, named('a')).verdict).toBe('new');
    expect([fold.end, fold.endsLine, fold.closed]).toEqual([world.object().length, false, false]);
    const writer = new LogWriter(world);
    writer.fold = fold;
    writer.append([named('b')]);
    expect(writer.fold.checkpoint).toBeGreaterThan(104 * MIB);
    const next = coldOf({ world, shape: logOptions().log });
    expect(next.asks.map(({ ask }) => ask)).toEqual(['tail']);
    expect(findIn(next.fold, named('b')).verdict).toBe('in');
  });
});

describe('a cold writer of a log of several segments', () => {
  it('finds the last of any number, from any, in few requests', () => {
    const world = new World(CALM, dice(1));
    const shape = { segmentBytesMax: 1 };
    const writer = new LogWriter(world, shape);
    for (const last of range(0, 40)) {
      writer.append([named(`${last}`)]);
      // As a call would be made by then: the next segment has been begun, and not ended.
      const open = new World(CALM, dice(1));
      for (const [key, bytes] of world.objects()) open.write(key, bytes);
      new LogWriter(open, { segmentBytesMax: 1e9 }).append([named('open')]);
      for (const from of [0, Math.floor(last / 2), last]) {
        const { fold, asks } = coldOf({ world: open, shape: logOptions(shape).log }, from);
        expect(fold.segment).toBe(last + 1);
        const heads = asks.filter(({ ask }) => ask === 'head').length;
        expect(heads).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(last - from + 2)) + 1);
        expect(asks.filter(({ ask }) => ask !== 'head').length).toBeLessThanOrEqual(3);
        expect(told(fold, [named('0'), named('open')]).map(({ verdict }) => verdict)).toEqual(['in', 'in']);
      }
    }
  });

  it('is not asked for where the log is expected to be new: one request, if it is', () => {
    const world = new World(CALM, dice(1));
    const fresh = () => new LogWriter(world, { expectsNew: true });
    expect(fresh().append([named('a')])).toMatchObject([{ start: 0, repeat: false }]);
    expect(world.asked.map(({ ask }) => ask)).toEqual(['append']);
    // If not, what is there is read, and known as ever.
    expect(fresh().append([named('a'), named('b')])).toMatchObject([
      { start: 0, repeat: true },
      { repeat: false },
    ]);
    expect(world.asked.map(({ ask }) => ask)).toEqual(['append', 'append', 'read', 'append']);
  });

  it('starts at the first if the one that it knew is gone', () => {
    const world = new World(CALM, dice(1));
    const shape = { segmentBytesMax: 1 };
    const writer = new LogWriter(world, shape);
    for (const id of ['a', 'b', 'c']) writer.append([named(id)]);
    const { fold } = coldOf({ world, shape: logOptions(shape).log }, 9);
    expect(fold.segment).toBe(3);
    expect(findIn(fold, named('a')).verdict).toBe('in');
  });

  it('sees through bytes of others after the end of a segment and before the next begins', () => {
    for (const after of ['', 'torn', 'line\n'.repeat(1000)])
      for (const before of ['torn', 'x"checkpoint":0}}\n', 'line\n'.repeat(1000)]) {
        const world = new World(CALM, dice(1));
        const shape = { segmentBytesMax: 1, tailBytes: 300, coldBytesMax: 1000 };
        new LogWriter(world, shape).append([named('a'), numbered('p', 0, 1)]);
        world.write(KEY, Buffer.from(after));
        world.write(segmentKey(KEY, 1), Buffer.from(before));
        const history = { world, shape: logOptions(shape).log, used: [named('a'), numbered('p', 0, 1)] };
        expectSame(history);
        new LogWriter(world, shape).append([named('a'), named('b'), numbered('p', 1, 1)]);
        expect(
          readSegments(world.objects(), KEY).map(({ object, records }) => [object, records.length]),
        ).toEqual([
          [KEY, 2],
          [segmentKey(KEY, 1), 2],
        ]);
      }
  });
});
