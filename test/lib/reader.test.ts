import { describe, expect, it } from 'vitest';
import { commitLine } from '../../lib/append/commit.ts';
import { crc64 } from '../../lib/append/crc64.ts';
import { bytesLine, jsonLine, textLine } from '../../lib/append/record.ts';
import { segmentKey } from '../../lib/append/segment.ts';
import type { LogRecord } from '../../lib/append/types.ts';
import { type Appender, createAppender } from '../../lib/appender.ts';
import { CommitScan, linesOf } from '../../lib/reader/scan.ts';
import { readValue } from '../../lib/reader/value.ts';
import { LogReplaced, type ReadOptions, readRecords, type StoredRecord } from '../../lib/reader.ts';
import { systemRuntime } from '../../lib/runtime.ts';
import { memoryStore } from '../../lib/store/memory.ts';
import type { ObjectStore } from '../../lib/store/port.ts';
import { readLog } from './append/reference.ts';

const KEY = 'log/x.ndjson';
const NOW_MS = Date.UTC(2026, 10, 22, 20, 30);
const CALL = { timeoutMs: 1000 };

const record = (id: string, json = `{"id":"${id}"}`, more: Partial<LogRecord> = {}): LogRecord => ({
  line: jsonLine(json),
  id,
  source: 'a',
  timeMs: NOW_MS - 70,
  ...more,
});

interface World {
  readonly store: ObjectStore;
  readonly appender: Appender;
  append(records: readonly LogRecord[], segmentBytesMax?: number): Promise<void>;
  /** Bytes that are none of ours, at the end of a segment. */
  foreign(bytes: string | Uint8Array, segment?: number): Promise<void>;
  bytes(segment?: number): Promise<Buffer>;
  read(options?: ReadOptions): Promise<StoredRecord[]>;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

function world(): World {
  const store = memoryStore();
  const runtime = { ...systemRuntime(() => {}), now: () => NOW_MS };
  // Checkpoints come often.
  const coldStart = { tailBytes: 256, bytesMax: 512 };
  const appender = createAppender({ store, runtime, writer: 'w', coldStart });
  const bytes = async (segment = 0) => {
    const found = await store.read(segmentKey(KEY, segment), { start: 0, end: 1e9 }, CALL);
    return Buffer.from(found?.bytes ?? []);
  };
  return {
    store,
    appender,
    bytes,
    append: async (records, segmentBytesMax = 1e9) => {
      await appender.appendRecords(KEY, records, { remainingMs: () => 10_000, segmentBytesMax });
    },
    foreign: async (text, segment = 0) => {
      const { length } = await bytes(segment);
      await store.append(segmentKey(KEY, segment), length, Buffer.from(text), CALL);
    },
    read: (options) => all(readRecords(store, KEY, options)),
  };
}

const ids = (records: readonly StoredRecord[]) => records.map(({ id }) => id);
const text = ({ line }: StoredRecord) => Buffer.from(line).toString();

describe('the records of a log', () => {
  it('are none where there is no log', async () => {
    expect(await world().read()).toEqual([]);
  });

  it('are what was appended, of whatever characters, as text or as bytes', async () => {
    const it = world();
    const json = `"${'Grüße, 雲, 🙂 '.repeat(200)}"`;
    await it.append([record('text', json), record('bytes', '1', { line: Buffer.from(json) })]);
    expect((await it.read()).map(text)).toEqual([json, json]);
  });

  it('come in order, each with its name, its time and its place', async () => {
    const it = world();
    await it.append([record('1'), record('2', '"two"', { source: 'b', timeMs: NOW_MS - 9 })]);
    await it.append([record('7', '7', { source: 'k', numbered: { number: 7, epoch: 3 } })]);
    const found = await it.read();
    const bytes = await it.bytes();
    const second = bytes.indexOf('\n7\n') + 1;
    expect(found.map((one) => ({ ...one, line: text(one) }))).toEqual([
      {
        source: 'a',
        id: '1',
        numbered: null,
        timeMs: NOW_MS - 70,
        line: '{"id":"1"}',
        object: KEY,
        start: 0,
        end: second,
        record: 0,
      },
      expect.objectContaining({ source: 'b', id: '2', timeMs: NOW_MS - 9, line: '"two"', record: 1 }),
      expect.objectContaining({
        source: 'k',
        id: '7',
        numbered: { number: 7, epoch: 3 },
        start: second,
        record: 0,
      }),
    ]);
  });

  it('are the same however the bytes are cut, with checkpoints and foreign bytes between them', async () => {
    const it = world();
    for (let n = 0; n < 30; n++) {
      await it.append([record(`a${n}`), record(`b${n}`)]);
      if (n % 7 === 3)
        await it.foreign(n % 2 ? 'torn, without a line end' : '{"foreign":1}\n{"$commit":{}}\n');
    }
    const bytes = await it.bytes();
    expect(bytes.toString()).toContain('"state":');
    const expected = readLog(bytes).flatMap(({ records }) => records);
    expect(expected).toHaveLength(60);
    for (const pieceBytes of [1, 7, 64, 1000, bytes.length, bytes.length + 1]) {
      const found = await it.read({ pieceBytes });
      expect(found.map((one) => [one.id, text(one)])).toEqual(expected.map(({ id, line }) => [id, line]));
    }
  });

  it('go on in the next segment where one is closed, and nowhere else', async () => {
    const it = world();
    for (let n = 0; n < 20; n++) await it.append([record(`${n}`)], 1024);
    const found = await it.read({ pieceBytes: 100 });
    expect(ids(found)).toEqual(Array.from({ length: 20 }, (_, n) => `${n}`));
    expect(new Set(found.map(({ object }) => object)).size).toBeGreaterThan(2);

    const other = world();
    await other.append([record('1')]);
    await other.foreign(await it.bytes(), 1);
    expect(ids(await other.read())).toEqual(['1']);
  });

  it('end where the log did when it was come to, though it grows meanwhile', async () => {
    const it = world();
    await it.append([record('1')]);
    await it.append([record('2')]);
    const found: string[] = [];
    for await (const { id } of readRecords(it.store, KEY, { pieceBytes: 10 })) {
      found.push(id);
      await it.append([record(`late-${id}`)]);
    }
    expect(found).toEqual(['1', '2']);
  });

  it.each([
    ['went away', async () => null],
    [
      'became shorter',
      async () => ({ bytes: Buffer.alloc(1), start: 0, length: 5, crc64: null, type: null }),
    ],
    [
      'gave nothing',
      async () => ({ bytes: Buffer.alloc(0), start: 0, length: 1e6, crc64: null, type: null }),
    ],
  ])('are an error if the object %s while it was read', async (_name, later) => {
    const it = world();
    await it.append([record('1')]);
    let reads = 0;
    const store: Pick<ObjectStore, 'read'> = {
      read: (...args) => (reads++ === 0 ? it.store.read(...args) : later()),
    };
    const read = all(readRecords(store, KEY, { pieceBytes: 10 }));
    await expect(read).rejects.toThrowError(LogReplaced);
  });
});

/** An append as a writer makes it, with some of what its commit line says changed. */
function appendAt(start: number, lines: readonly string[], changes: object = {}): string {
  const data = lines.map((line) => `${line}\n`).join('');
  const commit = {
    atMs: NOW_MS,
    writer: 'w',
    turn: { roundTripMs: 20, more: 0 },
    start,
    records: lines.length,
    bytes: Buffer.byteLength(data),
    crc64: crc64(Buffer.from(data)),
    sources: [{ source: 'a', ids: lines.map((_, n) => `${start}-${n}`), ageMs: lines.map(() => 0) }],
    closes: false,
    checkpoint: 0,
    ...changes,
  };
  return `${data}${commitLine(commit)}\n`;
}

const scanned = (bytes: string | Uint8Array, scan = new CommitScan()) =>
  Array.from(scan.push(Buffer.from(bytes)), (found) => [
    found.commit.start,
    linesOf(found).map((line) => Buffer.from(line).toString()),
  ]);

describe('a commit', () => {
  it('counts if it stands for what is before it, also after a line end of its own', () => {
    expect(scanned(appendAt(0, ['1', '2']))).toEqual([[0, ['1', '2']]]);
    expect(scanned(`torn\n${appendAt(5, ['1'])}`)).toEqual([[5, ['1']]]);
    expect(scanned(`torn\n${appendAt(4, ['1'])}`)).toEqual([[4, ['1']]]);
  });

  it.each([
    ['another start', { start: 2 }],
    ['another checksum', { crc64: 1n }],
    ['fewer bytes', { bytes: 2 }],
    ['more bytes', { bytes: 5 }],
    ['fewer records', { records: 1, sources: [{ source: 'a', ids: ['1'], ageMs: [0] }] }],
    ['more records', { records: 3, sources: [{ source: 'a', ids: ['1', '2', '3'], ageMs: [0, 0, 0] }] }],
  ])('does not count with %s, and spoils none after it', (_name, changes) => {
    const bad = appendAt(0, ['1', '2'], changes);
    expect(scanned(bad + appendAt(bad.length, ['3']))).toEqual([[bad.length, ['3']]]);
  });

  it('does not count for bytes that another has covered', () => {
    const first = appendAt(0, ['1']);
    const line = first.slice(2);
    expect(scanned(first + line)).toEqual([[0, ['1']]]);
    // The whole of the first append, as if it were data.
    const over = appendAt(0, first.trimEnd().split('\n')).slice(first.length);
    expect(scanned(first + over)).toEqual([[0, ['1']]]);
  });

  it('does not count for a checkpoint, which is nobody’s data', async () => {
    const it = world();
    for (let n = 0; !(await it.bytes()).includes('"state":'); n++) await it.append([record(`${n}`)]);
    const lines = (await it.bytes()).toString().trimEnd().split('\n');
    const checkpoint = lines.at(-1) ?? '';
    const start = (await it.bytes()).length - checkpoint.length - 1;
    expect(checkpoint).toContain('"state":');
    const before = ids(await it.read());
    await it.foreign(appendAt(start, [checkpoint]).slice(checkpoint.length + 1));
    expect(ids(await it.read())).toEqual(before);
  });

  it('is found after more bytes of others than are kept, and a line longer than that', () => {
    const scan = new CommitScan({ uncoveredBytesMax: 1000 });
    const stray = `${'x'.repeat(30)}\n`.repeat(100);
    const long = `{"$commit":${'y'.repeat(5000)}`;
    const pieces = [stray, long.slice(0, 3000), `${long.slice(3000)}\n`];
    let at = 0;
    for (const piece of pieces) {
      expect(scanned(piece, scan)).toEqual([]);
      at += piece.length;
    }
    expect(scanned(appendAt(at, ['1']), scan)).toEqual([[at, ['1']]]);
  });

  it('that closes its segment says so', () => {
    const scan = new CommitScan();
    expect(scan.closed).toBe(false);
    scanned(appendAt(0, ['1'], { closes: true }), scan);
    expect(scan.closed).toBe(true);
  });
});

describe('the value of a line', () => {
  it.each([
    '{"n":9007199254740993,"n":1e400}',
    '{"$commit":{"v":1}}',
    '{"$bytes":"AP8="}',
    '{"$record":{"$record":1}}',
    '{"\\u0024bytes":"AP8="}',
    '[{"$bytes":"AP8="}]',
    '"text"',
    'null',
  ])('is the JSON that came in: %s', (json) => {
    expect(readValue(jsonLine(json))).toEqual({ kind: 'json', json });
  });

  it('is the bytes, or the text', () => {
    for (const bytes of [Buffer.from([0, 255]), Buffer.alloc(0)]) {
      expect(readValue(bytesLine(bytes))).toEqual({ kind: 'bytes', bytes });
    }
    expect(readValue(textLine('{"$bytes":"AP8="}\n'))).toEqual({
      kind: 'json',
      json: '"{\\"$bytes\\":\\"AP8=\\"}\\n"',
    });
  });
});
