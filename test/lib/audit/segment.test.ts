/** What an audit finds in the bytes of a log: nothing in those that writers made, and each change of one of them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc64 } from '../../../lib/append/crc64.ts';
import { segmentKey } from '../../../lib/append/segment.ts';
import { type Fault, SegmentAudit } from '../../../lib/audit/segment.ts';
import { RecordWindow } from '../../../lib/audit/window.ts';
import { LIMITS, LogWriter, named, numbered, range } from '../append/logs.ts';
import { CALM, dice, KEY, World } from '../append/world.ts';

interface Audited {
  readonly faults: Fault[];
  readonly ids: string[];
  readonly lines: string[];
}

/** Audits the segments of the world's log, given in pieces. */
function audit(
  objects: ReadonlyMap<string, Buffer>,
  { dedupe = LIMITS.dedupe, pieceBytes = 1000, sumsOf = objects } = {},
): Audited {
  const window = new RecordWindow(dedupe);
  const audited: Audited = { faults: [], ids: [], lines: [] };
  for (let segment = 0; ; segment++) {
    const object = segmentKey(KEY, segment);
    const bytes = objects.get(object);
    if (bytes === undefined) return audited;
    const scan = new SegmentAudit({ object, segment, window }, (fault) => audited.faults.push(fault));
    for (let at = 0; at < bytes.length; at += pieceBytes)
      for (const { id, line } of scan.push(bytes.subarray(at, at + pieceBytes))) {
        audited.ids.push(id);
        audited.lines.push(Buffer.from(line).toString());
      }
    scan.end({ length: bytes.length, crc64: crc64(sumsOf.get(object) ?? bytes) });
  }
}

const codes = (faults: readonly Fault[]) => [...new Set(faults.map(({ code }) => code))];

/** A log of all there is: names, numbers, several segments, checkpoints, and a record that came twice. */
function madeOf(appends: number, { checkpoints = 700, segmentBytesMax = 6000 } = {}): World {
  const world = new World(CALM, dice(1));
  const writer = new LogWriter(world, { coldBytesMax: checkpoints, segmentBytesMax });
  for (const n of range(0, appends))
    writer.append([named(`${n}`), named(`${n - 1}`), numbered('p', n, 1), numbered('o', 2 * n)]);
  return world;
}

describe('an audit of a log', () => {
  it('finds nothing wrong with what writers made, and gives each record once, in order', () => {
    const { faults, ids, lines } = audit(madeOf(30).objects());
    expect(faults).toEqual([]);
    expect(ids.slice(0, 5)).toEqual(['0', '-1', '0', '0', '1']);
    expect(ids).toHaveLength(1 + 30 * 3);
    expect(lines[0]).toBe('{"id":"0"}');
  });

  it('gives the same however the bytes are cut', () => {
    const objects = madeOf(10).objects();
    const whole = audit(objects, { pieceBytes: 1e6 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), (pieceBytes) => {
        expect(audit(objects, { pieceBytes })).toEqual(whole);
      }),
      { numRuns: 30 },
    );
  });

  /** A byte of one of the objects is another one; `sums` are the checksums that the store tells. */
  const changed = (objects: ReadonlyMap<string, Buffer>, key: string, at: number, change: number) => {
    const bytes = Buffer.from(objects.get(key) ?? '');
    bytes[at] = (bytes[at] ?? 0) ^ change;
    return new Map(objects).set(key, bytes);
  };
  const change = fc.integer({ min: 1, max: 255 });

  it('finds every byte that was changed since the store took it', () => {
    const objects = madeOf(12).objects();
    const keys = [...objects.keys()];
    expect(keys.length).toBeGreaterThan(1);
    fc.assert(
      fc.property(fc.constantFrom(...keys), fc.nat(), change, (key, where, by) => {
        const at = where % (objects.get(key)?.length ?? 1);
        const { faults } = audit(changed(objects, key, at, by), { sumsOf: objects });
        expect({ at, faults }).not.toEqual({ at, faults: [] });
      }),
      { numRuns: 300 },
    );
  });

  it('finds every byte of a record that was changed, by the log alone', () => {
    const objects = madeOf(3).objects();
    const bytes = objects.get(KEY) ?? Buffer.alloc(0);
    const inRecords: number[] = [];
    for (let start = 0; start < bytes.length; ) {
      const end = bytes.indexOf('\n', start) + 1;
      if (bytes.indexOf('{"$commit"', start) !== start) inRecords.push(...range(start, end));
      start = end;
    }
    fc.assert(
      fc.property(fc.constantFrom(...inRecords), change, (at, by) => {
        expect(codes(audit(changed(objects, KEY, at, by)).faults)).not.toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('finds an append that is missing, cut off, twice, or changed places with another', () => {
    const world = new World(CALM, dice(1));
    const writer = new LogWriter(world);
    const ends = range(0, 4).map((n) => {
      writer.append([named(`${n}`)]);
      return world.object().length;
    });
    const [a, b, c, d] = ends.map((end, at) => world.object().subarray(ends[at - 1] ?? 0, end));
    if (!a || !b || !c || !d) throw new Error('four appends were made');
    const found = (...parts: Buffer[]) => codes(audit(new Map([[KEY, Buffer.concat(parts)]])).faults);
    expect(found(a, b, c, d)).toEqual([]);
    expect(found(a, c, d)).toContain('BadCommit');
    expect(found(a, b, d, c)).toContain('BadCommit');
    expect(found(a, b, b, c)).toContain('BadCommit');
    expect(found(a, b, c, d.subarray(0, -1))).toEqual(['Uncovered']);
    expect(found(a, b, c, d.subarray(0, 20))).toEqual(['Uncovered']);
  });

  it('tells where bytes of others are, and goes on behind them', () => {
    const world = new World(CALM, dice(1));
    new LogWriter(world).append([named('a')]);
    const start = world.object().length;
    world.write(KEY, Buffer.from('stray\nbytes'));
    new LogWriter(world).append([named('b')]);
    const { faults, ids } = audit(world.objects());
    expect(ids).toEqual(['a', 'b']);
    expect(faults).toEqual([
      {
        code: 'Uncovered',
        object: KEY,
        start,
        end: start + 11,
        message: '11 bytes that no commit covers',
      },
    ]);
  });

  it('finds a record that is there twice within the window, and none that is beyond it', () => {
    const world = new World(CALM, dice(1));
    const forgetful = { dedupe: { records: 2, ageMs: null } };
    const writer = new LogWriter(world, forgetful);
    for (const id of ['a', 'b', 'c', 'd', 'a']) writer.append([named(id)]);
    expect(codes(audit(world.objects(), forgetful).faults)).toEqual([]);
    const { faults } = audit(world.objects());
    expect(faults.map(({ code, message }) => [code, message])).toEqual([
      ['Repeat', 'record 0 of the append was in the log already, at 0 of segment 0'],
    ]);
  });

  it('finds a producer that went back to an ended epoch, and one with a gap', () => {
    const logOf = (...records: ReturnType<typeof numbered>[]) => {
      const world = new World(CALM, dice(1));
      // A writer that knows nothing of what is there before appends anything.
      for (const record of records) {
        const other = new World(CALM, dice(1));
        const at = world.object().length;
        if (at > 0) other.write(KEY, Buffer.alloc(at, '\n'));
        new LogWriter(other).append([record]);
        world.write(KEY, other.object().subarray(at));
      }
      return codes(audit(world.objects()).faults);
    };
    expect(logOf(numbered('p', 0, 1), numbered('p', 1, 1), numbered('p', 7, 2))).toEqual([]);
    expect(logOf(numbered('p', 0, 2), numbered('p', 1, 1))).toEqual(['OutOfSequence']);
    expect(logOf(numbered('p', 0, 1), numbered('p', 2, 1))).toEqual(['OutOfSequence']);
  });

  it('finds an object that is not what the store says of it', () => {
    const bytes = madeOf(2).object();
    const of = (info: { length: number; crc64: bigint | null }) => {
      const faults: Fault[] = [];
      const scan = new SegmentAudit(
        { object: KEY, segment: 0, window: new RecordWindow(LIMITS.dedupe) },
        (fault) => faults.push(fault),
      );
      for (const _ of scan.push(bytes));
      scan.end(info);
      return codes(faults);
    };
    expect(of({ length: bytes.length, crc64: null })).toEqual([]);
    expect(of({ length: bytes.length, crc64: 1n })).toEqual(['BadObject']);
    expect(of({ length: bytes.length + 1, crc64: null })).toEqual(['BadObject']);
  });
});
