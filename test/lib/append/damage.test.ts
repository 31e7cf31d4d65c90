/**
 * Logs with damage anywhere: bytes changed, lost, doubled and put in, and values in commit and checkpoint lines that no
 * writer writes. Whoever reads such a log neither fails nor believes what is not so, and whoever writes goes on.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LogFold } from '../../../lib/append/fold.ts';
import { lineText } from '../../../lib/append/record.ts';
import type { LogRecord } from '../../../lib/append/types.ts';
import { createAppender } from '../../../lib/appender.ts';
import { CommitScan, linesOf } from '../../../lib/reader/scan.ts';
import { namesOf, readRecords, type StoredRecord } from '../../../lib/reader.ts';
import { systemRuntime } from '../../../lib/runtime.ts';
import { memoryStore } from '../../../lib/store/memory.ts';
import { AT_MS, findIn, LIMITS, named, numbered } from './logs.ts';
import { readLog } from './reference.ts';

const KEY = 'log/x.ndjson';
const CALL = { remainingMs: () => 10_000, segmentBytesMax: 1e9 };

/** A store, and writers whose checkpoints come often. */
function world() {
  const store = memoryStore();
  const system = systemRuntime(() => {});
  const runtime = { ...system, now: () => AT_MS, sleep: async () => {}, random: () => 0 };
  const writer = (name: string) =>
    createAppender({ store, runtime, writer: name, coldStart: { tailBytes: 256, bytesMax: 512 } });
  const content = async () =>
    Buffer.from((await store.read(KEY, { start: 0, end: 1e9 }, { timeoutMs: 1000 }))?.bytes ?? []);
  return { store, writer, content };
}

async function logOf(appends: readonly number[]): Promise<Buffer> {
  const { writer, content } = world();
  const appender = writer('w');
  let next = 0;
  for (const count of appends) {
    const records: LogRecord[] = [];
    for (let n = 0; n < count; n++, next++)
      records.push(
        [named(`${next}`), numbered('k', next), numbered('p', next, 1), named(`${next}`, 'other')][
          next % 4
        ] as LogRecord,
      );
    // A producer leaves no gap.
    const fitting = records.filter(({ numbered: one }) => one?.epoch === undefined || one.epoch === null);
    if (fitting.length > 0) await appender.appendRecords(KEY, fitting, CALL);
  }
  return content();
}

type Damage = (log: Buffer) => Buffer;

const at = fc.double({ min: 0, max: 1, noNaN: true });
const place = (log: Buffer, part: number) => Math.floor(part * log.length);
const STRANGE = [
  'null',
  '-1',
  '1.5',
  '1e400',
  '9007199254740993',
  '""',
  '"x"',
  '[]',
  '{}',
  '[null]',
  'true',
  '0',
  `"${'9'.repeat(30)}"`,
];

const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.tuple(at, fc.nat(255)).map(
    ([part, byte]): Damage =>
      (log) => {
        const copy = Buffer.from(log);
        if (copy.length > 0) copy[place(log, part) % copy.length] = byte;
        return copy;
      },
  ),
  fc.tuple(at, fc.nat(40)).map(
    ([part, count]): Damage =>
      (log) => {
        const from = place(log, part);
        return Buffer.concat([log.subarray(0, from), log.subarray(from + count)]);
      },
  ),
  fc.tuple(at, fc.uint8Array({ maxLength: 20 })).map(
    ([part, bytes]): Damage =>
      (log) => {
        const from = place(log, part);
        return Buffer.concat([log.subarray(0, from), bytes, log.subarray(from)]);
      },
  ),
  fc.tuple(at, at).map(
    ([part, other]): Damage =>
      (log) => {
        const [from = 0, to = 0] = [place(log, part), place(log, other)].sort((a, b) => a - b);
        return Buffer.concat([log, log.subarray(from, to)]);
      },
  ),
  // A value in a line of ours, so that the line stays JSON.
  fc.tuple(at, fc.constantFrom(...STRANGE)).map(
    ([part, strange]): Damage =>
      (log) => {
        const text = log.toString('latin1');
        const values = [...text.matchAll(/(?<=":|,|\[)(?:"[^"\n]*"|-?\d+|true)(?=[,\]}])/g)];
        const value = values[Math.floor(part * values.length)];
        if (value === undefined) return log;
        return Buffer.from(
          text.slice(0, value.index) + strange + text.slice(value.index + value[0].length),
          'latin1',
        );
      },
  ),
  fc.tuple(at, at).map(
    ([part, other]): Damage =>
      (log) => {
        const lines = log.toString('latin1').split('\n');
        const line = lines[Math.floor(part * lines.length)] ?? '';
        lines.splice(Math.floor(other * lines.length), 0, line);
        return Buffer.from(lines.join('\n'), 'latin1');
      },
  ),
);

const damaged = fc.record({
  appends: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 12 }),
  damages: fc.array(damage, { minLength: 1, maxLength: 3 }),
});
const apply = async ({
  appends,
  damages,
}: {
  readonly appends: readonly number[];
  readonly damages: readonly Damage[];
}) => damages.reduce((log, change) => change(log), await logOf(appends));

async function all(records: AsyncIterable<StoredRecord>): Promise<StoredRecord[]> {
  const found = [];
  for await (const record of records) found.push(record);
  return found;
}

describe('a damaged log', () => {
  it('is read without failing, and no record is believed that the reference does not find', async () => {
    await fc.assert(
      fc.asyncProperty(damaged, fc.array(fc.nat(5000), { maxLength: 3 }), async (history, cuts) => {
        const log = await apply(history);
        const known = new Set(
          readLog(log).flatMap(({ start, records }) =>
            records.map(({ source, id, line }, n) => JSON.stringify([start, n, source, id, line])),
          ),
        );
        const fold = LogFold.empty(LIMITS);
        const scan = new CommitScan();
        const ends = [...cuts.filter((cut) => cut < log.length).sort((a, b) => a - b), log.length];
        for (const [n, end] of ends.entries()) {
          const piece = log.subarray(ends[n - 1] ?? 0, end);
          fold.push(piece);
          for (const { commit, ...found } of scan.push(piece)) {
            const lines = linesOf(found);
            for (const [record, { source, id, numbered: number }] of namesOf(commit).entries()) {
              const line = lineText(lines[record] ?? new Uint8Array());
              expect(known).toContain(JSON.stringify([commit.start, record, source, id, line]));
              // The writer knows what the reader gives.
              const found = findIn(fold, {
                line: new Uint8Array(),
                source,
                id,
                timeMs: 0,
                ...(number && { numbered: number }),
              });
              expect(found.verdict).not.toBe('new');
            }
          }
        }
        expect(fold.end).toBe(log.length);
      }),
      { numRuns: 400 },
    );
  });

  it('is gone on with by writers that know nothing of it, each record once', async () => {
    await fc.assert(
      fc.asyncProperty(damaged, async (history) => {
        const log = await apply(history);
        const { store, writer } = world();
        if (log.length > 0) await store.append(KEY, 0, log, { timeoutMs: 1000 });
        const sent = [named('new-1'), numbered('new', 7), named('new-2')];
        const first = await writer('a').appendRecords(KEY, sent, CALL);
        expect(first.map(({ repeat }) => repeat)).toEqual([false, false, false]);
        const again = await writer('b').appendRecords(KEY, sent, CALL);
        for (const [n, { repeat, start }] of again.entries()) {
          expect(repeat).toBe(true);
          // Of a number that a checkpoint tells, nobody can say where it is.
          if (sent[n]?.numbered === undefined || start !== null) expect(start).toBe(first[n]?.start);
        }
        // A commit line that lost its line end is whole again before them.
        const after = await all(readRecords(store, KEY));
        expect(after.filter(({ source, id }) => source === 'new' || id.startsWith('new-'))).toHaveLength(
          sent.length,
        );
        expect(after.slice(-sent.length).map(({ source, id, line }) => [source, id, lineText(line)])).toEqual(
          sent.map(({ source, id, line }) => [source, id, lineText(line)]),
        );
      }),
      { numRuns: 200 },
    );
  });
});
