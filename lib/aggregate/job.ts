/** What a job is, as the configuration gives it, and what can be asked of it (PROTOCOL.md §10). */
import type { DedupeWindow } from '../append/types.ts';
import type { KeyTemplate } from '../key-template.ts';
import type { Column, RowFormat, WindowLength } from './ports.ts';

export interface Job {
  /** `[a-z0-9-]+`. */
  readonly name: string;
  readonly kind: 'compact' | 'rollup';
  /** Key of the job's own log. */
  readonly logKey: string;
  readonly source: JobSource;
  readonly window: WindowLength;
  /** Key template of the directory that a window's parts go to: text and `{time:…}` of the window's start. */
  readonly output: KeyTemplate;
  readonly format: RowFormat;
  /** The job's own, after those that every row has. */
  readonly columns: readonly Column[];
  /** Names of columns to sort each part by. */
  readonly sort: readonly string[];
  /** Null for `compact`. A rollup keeps the rows it works on as parts under `output`, too. */
  readonly rollup: Rollup | null;
  /** How long after its end a group waits for late records, milliseconds. */
  readonly graceMs: number;
  /** The most that one claim takes of the source, bytes. */
  readonly claimBytesMax: number;
  /** Groups that a run has others work on beside its own, at most. */
  readonly fanOut: number;
}

/** A log target that is read. */
export interface JobSource {
  /** The target's name. */
  readonly name: string;
  readonly key: KeyTemplate;
}

export interface Rollup {
  /** Over the view `records`: the rows of one window. */
  readonly sql: string;
  /** Names of result columns that make a row's key; empty: its place in the result. */
  readonly rowKey: readonly string[];
  readonly into: RowsTarget | RowsFiles;
}

/** Parquet files: the key template of the directory that a window's go to, like that of `output`. */
export interface RowsFiles {
  readonly files: KeyTemplate;
}

/** A log target that rows are appended to. Its key is made of text and `{time:…}`. */
export interface RowsTarget {
  readonly name: string;
  readonly key: KeyTemplate;
  readonly contentType: string;
  readonly dedupe: DedupeWindow;
  readonly segmentBytesMax: number;
}

/** Runs jobs. Every error of these is a `JobError`, an `EngineError`, a `StoreError` or an `AppendError`. */
export interface Aggregator {
  /** What is due, as far as the time goes; the rest is handed on. A group that fails does not hold up the others. */
  run(job: Job, call: RunCall): Promise<RunResult>;
  /** Whatever is there of a group, whether due or not: one of the past that was left out, or the present one. */
  backfill(job: Job, group: string, call: RunCall): Promise<RunResult>;
  /** Makes the group's parts anew, of all that is in its source objects. */
  rebuild(job: Job, group: string, call: RunCall): Promise<RunResult>;
  /** How far the job is. Reads no source. */
  status(job: Job, call: RunCall): Promise<JobStatus>;
}

export interface RunCall {
  /** What is left of the caller's time, milliseconds; asked again before each step. */
  readonly remainingMs: () => number;
  /** Work on this group alone, and on all that is in it: a call that another run made. */
  readonly group?: string | null;
}

export interface RunResult {
  /** Claims that this run committed. */
  readonly claims: number;
  /** Records in their ranges, rows written, and records that were there before. */
  readonly records: number;
  readonly rows: number;
  readonly repeats: number;
  /** Bytes of the source. */
  readonly bytes: number;
  /** Groups that other instances were called for. */
  readonly handedOn: readonly string[];
  /** Groups where another run is at work. */
  readonly busy: readonly string[];
  /** Nothing that is due was left. */
  readonly finished: boolean;
}

export interface JobStatus {
  readonly groups: readonly GroupStatus[];
}

export interface GroupStatus {
  readonly group: string;
  /** Claims so far, of which the last may be open. */
  readonly claims: number;
  /** When the last one was made, null without any; epoch milliseconds, as is the next. */
  readonly claimedMs: number | null;
  /** Until when a run has it, null if it is not open. */
  readonly openUntilMs: number | null;
  /** Bytes of the source: those that are committed, and all. */
  readonly committedBytes: number;
  readonly bytes: number;
  readonly records: number;
  readonly rows: number;
  readonly repeats: number;
  readonly parts: number;
}
