/** Logs that are ended, and the tombstones that stand in their place (PROTOCOL.md §3.7). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc64 } from '../../../lib/append/crc64.ts';
import { AppendRefused, PositionMismatch, ProducerFenced } from '../../../lib/append/errors.ts';
import { LogFold } from '../../../lib/append/fold.ts';
import type { Ask } from '../../../lib/append/plan.ts';
import { retireLog } from '../../../lib/append/retire.ts';
import { parseTombstone, tombstoneObject } from '../../../lib/append/tombstone.ts';
import { position } from '../../../lib/append/types.ts';
import { asked, bury, EACH, entomb, finish, JOBS, newWorld, replyTo, retire } from './ends.ts';
import { AT_MS, LIMITS, LogWriter, logOptions, named, numbered, range } from './logs.ts';
import { readLog, readSegments } from './reference.ts';
import { KEY } from './world.ts';

describe('a log that is ended', () => {
  it('has a last commit without records that closes it, with a checkpoint', () => {
    const world = newWorld();
    const writer = new LogWriter(world);
    writer.append([named('a')]);
    const { length } = world.object();
    expect(retire(world)).toBe(0);
    const commits = readLog(world.object());
    expect(commits.map(({ closes, records }) => [closes, records.length])).toEqual([
      [false, 1],
      [true, 0],
    ]);
    expect(commits[1]).toMatchObject({ start: length, writer: 'retirer', appendEnd: world.object().length });
    expect(world.object().toString().slice(length)).toMatch(
      /"records":0,"bytes":0,"crc64":"0","sources":\[\],"closes":true,"checkpoint":0\}\}\n\{"\$commit":\{"v":1,"state":.*"closes":true,"checkpoint":\d+\}\}\n$/,
    );
  });

  it('is ended once, and nothing is made where there is none', () => {
    const world = newWorld();
    expect(retire(world)).toBeNull();
    expect(world.objects().size).toBe(0);
    const writer = new LogWriter(world, EACH);
    for (const id of ['a', 'b']) writer.append([named(id)]);
    const { asked: first } = asked(world, () => expect(retire(world)).toBe(1));
    expect(first).not.toContain('append k~00001'); // it was closed by its length
    expect(new LogWriter(world).append([named('c')])).toMatchObject([{ object: 'k~00002' }]);
    expect(retire(world)).toBe(2);
    const { asked: again } = asked(world, () => expect(retire(world)).toBe(2));
    expect(again.filter((one) => one.startsWith('append'))).toEqual([]);
  });

  it('is ended on a line of its own, whatever others appended', () => {
    const world = newWorld();
    new LogWriter(world).append([named('a')]);
    world.write(KEY, Buffer.from('torn'));
    retire(world);
    expect(world.object().toString()).toMatch(/torn\n\{"\$commit":/);
    expect(readLog(world.object()).at(-1)?.closes).toBe(true);
  });

  it('is gone on with in the next segment, by writers that know it and by others', () => {
    for (const isWarm of [true, false]) {
      const world = newWorld();
      const writer = new LogWriter(world);
      writer.append([named('a')]);
      retire(world);
      const next = isWarm ? writer : new LogWriter(world);
      expect(next.append([named('a'), named('b')])).toMatchObject([
        { object: KEY, start: 0, repeat: true },
        { object: 'k~00001', start: 0, repeat: false },
      ]);
    }
  });

  it('forgets nothing because of its end, however late that comes', () => {
    const world = newWorld();
    const dedupe = { records: 1000, ageMs: 1000 };
    const warm = new LogWriter(world, { dedupe });
    for (const id of ['a', 'b']) warm.append([named(id)]);
    retire(world, { dedupe, atMs: AT_MS + 1_000_000 });
    // The writer reads the commit on its way to what is new.
    expect(warm.append([named('a')], { othersWrite: true })).toMatchObject([{ object: KEY, repeat: true }]);
    for (const writer of [warm, new LogWriter(world, { dedupe })])
      expect(writer.append([named('b')])).toMatchObject([{ object: KEY, repeat: true }]);
  });

  it('is ended behind what came in meanwhile', () => {
    const world = newWorld();
    new LogWriter(world).append([named('a')]);
    const plan = retireLog({ log: logOptions().log, writer: 'retirer', atMs: AT_MS });
    // It has read the log when another appends.
    const tail = plan.next();
    const resumed = plan.next(replyTo(world, tail.value as Ask));
    expect(resumed.value).toMatchObject({ ask: 'append' });
    new LogWriter(world).append([named('b')]);
    expect(finish(world, plan, resumed)).toBe(0);
    expect(readSegments(world.objects(), KEY).map(({ records }) => records.map(({ id }) => id))).toEqual([
      ['a'],
      ['b'],
      [],
    ]);
  });
});

describe('a tombstone', () => {
  it('says what was there and where it went', () => {
    const world = newWorld();
    new LogWriter(world).append([named('a')]);
    retire(world);
    const bytes = world.object();
    entomb(world);
    expect(parseTombstone(world.object())).toEqual({
      segment: 0,
      length: bytes.length,
      crc64: crc64(bytes),
      atMs: AT_MS,
      jobs: JOBS,
    });
    expect(world.object().toString()).toMatch(
      /^\{"\$tombstone":\{"v":1,"segment":0,[^\n]*\}\n\{"\$commit":[^\n]*\n$/,
    );
  });

  it('is told from any log, also one whose first record looks like it', () => {
    const world = newWorld();
    const forged = `{"$tombstone":{"v":1,"segment":0,"length":1,"crc64":"1","at":"2026-11-22T20:30:01.120Z","jobs":[]}}`;
    new LogWriter(world).append([named('a', 's', forged)]);
    expect(parseTombstone(world.object())).toBeNull();
    retire(world);
    expect(parseTombstone(world.object())).toBeNull();
    for (const text of [
      '',
      forged,
      `${forged}\n`,
      `${forged}\nx\n`,
      '{"$tombstone":1}\n{"$commit":{"v":1,"state":',
    ])
      expect(parseTombstone(Buffer.from(text)), text).toBeNull();
  });

  it('is not what it was if anything of its first line is', () => {
    const object = Buffer.from(
      tombstoneObject(LogFold.empty(LIMITS), { length: 10, crc64: 5n, atMs: AT_MS, jobs: JOBS }),
    ).toString();
    expect(parseTombstone(Buffer.from(object))).not.toBeNull();
    const breaks: [RegExp, string][] = [
      [/"v":1,"segment"/, '"v":2,"segment"'],
      [/"segment":0/, '"segment":-1'],
      [/"length":10/, '"length":"10"'],
      [/"crc64":"5"/, '"crc64":5'],
      [/"at":"[^"]*"/, '"at":"today"'],
      [/"jobs":\[/, '"jobs":[1,'],
      [/"output":/, '"other":'],
      [/\}\}\n/, '}\n'],
    ];
    for (const [part, by] of breaks)
      expect(parseTombstone(Buffer.from(object.replace(part, by))), String(part)).toBeNull();
  });

  it('is made only of a segment that is there, closed, and what was read', () => {
    const world = newWorld();
    expect(bury(world, 0)).toEqual({ kind: 'missing' });
    new LogWriter(world).append([named('a')]);
    expect(bury(world, 0)).toEqual({ kind: 'open' });
    retire(world);
    const { length } = world.object();
    const changed = { kind: 'changed', length, crc64: crc64(world.object()) };
    expect(bury(world, 0, undefined, { length: length - 1 })).toEqual(changed);
    expect(bury(world, 0, undefined, { crc64: 1n })).toEqual(changed);
    entomb(world);
    expect(bury(world, 0)).toEqual({ kind: 'entombed' });
    expect(bury(world, 0, undefined, { length: 0 })).toEqual({ kind: 'entombed' });
  });

  it('leaves everything known that was, over any number of ends', () => {
    const step = fc.record({
      records: fc.array(fc.constantFrom('named', 'offset', 'producer'), { minLength: 1, maxLength: 4 }),
      ends: fc.constantFrom('none', 'segment', 'retired', 'entombed'),
    });
    const property = fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
      const world = newWorld();
      const all = [];
      const warm = new LogWriter(world);
      let n = 0;
      for (const { records, ends } of steps) {
        const made = records.map((kind) =>
          kind === 'named' ? named(`${n++}`) : numbered(kind, n++, kind === 'offset' ? null : n),
        );
        all.push(...made);
        warm.append(made, ends === 'segment' ? EACH : {});
        if (ends === 'retired') retire(world);
        if (ends === 'entombed') entomb(world);
      }
      // A producer's epochs that are over are refused; all else is a repeat, for whoever knows the log and who does not.
      const repeats = all.filter(({ numbered: one }) => one?.epoch == null);
      if (repeats.length === 0) return;
      const before = new Map(world.objects());
      for (const writer of [warm, new LogWriter(world)])
        expect(writer.append(repeats).every(({ repeat }) => repeat)).toBe(true);
      expect(world.objects()).toEqual(before);
    });
    fc.assert(property, { numRuns: 100 });
  });
});

describe('a writer that meets tombstones', () => {
  it('and knows nothing of the log needs few requests, however many there are', () => {
    const world = newWorld();
    const writer = new LogWriter(world, EACH);
    for (const n of range(0, 9)) writer.append([named(`${n}`), numbered('p', n, n)]);
    entomb(world);
    const cold = asked(world, () => new LogWriter(world).append([named('3'), named('new')]));
    expect(cold.result).toMatchObject([
      { object: 'k~00003', start: 0, repeat: true },
      { object: 'k~00009', start: 0, repeat: false },
    ]);
    expect(cold.asked.filter((one) => !one.startsWith('head'))).toEqual([
      'tail k',
      'tail k~00008',
      'append k~00009',
    ]);
    expect(cold.asked.length).toBeLessThan(12);
    expect(() => new LogWriter(world).append([numbered('p', 9, 0)])).toThrow(ProducerFenced);
    // The new segment has all that is known at its start, so the tombstones are not read again.
    const again = asked(world, () => new LogWriter(world).append([named('5')]));
    expect(again.result).toMatchObject([{ object: 'k~00005', repeat: true }]);
    expect(again.asked.filter((one) => one.startsWith('tail'))).toEqual(['tail k', 'tail k~00009']);
  });

  it('reads no more of a large one than of a checkpoint', () => {
    const world = newWorld();
    const tailBytes = 500;
    new LogWriter(world).append(range(0, 500).map((n) => named(`${n}`)));
    entomb(world);
    const { length } = world.object();
    expect(length).toBeGreaterThan(5000);
    const cold = asked(world, () => new LogWriter(world, { tailBytes }).append([named('7'), named('new')]));
    expect(cold.asked).toEqual(['tail k', 'head k~00001', 'read k', 'append k~00001']);
    expect(cold.bytes).toBeLessThanOrEqual(length);
    expect(cold.result).toMatchObject([{ object: KEY, record: 7, repeat: true }, { object: 'k~00001' }]);
  });

  it('and took the log for open goes on behind it', () => {
    const world = newWorld();
    const writer = new LogWriter(world);
    writer.append([named('a')]);
    new LogWriter(world).append([named('b')]);
    entomb(world);
    const warm = asked(world, () => writer.append([named('a'), named('b'), named('c')]));
    // Then it is its turn, or it looks again.
    expect(warm.asked.slice(0, 4)).toEqual(['append k', 'read k', 'tail k', 'head k~00001']);
    expect(warm.asked.at(-1)).toBe('append k~00001');
    expect(warm.result).toMatchObject([
      { object: KEY, repeat: true },
      { object: KEY, repeat: true },
      { object: 'k~00001', repeat: false },
    ]);
    expect(asked(world, () => writer.append([named('d')])).asked).toEqual(['append k~00001']);
  });

  it('goes on behind those of the segments that came meanwhile', () => {
    const world = newWorld();
    const writer = new LogWriter(world, EACH);
    writer.append([named('a')]);
    entomb(world);
    for (const id of ['b', 'c']) {
      new LogWriter(world).append([named(id)]);
      entomb(world);
    }
    expect(writer.append([named('b'), named('d')])).toMatchObject([
      { object: 'k~00001', repeat: true },
      { object: 'k~00003', repeat: false },
    ]);
  });

  it('takes no place in one for the end of the log', () => {
    const world = newWorld();
    new LogWriter(world).append([named('a')]);
    entomb(world);
    const ifPosition = position(world.object().indexOf('\n') + 1);
    expect(() => new LogWriter(world).append([named('b')], { ifPosition })).toThrow(PositionMismatch);
    expect(new LogWriter(world).append([named('b')], { ifPosition: position(0) })).toMatchObject([
      { object: 'k~00001' },
    ]);
  });

  it('is refused where an ordinary object is none, after one look at it', () => {
    const world = newWorld();
    const writer = new LogWriter(world);
    writer.append([named('a')]);
    world.put(KEY, Buffer.alloc(300_000, 'not a log\n'));
    const warm = asked(world, () => expect(() => writer.append([named('b')])).toThrow(AppendRefused));
    expect(warm.asked).toEqual(['append k', 'read k']);
    expect(warm.bytes).toBeLessThan(100_000);
    try {
      writer.append([named('b')]);
    } catch (error) {
      expect(error).toMatchObject({ fate: 'not-in', detail: { storeCode: 'ObjectNotAppendable' } });
    }
  });
});
