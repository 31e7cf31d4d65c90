/**
 * What the jobs ask of the world: an engine that makes tables of records, and a way to have the rest of a run done
 * elsewhere. The store is the port in `store/port.ts`. PROTOCOL.md tells what jobs promise; here is what they need for it.
 */
import type { CommittedPart, Range } from './types.ts';

/** Makes tables. Works on local disk, in bounded memory; asks no store and no clock. */
export interface Engine {
  /**
   * Rows of the records that valid commits cover in `ranges`: of each identity the first, unless `earlier` has it. One
   * file a window, in `directory`; a window without rows has none. Throws `EngineError`.
   */
  compact(work: CompactWork): Promise<Compacted>;
  /** The rows of `sql` over the records of one window, in the files that `compact` made. Throws `EngineError`. */
  rollup(work: RollupWork): Promise<readonly RolledUpRow[]>;
  /**
   * The same as a Parquet file: the result's columns, and before them `window` (its start), `revision`, `row` (the key)
   * and `rows` (how many there are). Throws `EngineError`.
   */
  rollupFile(work: RollupWork & { readonly revision: number }): Promise<RowFile>;
  /** An empty file of rows, to put in the place of another. Its path. */
  empty(shape: Pick<CompactWork, 'format' | 'columns' | 'directory'>): Promise<string>;
  /** One with the columns of `file`, which `rollupFile` made. Its path, in `directory`. */
  emptyLike(work: { readonly file: string; readonly directory: string }): Promise<string>;
  /** What is wrong with the columns and the SQL of a job, before there is anything to run it on; empty: nothing. */
  check(job: CheckedJob): Promise<readonly EngineMistake[]>;
  /** How many rows files have, and the sum of their content hashes, modulo 2⁶⁴. Throws `EngineError`. */
  hash(work: HashWork): Promise<{ readonly rows: number; readonly hash: bigint }>;
}

export interface CheckedJob {
  readonly columns: readonly Column[];
  readonly sort?: readonly string[];
  /** Of a rollup. */
  readonly sql?: string;
  readonly rowKey?: readonly string[];
}

export interface EngineMistake {
  /** What it is in: `columns.amount`, `sort`, `sql`, `rowKey`. */
  readonly where: string;
  /** What is wrong; of SQL, as the engine tells it, with the line and the place in it. */
  readonly message: string;
}

export interface HashWork {
  readonly files: readonly string[];
  /** For files of its own; removed by the caller. */
  readonly directory: string;
}

export interface CompactWork {
  /** In the order in which they count. Each is read once, from front to back. */
  readonly ranges: Iterable<RangeBytes>;
  /** Local files of rows of the claims before this one; taken one after the other, each needed until the next is. */
  readonly earlier: AsyncIterable<string>;
  readonly window: WindowLength;
  readonly columns: readonly Column[];
  /** Names of columns to sort each file by; empty leaves the order of the ranges. */
  readonly sort: readonly string[];
  readonly format: RowFormat;
  /** An empty directory for files; what else is left in it is the caller's to remove. */
  readonly directory: string;
  /** Bytes read so far, for progress. */
  readonly onProgress?: (bytes: number) => void;
}

export interface RangeBytes extends Range {
  /** Which log the object belongs to: records of one family with one source, epoch and id are one record. */
  readonly family: string;
  /** The bytes of the range, cut anywhere. */
  readonly pieces: AsyncIterable<Uint8Array>;
}

export interface Compacted {
  readonly files: readonly RowFile[];
  /** Records in the ranges that valid commits cover: `rows` of the files and repeats. */
  readonly records: number;
  readonly repeats: number;
  /** Bytes of the ranges that no commit covers. */
  readonly uncoveredBytes: number;
  /** The sum of the rows' content hashes, modulo 2⁶⁴. */
  readonly hash: bigint;
}

/** A local file of the rows of one window. */
export interface RowFile {
  /** Start of the window, epoch milliseconds. */
  readonly windowMs: number;
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
}

export interface RollupWork {
  /** Parquet that `compact` made. */
  readonly files: readonly string[];
  /** For files of its own; removed by the caller. */
  readonly directory: string;
  readonly windowMs: number;
  readonly window: WindowLength;
  readonly columns: readonly Column[];
  readonly sql: string;
  /** Names of result columns that make a row's key; empty: its place in the result. */
  readonly rowKey: readonly string[];
}

export interface RolledUpRow {
  /** Unique among the rows of a window. */
  readonly key: string;
  /** The row, as a JSON object. */
  readonly json: string;
}

export type WindowLength = 'minute' | 'hour' | 'day';
export type RowFormat = 'parquet' | 'ndjson-gzip' | 'ndjson-zstd';

/** A column of the job's own: what the JSON path finds in a record, as an SQL type; null where it does not fit. */
export interface Column {
  readonly name: string;
  readonly path: string;
  readonly type: string;
}

/**
 * The data or the SQL, not the machine: another try ends the same. `BadSql`: the SQL cannot be run, or not on these
 * records. `BadRows`: a file is none that `compact` made. `TooLarge`: more rows than fit into one append.
 */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: 'BadSql' | 'BadRows' | 'TooLarge';

  constructor(code: EngineError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Has another instance go on with a job. */
export interface Invoker {
  /** Returns once the platform has taken the call. Throws `InvokeError`. */
  invoke(call: { readonly job: string; readonly group: string | null }): Promise<void>;
}

export type { CommittedPart, Range };
