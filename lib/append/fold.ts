import { COMMIT_PREFIX, type Commit, parseCommitLine } from './commit.ts';
import { crc64, crc64Combine } from './crc64.ts';
import type { EncodedAppend } from './encode.ts';
import { ACTIVE_MS_MAX, type Activity } from './pace.ts';
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

/** The largest append to a log. A call brings 32 MB, and text and bytes grow when they become lines. */
export const APPEND_BYTES_MAX = 48 * 1024 * 1024;
/** Bytes without a commit line are kept this long, waiting for one; half of it is always room for a whole append. */
const UNCOVERED_BYTES_MAX = 2 * APPEND_BYTES_MAX;
/** Commits whose writer and time are kept: a few turns of more writers than one object is good for. */
const ACTIVITY_MAX = 512;
const LINE_END = 10;
const NOTHING = Buffer.alloc(0);

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
  readonly #ids = new Map<string, { readonly entry: Entry; readonly record: number }>();
  /** Oldest first. */
  readonly #entries: Entry[] = [];
  /** Who wrote lately, oldest first. */
  #activity: Activity[] = [];

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

  /** Who committed lately, for pacing. */
  get activity(): readonly Activity[] {
    return this.#activity;
  }

  find(source: string, id: string): Known | undefined {
    const place = this.#ids.get(idKey(source, id));
    if (place === undefined) return undefined;
    const { start, end, writer } = place.entry;
    return { start, end, writer, record: place.record };
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
      // An empty view would keep all of the bytes that were read.
      const rest = this.#uncovered.subarray(lineEnd + 1);
      this.#uncovered = rest.length === 0 ? NOTHING : rest;
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
    const names = commit.sources.flatMap(({ source, ids }) => ids.map((id) => idKey(source, id)));
    const entry: Entry = { start: position(commit.start), end, lineStart, writer: commit.writer, names };
    for (const [record, name] of names.entries()) this.#ids.set(name, { entry, record });
    this.#entries.push(entry);
    this.#activity.push({ writer: commit.writer, atMs: commit.atMs, turn: commit.turn });
    if (this.#activity.length > ACTIVITY_MAX) this.#forgetActivity(commit.atMs);
  }

  #forgetActivity(nowMs: number): void {
    const recent = this.#activity.filter(({ atMs }) => atMs > nowMs - ACTIVE_MS_MAX);
    this.#activity = recent.slice(-ACTIVITY_MAX / 2);
  }

  #evict(): void {
    const oldest = this.#end - this.windowBytes;
    let gone = 0;
    for (const entry of this.#entries) {
      if (entry.lineStart >= oldest) break;
      for (const name of entry.names) if (this.#ids.get(name)?.entry === entry) this.#ids.delete(name);
      gone++;
    }
    this.#entries.splice(0, gone);
  }

  /** Foreign bytes must not make a writer's memory grow without end (PROTOCOL.md §3.3). */
  #trim(): void {
    if (this.#uncovered.length <= UNCOVERED_BYTES_MAX) return;
    // Down to half, so that the bytes that stay are not copied with every push.
    const drop = this.#uncovered.length - UNCOVERED_BYTES_MAX / 2;
    // A line as long as that is no commit line: what is left of it is passed over.
    if (drop > this.#scanned) this.#midLine = true;
    this.#uncovered = Buffer.from(this.#uncovered.subarray(drop));
    this.#scanned = Math.max(0, this.#scanned - drop);
  }

  /** Position of the first uncovered byte. */
  #base(): number {
    return this.#end - this.#uncovered.length;
  }
}

/** What is kept of a commit: memory goes by the ids of the window, so no more than this. */
interface Entry {
  readonly start: Position;
  readonly end: Position;
  /** Where its commit line starts. */
  readonly lineStart: number;
  readonly writer: string;
  /** Of its records, in order. */
  readonly names: readonly string[];
}

// A source holds no NUL (§3.2), so the two cannot run into each other.
const idKey = (source: string, id: string): string => `${source}\0${id}`;

function countLines(data: Buffer): number {
  let lines = 0;
  for (let at = data.indexOf(LINE_END); at >= 0; at = data.indexOf(LINE_END, at + 1)) lines++;
  return lines;
}
