import { COMMIT_PREFIX, type Commit, parseCommitLine } from './commit.ts';
import { crc64, crc64Combine } from './crc64.ts';
import type { EncodedAppend } from './encode.ts';
import type { Position } from './types.ts';
import { byteLength, position } from './types.ts';

/**
 * What a writer knows of a log after reading its bytes up to `end`: the folded state F of PROTOCOL.md §4.
 *
 * Bytes go in with `push`, in order and without gaps, cut anywhere; the writer's own appends go in with `committed`.
 * What comes out is `find`: is a record in the log, and where. Commit lines that start more than `windowBytes` before
 * the end are forgotten, whether they were read or written, so a cold and a warm writer know the same (§4.1).
 */
export interface Known {
  readonly start: Position;
  readonly end: Position;
  readonly writer: string;
  readonly record: number;
}

/** Bytes without a commit line are kept this long, waiting for one; far above the largest append that is taken. */
const UNCOVERED_BYTES_MAX = 96 * 1024 * 1024;
const LINE_END = 10;

export class LogFold {
  readonly windowBytes: number;
  readonly #start: Position;
  #end: Position;
  #crc64: bigint | null;
  #endsLine: boolean;
  /** True until the first line end after a start in the middle of a line. */
  #midLine: boolean;
  /** Bytes up to `end` that no commit covers yet. */
  #uncovered: Buffer = Buffer.alloc(0);
  /** How much of `uncovered` has been looked at: whole lines only. */
  #scanned = 0;
  readonly #ids = new Map<string, Entry>();
  /** Oldest first. */
  readonly #entries: Entry[] = [];

  /**
   * Starts with the bytes from `start` on. If that is not 0 it may be in the middle of a line or a batch: everything
   * up to the first line end is passed over, and the batch is taken on its commit line's word (PROTOCOL.md §4.1).
   */
  constructor(start: Position, options: { windowBytes: number; crc64: bigint | null }) {
    this.windowBytes = options.windowBytes;
    this.#start = start;
    this.#end = start;
    this.#crc64 = options.crc64;
    this.#endsLine = start === 0;
    this.#midLine = start !== 0;
  }

  /** The length of the log as far as it is known. */
  get end(): Position {
    return this.#end;
  }
  /** False if the last byte is not a line end, so that an append has to begin with one. */
  get endsLine(): boolean {
    return this.#endsLine;
  }

  /** The checksum after another `length` bytes whose checksum is `sum`, null if it is not known. */
  crc64After(sum: bigint, length: number): bigint | null {
    return this.#crc64 === null ? null : crc64Combine(this.#crc64, sum, length);
  }

  /** False if `sum`, what the store says of the bytes up to `end`, is not what they were. Null says nothing. */
  agreesWith(sum: bigint | null): boolean {
    if (sum === null) return true;
    this.#crc64 ??= sum;
    return this.#crc64 === sum;
  }

  find(source: string, id: string): Known | undefined {
    const entry = this.#ids.get(idKey(source, id));
    if (entry === undefined) return undefined;
    const { start, writer } = entry.commit;
    return {
      start: position(start),
      end: entry.end,
      writer,
      record: entry.records.get(idKey(source, id)) ?? 0,
    };
  }

  /** Takes the bytes that follow. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#uncovered =
      this.#uncovered.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#uncovered, bytes]);
    this.#moveEnd(
      bytes.length,
      this.#crc64 === null ? null : crc64(bytes, this.#crc64),
      bytes.at(-1) === LINE_END,
    );
    this.#scan();
    this.#trim();
    this.#evict();
  }

  /** Takes an append of our own that landed at `end`. */
  committed({ commit, body, lineBytes, crc64: sum }: EncodedAppend): void {
    this.#uncovered = Buffer.alloc(0);
    this.#scanned = 0;
    this.#midLine = false;
    this.#moveEnd(body.length, this.crc64After(sum, body.length), true);
    this.#accept(commit, this.#end - lineBytes, this.#end);
    this.#evict();
  }

  #moveEnd(bytes: number, sum: bigint | null, endsLine: boolean): void {
    this.#end = position(this.#end + byteLength(bytes));
    this.#crc64 = sum;
    this.#endsLine = endsLine;
  }

  #scan(): void {
    for (;;) {
      const lineEnd = this.#uncovered.indexOf(LINE_END, this.#scanned);
      if (lineEnd < 0) return;
      const lineStart = this.#scanned;
      this.#scanned = lineEnd + 1;
      if (this.#midLine) {
        this.#midLine = false;
        continue;
      }
      const commit = this.#commitAt(lineStart, lineEnd);
      if (commit === null) continue;
      const base = this.#base();
      this.#uncovered = this.#uncovered.subarray(lineEnd + 1);
      this.#scanned = 0;
      this.#accept(commit, base + lineStart, position(base + lineEnd + 1));
    }
  }

  /** The commit on the line at `[lineStart, lineEnd)` of the uncovered bytes, if it stands for what is before it. */
  #commitAt(lineStart: number, lineEnd: number): Commit | null {
    if (this.#uncovered.toString('latin1', lineStart, lineStart + COMMIT_PREFIX.length) !== COMMIT_PREFIX)
      return null;
    const commit = parseCommitLine(this.#uncovered.toString('utf8', lineStart, lineEnd));
    if (commit === null) return null;
    const base = this.#base();
    // §3.2: the append is its data, after a line end if the bytes before it lacked one.
    const lead = base + lineStart - commit.bytes - commit.start;
    if (lead !== 0 && lead !== 1) return null;
    const dataStart = lineStart - commit.bytes;
    if (dataStart < 0) {
      // The data began before what was read. That can only be the batch at the front of a tail.
      return base === this.#start && this.#start !== 0 ? commit : null;
    }
    const data = this.#uncovered.subarray(dataStart, lineStart);
    return countLines(data) === commit.records && crc64(data) === commit.crc64 ? commit : null;
  }

  #accept(commit: Commit, lineStart: number, end: Position): void {
    const entry: Entry = { commit, lineStart, end, records: new Map() };
    let record = 0;
    for (const run of commit.sources) {
      for (const id of run.ids) {
        const key = idKey(run.source, id);
        entry.records.set(key, record++);
        this.#ids.set(key, entry);
      }
    }
    this.#entries.push(entry);
  }

  #evict(): void {
    const oldest = this.#end - this.windowBytes;
    let gone = 0;
    for (const entry of this.#entries) {
      if (entry.lineStart >= oldest) break;
      for (const key of entry.records.keys()) if (this.#ids.get(key) === entry) this.#ids.delete(key);
      gone++;
    }
    this.#entries.splice(0, gone);
  }

  /** Foreign bytes must not make a writer's memory grow without end (PROTOCOL.md §3.3). */
  #trim(): void {
    if (this.#uncovered.length <= UNCOVERED_BYTES_MAX) return;
    const drop = Math.min(this.#scanned, this.#uncovered.length - UNCOVERED_BYTES_MAX);
    this.#uncovered = Buffer.from(this.#uncovered.subarray(drop));
    this.#scanned -= drop;
  }

  /** Position of the first uncovered byte. */
  #base(): number {
    return this.#end - this.#uncovered.length;
  }
}

interface Entry {
  readonly commit: Commit;
  /** Where its commit line starts. */
  readonly lineStart: number;
  readonly end: Position;
  /** Which data line each id is. */
  readonly records: Map<string, number>;
}

// A source holds no NUL (§3.2), so the two cannot run into each other.
const idKey = (source: string, id: string): string => `${source}\0${id}`;

function countLines(data: Buffer): number {
  let lines = 0;
  for (let at = data.indexOf(LINE_END); at >= 0; at = data.indexOf(LINE_END, at + 1)) lines++;
  return lines;
}
