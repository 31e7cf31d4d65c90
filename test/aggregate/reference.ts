/**
 * The engine of jobs written a second time, plainly and all in memory, from PROTOCOL.md alone: what the real one is
 * checked against, and what a simulation runs on. It shares no code with it but the port.
 *
 * Its files are NDJSON, whatever the format: only it reads them.
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  type Column,
  type Compacted,
  type CompactWork,
  type Engine,
  EngineError,
  type RangeBytes,
  type RolledUpRow,
  type RollupWork,
  type RowFile,
} from '../../lib/aggregate/ports.ts';
import { readLog } from '../lib/append/reference.ts';
import { slowContentHash } from './murmur.ts';

/** A row, with its own columns by name. */
export interface ReferenceRow {
  readonly id: string;
  readonly source: string;
  readonly epoch: number | null;
  readonly timeMs: number;
  readonly log: string;
  readonly object: string;
  readonly start: number;
  readonly end: number;
  readonly record: number;
  readonly data: string;
  readonly own: Readonly<Record<string, string | number | null>>;
}

/** What a text of SQL means, since this engine knows no SQL. */
export type Query = (rows: readonly ReferenceRow[]) => readonly Readonly<Record<string, unknown>>[];

const WINDOW_MS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

export function referenceEngine(queries: Readonly<Record<string, Query>> = {}): Engine {
  async function rollup({ files, sql, rowKey }: RollupWork): Promise<readonly RolledUpRow[]> {
    const query = queries[sql];
    if (query === undefined)
      throw new EngineError('BadSql', `The reference engine was not told what this means: ${sql}`);
    const rows = (await Promise.all(files.map(readRows))).flat();
    const made = query(rows).map((row, place) => {
      const key = rowKey.length === 0 ? `${place}` : JSON.stringify(rowKey.map((one) => `${row[one]}`));
      return { key, json: JSON.stringify(row) };
    });
    if (new Set(made.map(({ key }) => key)).size < made.length) {
      throw new EngineError('BadSql', 'Rows have the row key of another.');
    }
    return made;
  }

  return {
    compact,
    rollup,
    async rollupFile(work) {
      const rows = (await rollup(work)).map((row) => ({ ...row, revision: work.revision }));
      return writeFileOf(work.directory, work.windowMs, 'rollup', rows);
    },
    empty: async ({ directory }) => (await writeFileOf(directory, 0, 'empty', [])).path,
    emptyLike: async ({ directory }) => (await writeFileOf(directory, 0, 'empty-like', [])).path,
    check: async ({ sql }) =>
      sql === undefined || sql in queries ? [] : [{ where: 'sql', message: 'not known' }],
    async hash({ files }) {
      const rows = (await Promise.all(files.map(readRows))).flat();
      return { rows: rows.length, hash: sumOf(rows) };
    },
  };
}

/** The rows of a file that this engine wrote. */
export async function readRows(file: string): Promise<ReferenceRow[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as ReferenceRow);
}

async function compact(work: CompactWork): Promise<Compacted> {
  const { window, columns, sort, directory, earlier, onProgress } = work;
  const seen = new Set<string>();
  for await (const file of earlier) for (const row of await readRows(file)) seen.add(identity(row));
  const rows: ReferenceRow[] = [];
  let [records, coveredBytes, bytes] = [0, 0, 0];
  for (const range of work.ranges) {
    const read = await bytesOf(range);
    bytes += read.length;
    onProgress?.(bytes);
    // Positions are the object's: what is before the range is made of nothing.
    const before = Buffer.alloc(range.from, ' ');
    if (range.from > 0) before[range.from - 1] = 10;
    for (const commit of readLog(Buffer.concat([before, read]))) {
      coveredBytes += commit.appendEnd - commit.start;
      for (const [record, { source, id, numbered, epoch, line, ageMs }] of commit.records.entries()) {
        records++;
        const row = {
          id,
          source,
          epoch: numbered ? (epoch ?? null) : null,
          timeMs: commit.atMs - ageMs,
          log: range.family,
          object: range.object,
          start: commit.start,
          end: commit.end,
          record,
          data: unwrapped(line),
        };
        if (seen.has(identity(row))) continue;
        seen.add(identity(row));
        rows.push({ ...row, own: ownOf(row.data, columns) });
      }
    }
  }
  const windows = grouped(rows, window);
  const files: RowFile[] = [];
  for (const [windowMs, own] of [...windows].sort(([one], [other]) => one - other)) {
    files.push(await writeFileOf(directory, windowMs, 'rows', own.sort(by(sort))));
  }
  return {
    files,
    records,
    repeats: records - rows.length,
    uncoveredBytes: bytes - coveredBytes,
    hash: sumOf(rows),
  };
}

function grouped(rows: readonly ReferenceRow[], window: CompactWork['window']): Map<number, ReferenceRow[]> {
  const windows = new Map<number, ReferenceRow[]>();
  for (const row of rows) {
    const windowMs = Math.floor(row.timeMs / WINDOW_MS[window]) * WINDOW_MS[window];
    windows.set(windowMs, [...(windows.get(windowMs) ?? []), row]);
  }
  return windows;
}

async function bytesOf({ pieces }: RangeBytes): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(Buffer.from(piece));
  return Buffer.concat(all);
}

const identity = ({ log, source, epoch, id }: Omit<ReferenceRow, 'own'>): string =>
  JSON.stringify([log, source, epoch, id]);

const WRAP = '{"$record":';
const unwrapped = (line: string): string =>
  line.startsWith(WRAP) && line.endsWith('}') ? line.slice(WRAP.length, -1) : line;

/** Of paths of member names, and of VARCHAR, DOUBLE and BIGINT as far as tests need them. */
function ownOf(data: string, columns: readonly Column[]): ReferenceRow['own'] {
  const value: unknown = JSON.parse(data);
  return Object.fromEntries(
    columns.map(({ name, path: at, type }) => {
      const found = at
        .split('.')
        .slice(1)
        .reduce<unknown>(
          (from, key) => (isObject(from) && Object.hasOwn(from, key) ? from[key] : null),
          value,
        );
      return [name, cast(found, type)];
    }),
  );
}

function cast(value: unknown, type: string): string | number | null {
  if (value === null) return null;
  if (type === 'VARCHAR') return typeof value === 'string' ? value : JSON.stringify(value);
  const number =
    typeof value === 'number' ? value : typeof value === 'string' ? Number.parseFloat(value) : Number.NaN;
  return Number.isNaN(number) ? null : number;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** In the order of the ranges where the columns say nothing; nulls last. */
function by(columns: readonly string[]) {
  return (one: ReferenceRow, other: ReferenceRow): number => {
    for (const column of columns) {
      const [a, b] = [fieldOf(one, column), fieldOf(other, column)];
      if (a === b) continue;
      if (a === null) return 1;
      if (b === null) return -1;
      if (typeof a === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(String(b)));
      return a < Number(b) ? -1 : 1;
    }
    return 0;
  };
}

function fieldOf(row: ReferenceRow, column: string): string | number | null {
  if (column === 'time') return row.timeMs;
  const { own, ...base } = row;
  return ({ ...base, ...own } as Record<string, string | number | null>)[column] ?? null;
}

function sumOf(rows: readonly ReferenceRow[]): bigint {
  const hashes = rows.map(({ log, source, epoch, id, data }) =>
    slowContentHash([log, source, `${epoch ?? ''}`, id, data]),
  );
  return BigInt.asUintN(
    64,
    hashes.reduce((sum, hash) => sum + hash, 0n),
  );
}

async function writeFileOf(
  directory: string,
  windowMs: number,
  kind: string,
  rows: readonly object[],
): Promise<RowFile> {
  const file = path.join(directory, `${kind}-${windowMs}.reference`);
  const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  await writeFile(file, text);
  return { windowMs, path: file, rows: rows.length, bytes: Buffer.byteLength(text) };
}
