/** Jobs, as `append.config.ts` writes them. PROTOCOL.md says what they do. */
import type { Column, RowFormat, WindowLength } from '../aggregate/ports.ts';

interface JobInput<Name extends string> {
  /** A target with `format: 'log'`, whose records are read. */
  readonly source: Name;
  /** How long the windows are into which records fall by their own time, UTC. */
  readonly window: WindowLength;
  /** Columns of the job's own, after those that all rows have. By name, in this order. */
  readonly columns?: Readonly<Record<string, Omit<Column, 'name'>>>;
  /** How long after its end the objects of an interval are left alone, in milliseconds, for what is late. Default: 60,000. */
  readonly graceMs?: number;
  /** Bytes of the source that one piece of work reads, 1 MiB to 8 GiB. Default: 1 GiB. */
  readonly claimBytesMax?: number;
  /** Bytes of memory that the engine may take, 128 MiB or more. Default: 512 MiB. */
  readonly memoryBytesMax?: number;
}

/** Files of rows: one row a record, each record once. */
export interface CompactJobInput<Name extends string> extends JobInput<Name> {
  readonly kind: 'compact';
  /** Directory of a window's files, a key template of text and `{time:…}`: `tables/events/day={time:yyyy-MM-dd}`. */
  readonly output: string;
  /** Default: `parquet`. */
  readonly format?: RowFormat;
  /** Columns by whose values the rows of a file are in order. Default: as they were appended. */
  readonly sort?: readonly string[];
}

/** What SQL makes of the records of a window: rows, again with a higher revision whenever there are more records. */
export interface RollupJobInput<Name extends string> extends JobInput<Name> {
  readonly kind: 'rollup';
  /** A query over the view `records`: `SELECT count(*) AS orders FROM records`. */
  readonly sql: string;
  /** Columns of the result that tell the rows of a window apart. Default: their place in the result. */
  readonly rowKey?: readonly string[];
  /**
   * Where its rows go. `target`: a `log` target with a key of text and `{time:…}`, which gets them as records. `files`: a
   * directory of Parquet for each window, a key template like `output`: `rollups/hourly/day={time:yyyy-MM-dd}/hour={time:HH}`.
   */
  readonly into: { readonly target: Name } | { readonly files: string };
  /** Where the records of each window are kept as files to work on. Default: a directory beside the job's log. */
  readonly output?: string;
}

/** Where the jobs keep what they have done: a log each. */
export interface JobLogsInput {
  /** What their keys start with. Default: `jobs/`. */
  readonly prefix: string;
}
