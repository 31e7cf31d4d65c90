/**
 * Records on their way from the ranges to DuckDB: a local file a window, in the order of the ranges. In memory are the
 * rows of one row group a window, all windows together some tens of MiB.
 */
import path from 'node:path';
import { isNamed, type SourceRun } from '../../append/commit.ts';
import type { FoundCommit } from '../../reader/scan.ts';
import { ContentHash, viewOf } from '../content-hash.ts';
import type { ParquetColumn } from './parquet.ts';
import { ParquetFile } from './parquet-file.ts';
import { type Lines, textsOf } from './texts.ts';

/**
 * `row` counts all records of the ranges, from 0. `object` is the number of the range. `identity` is a hash of where a
 * record belongs and of its names, `content` one of its text besides.
 */
export const SPOOL_COLUMNS = [
  { name: 'row', type: 'int64' },
  { name: 'object', type: 'int32' },
  { name: 'start', type: 'int64' },
  { name: 'end', type: 'int64' },
  { name: 'record', type: 'int32' },
  { name: 'time', type: 'timestamp-ms' },
  { name: 'source', type: 'utf8' },
  { name: 'epoch', type: 'int64' },
  { name: 'identity', type: 'int64' },
  { name: 'content', type: 'int64' },
  { name: 'id', type: 'utf8' },
  { name: 'data', type: 'utf8' },
] as const satisfies readonly ParquetColumn[];

type SpoolColumn = (typeof SPOOL_COLUMNS)[number]['name'];

/** The epoch of a record that has none. Parquet could say null, for a byte a value. */
export const NO_EPOCH = -1;

/** A row group is written when it is this large; all are, when they are that large together. */
const GROUP_BYTES_MAX = 16 * 1024 * 1024;
const TOTAL_BYTES_MAX = 32 * 1024 * 1024;
/** DuckDB's own: more rows in a group are no use to it. */
const GROUP_ROWS_MAX = 122_880;
/** If there are no more windows than this, they keep their memory for the next row group. */
const KEPT_MAX = 4;
/** The range of `Date`; no writer leaves it. */
const TIME_MS_MAX = 8.64e15;

/** A finished file of the records of one window. */
export interface Spooled {
  /** Start of the window, epoch milliseconds. */
  readonly windowMs: number;
  readonly path: string;
  readonly rows: number;
  /** Of `data`. */
  readonly dataBytes: number;
}

interface Window {
  readonly windowMs: number;
  readonly file: ParquetFile<SpoolColumn>;
  rows: number;
  dataBytes: number;
  /** Of the row group in the making. */
  groupRows: number;
  groupBytes: number;
}

export class Spool {
  readonly #directory: string;
  readonly #lengthMs: number;
  readonly #windows = new Map<number, Window>();
  readonly #hash = new ContentHash();
  #bufferedBytes = 0;
  #rows = 0;

  /** Windows are of `lengthMs` milliseconds. */
  constructor(directory: string, lengthMs: number) {
    this.#directory = directory;
    this.#lengthMs = lengthMs;
  }

  get rows(): number {
    return this.#rows;
  }

  /** Takes the records of a commit in range number `object`, which is of the log `family`. Their bytes are copied. */
  add(object: number, family: string, found: FoundCommit): void {
    const texts = textsOf(found);
    const textBytes = viewOf(texts.data);
    const { sources, atMs } = found.commit;
    let record = 0;
    // Neighbours of one window: their texts go to it together.
    let from = 0;
    let window: Window | null = null;
    for (const run of sources) {
      const { source, ageMs } = run;
      const epoch = isNamed(run) ? null : (run.epoch ?? null);
      const sourceBytes = Buffer.from(source);
      this.#hash.run(family, source, epoch);
      for (let index = 0; index < ageMs.length; index++) {
        const timeMs = clipped(atMs - (ageMs[index] as number));
        if (window === null || timeMs < window.windowMs || timeMs >= window.windowMs + this.#lengthMs) {
          if (window !== null) this.#addTexts(window, texts, from, record);
          window = this.#windowOf(timeMs);
          from = record;
        }
        const { columns } = window.file;
        columns.row.addInt64(this.#rows++);
        columns.object.addInt32(object);
        columns.start.addInt64(found.commit.start);
        columns.end.addInt64(found.end);
        columns.record.addInt32(record);
        columns.time.addInt64(timeMs);
        columns.source.addBytes(sourceBytes);
        columns.epoch.addInt64(epoch ?? NO_EPOCH);
        this.#addNames(columns, idIn(run, index), textBytes, texts.lineEnds, record);
        record++;
      }
    }
    if (window !== null) this.#addTexts(window, texts, from, record);
  }

  /** The files, by window. */
  end(): Spooled[] {
    for (const window of this.#windows.values()) {
      this.#flush(window);
      window.file.end();
    }
    return [...this.#windows.values()]
      .map(({ windowMs, file, rows, dataBytes }) => ({ windowMs, path: file.path, rows, dataBytes }))
      .sort((one, other) => one.windowMs - other.windowMs);
  }

  #windowOf(timeMs: number): Window {
    const windowMs = Math.floor(timeMs / this.#lengthMs) * this.#lengthMs;
    let window = this.#windows.get(windowMs);
    if (window === undefined) {
      const file = new ParquetFile(path.join(this.#directory, `spool-${windowMs}.parquet`), SPOOL_COLUMNS);
      window = { windowMs, file, rows: 0, dataBytes: 0, groupRows: 0, groupBytes: 0 };
      this.#windows.set(windowMs, window);
    }
    return window;
  }

  #addNames(
    columns: ParquetFile<SpoolColumn>['columns'],
    id: string,
    textBytes: DataView,
    lineEnds: Uint32Array,
    record: number,
  ): void {
    const hash = this.#hash;
    const idBytes = columns.id.addText(id);
    const { view, length } = columns.id;
    hash.id(view, length - idBytes, length);
    columns.identity.addHalves(hash.low, hash.high);
    const lineStart = record === 0 ? 0 : (lineEnds[record - 1] as number) + 1;
    hash.data(textBytes, lineStart, lineEnds[record] as number);
    columns.content.addHalves(hash.low, hash.high);
  }

  /** Ends rows of `window`: those of records `from` to `to` of a commit. */
  #addTexts(window: Window, { data, lineEnds }: Lines, from: number, to: number): void {
    const dataBytes = window.file.columns.data.addLines(data, lineEnds, from, to);
    window.rows += to - from;
    window.groupRows += to - from;
    window.dataBytes += dataBytes;
    const before = window.groupBytes;
    window.groupBytes = window.file.bytes;
    this.#bufferedBytes += window.groupBytes - before;
    if (window.groupBytes >= GROUP_BYTES_MAX || window.groupRows >= GROUP_ROWS_MAX) this.#flush(window);
    else if (this.#bufferedBytes >= TOTAL_BYTES_MAX) {
      for (const one of this.#windows.values()) this.#flush(one);
    }
  }

  #flush(window: Window): void {
    if (window.groupRows === 0) return;
    window.file.flush(window.groupRows, this.#windows.size <= KEPT_MAX);
    this.#bufferedBytes -= window.groupBytes;
    window.groupRows = 0;
    window.groupBytes = 0;
  }
}

const clipped = (timeMs: number): number => Math.max(-TIME_MS_MAX, Math.min(TIME_MS_MAX, timeMs));

const idIn = (run: SourceRun, index: number): string =>
  isNamed(run) ? (run.ids[index] ?? '') : String(run.first + index);
