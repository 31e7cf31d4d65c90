import { type Checkpoint, checkpointLine, looksLikeCheckpoint, parseCheckpointLine } from './checkpoint.ts';
import { COMMIT_PREFIX, type Commit, parseCommitLine } from './commit.ts';
import { crc64, crc64Combine } from './crc64.ts';
import type { EncodedAppend } from './encode.ts';
import { ACTIVE_MS_MAX, type Activity } from './pace.ts';
import type { DedupeWindow, LogRecord, Position } from './types.ts';
import { byteLength, position } from './types.ts';
import { type Finding, Window } from './window.ts';

/**
 * What a writer knows of a log after reading its bytes up to `end`: the folded state F of PROTOCOL.md §4.
 *
 * Bytes of the segment go in with `push`, in order and without gaps, cut anywhere; the writer's own appends go in with
 * `committed`. What comes out is `find`: is a record in the log, and where.
 */
export interface FoldLimits {
  readonly dedupe: DedupeWindow;
  /** A cold writer has to read no more of a segment than this, unless checkpoints are larger than half of it (§3.3). */
  readonly coldBytesMax: number;
}

/** The largest append to a log. A call brings 32 MB, and text and bytes grow when they become lines. */
export const APPEND_BYTES_MAX = 48 * 1024 * 1024;
/** Bytes without a commit line are kept this long, waiting for one; half of it is always room for a whole append. */
export const UNCOVERED_BYTES_MAX = 2 * APPEND_BYTES_MAX;
/** Commits whose writer and time are kept: a few turns of more writers than one object is good for. */
const ACTIVITY_MAX = 512;
/** Of these, how many a checkpoint carries. */
const ACTIVITY_TOLD_MAX = 64;
const LINE_END = 10;
const NOTHING = Buffer.alloc(0);

interface Start {
  readonly segment: number;
  readonly end: Position;
  readonly crc64: bigint | null;
  readonly endsLine: boolean;
  /** Null: the segment has none, and needs one. */
  readonly checkpoint: Position | null;
  readonly window: Window;
  readonly activity: readonly Activity[];
  readonly committedEnd: Position | null;
}

export class LogFold {
  readonly limits: FoldLimits;
  readonly segment: number;
  #window: Window;
  #end: Position;
  #crc64: bigint | null;
  #endsLine: boolean;
  #closed = false;
  #entombed = false;
  /** Where the last commit line ends, null if none was seen; in the segment before, if this one has none yet. */
  #committedEnd: Position | null;
  /** Where the last checkpoint line starts, 0 if the fold started with the object, null if one is needed. */
  #checkpoint: Position | null;
  #checkpointBytes = 0;
  /** In what is left of a line too long to be looked at. */
  #midLine = false;
  /** Bytes up to `end` that no commit covers yet. */
  #uncovered: Buffer = NOTHING;
  /** How much of `uncovered` has been looked at: whole lines only. */
  #scanned = 0;
  /** Who wrote lately, oldest first. */
  #activity: Activity[];

  private constructor(limits: FoldLimits, start: Start) {
    this.limits = limits;
    this.segment = start.segment;
    this.#window = start.window;
    this.#end = start.end;
    this.#crc64 = start.crc64;
    this.#endsLine = start.endsLine;
    this.#checkpoint = start.checkpoint;
    this.#activity = [...start.activity];
    this.#committedEnd = start.committedEnd;
  }

  /** Of a log that is empty, or whose first segment is about to be read from its start. */
  static empty(limits: FoldLimits): LogFold {
    const zero = position(0);
    const window = new Window(limits.dedupe);
    const start = {
      segment: 0,
      end: zero,
      crc64: 0n,
      endsLine: true,
      checkpoint: zero,
      window,
      activity: [],
      committedEnd: null,
    };
    return new LogFold(limits, start);
  }

  /** Of a segment about to be read from this checkpoint line on. */
  static restored(limits: FoldLimits, checkpoint: Checkpoint): LogFold {
    const { segment, crc64: sum, activity } = checkpoint;
    const at = position(checkpoint.position);
    const window = new Window(limits.dedupe, checkpoint.window);
    return new LogFold(limits, {
      segment,
      end: at,
      crc64: sum,
      endsLine: true,
      checkpoint: at,
      window,
      activity,
      committedEnd: at,
    });
  }

  /** Of a segment of which nothing but its end is known. */
  static unknown(
    limits: FoldLimits,
    end: { segment: number; end: Position; crc64: bigint | null; endsLine: boolean },
  ): LogFold {
    const window = new Window(limits.dedupe);
    return new LogFold(limits, { ...end, checkpoint: null, window, activity: [], committedEnd: null });
  }

  /** The same log at the start of its next segment (§3.5). This fold is not used any more. */
  next(): LogFold {
    return new LogFold(this.limits, {
      segment: this.segment + 1,
      end: position(0),
      crc64: 0n,
      endsLine: true,
      checkpoint: null,
      window: this.#window,
      activity: this.#activity,
      committedEnd: this.#committedEnd,
    });
  }

  /** The length of the segment as far as it is known. */
  get end(): Position {
    return this.#end;
  }
  /** False if the last byte is not a line end, so that an append has to begin with one. */
  get endsLine(): boolean {
    return this.#endsLine;
  }
  /** True once a commit has closed the segment. */
  get closed(): boolean {
    return this.#closed;
  }
  /** True if the bytes are those of a tombstone, which stands for the segment (§3.7). It is closed then. */
  get entombed(): boolean {
    return this.#entombed;
  }
  /** Whether an append at the end is what a caller means by `at`: a receipt tells where its commit line ends (§4.6). */
  isAt(at: Position): boolean {
    return at === this.#end || (at === this.#committedEnd && this.#uncovered.length === 0);
  }
  /** Where the last checkpoint line starts, 0 if there is none. */
  get checkpoint(): number {
    return this.#checkpoint ?? 0;
  }
  /** Who committed lately, for pacing. */
  get activity(): readonly Activity[] {
    return this.#activity;
  }

  /** `digest` is the record's, by `digestOf`. */
  find(record: LogRecord, digest: string): Finding {
    return this.#window.find(record, digest);
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

  /**
   * The checkpoint line for after `commit`, if one is due there: when a cold writer would have to read too much else, and
   * at the start of a segment that is not the first. `bytes` and `sum` are of the append up to the end of the commit line.
   */
  checkpointAfter(commit: Commit, bytes: number, sum: bigint, digests: readonly string[]): string | null {
    const end = position(this.#end + bytes);
    const readMax = Math.max(this.limits.coldBytesMax, 2 * this.#checkpointBytes);
    if (this.#checkpoint !== null && end - this.#checkpoint <= readMax) return null;
    const landed = { segment: this.segment, start: this.#end, end };
    return checkpointLine({
      position: end,
      segment: this.segment,
      crc64: this.crc64After(sum, bytes),
      closes: commit.closes,
      entombed: false,
      activity: [...this.#activity, ...activityOf(commit)].slice(-ACTIVITY_TOLD_MAX),
      window: this.#window.stateAfter(commit, landed, digests),
    });
  }

  /** A checkpoint line at `at` that closes the segment and adds nothing to what is known; `sum` is of what is before it. */
  closingLine(at: Position, sum: bigint | null, { entombed = false } = {}): string {
    return checkpointLine({
      position: at,
      segment: this.segment,
      crc64: sum,
      closes: true,
      entombed,
      activity: entombed ? [] : this.#activity.slice(-ACTIVITY_TOLD_MAX),
      window: this.#window.state(),
    });
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
  }

  /** Takes an append of our own that landed at `end`. */
  committed({ commit, body, crc64: sum, digests, checkpointBytes }: EncodedAppend): void {
    this.#uncovered = NOTHING;
    this.#scanned = 0;
    this.#midLine = false;
    this.#moveEnd(body.length, this.crc64After(sum, body.length), true);
    const committedEnd = position(this.#end - checkpointBytes);
    this.#accept(commit, committedEnd, digests);
    if (checkpointBytes > 0) this.#checkpointAt(committedEnd, checkpointBytes);
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
      if (this.#midLine) this.#midLine = false;
      else if (this.#takes(lineStart, lineEnd)) {
        // An empty view would keep all of the bytes that were read.
        const rest = this.#uncovered.subarray(lineEnd + 1);
        this.#uncovered = rest.length === 0 ? NOTHING : rest;
        this.#scanned = 0;
      }
    }
  }

  /** Whether the line at `[lineStart, lineEnd)` of the uncovered bytes is one of ours, and stands for what is before it. */
  #takes(lineStart: number, lineEnd: number): boolean {
    if (this.#uncovered.toString('latin1', lineStart, lineStart + COMMIT_PREFIX.length) !== COMMIT_PREFIX)
      return false;
    const line = this.#uncovered.toString('utf8', lineStart, lineEnd);
    const base = this.#end - this.#uncovered.length;
    if (looksLikeCheckpoint(line)) {
      const checkpoint = parseCheckpointLine(line);
      if (checkpoint?.position !== base + lineStart || checkpoint.segment !== this.segment) return false;
      this.#checkpointAt(position(checkpoint.position), lineEnd + 1 - lineStart);
      this.#closed ||= checkpoint.closes;
      if (checkpoint.entombed) this.#restore(checkpoint);
      return true;
    }
    const commit = parseCommitLine(line);
    if (commit === null || !this.#covers(commit, base, lineStart)) return false;
    this.#accept(commit, position(base + lineEnd + 1));
    return true;
  }

  /** §3.2: the append is its data, after a line end if the bytes before it lacked one. */
  #covers(commit: Commit, base: number, lineStart: number): boolean {
    const dataStart = lineStart - commit.bytes;
    const lead = base + dataStart - commit.start;
    if ((lead !== 0 && lead !== 1) || dataStart < 0) return false;
    // What is before the uncovered bytes ends with a line end.
    if (lead === 1 && dataStart > 0 && this.#uncovered[dataStart - 1] !== LINE_END) return false;
    const data = this.#uncovered.subarray(dataStart, lineStart);
    return countLines(data) === commit.records && crc64(data) === commit.crc64;
  }

  #accept(commit: Commit, end: Position, digests?: readonly string[]): void {
    // One without records only closes the segment: nothing is forgotten because of it, however late it comes.
    if (commit.records > 0)
      this.#window.accept(commit, { segment: this.segment, start: position(commit.start), end }, digests);
    this.#closed ||= commit.closes;
    this.#committedEnd = end;
    this.#activity.push(...activityOf(commit));
    if (this.#activity.length > ACTIVITY_MAX) this.#forgetActivity(commit.atMs);
  }

  /** What was in the segment is known from its tombstone alone. */
  #restore({ window, activity }: Checkpoint): void {
    this.#entombed = true;
    this.#window = new Window(this.limits.dedupe, window);
    this.#activity = [...activity];
    this.#committedEnd = null;
  }

  #checkpointAt(at: Position, bytes: number): void {
    this.#checkpoint = at;
    this.#checkpointBytes = bytes;
  }

  #forgetActivity(nowMs: number): void {
    const recent = this.#activity.filter(({ atMs }) => atMs > nowMs - ACTIVE_MS_MAX);
    this.#activity = recent.slice(-ACTIVITY_MAX / 2);
  }

  /** Foreign bytes must not make a writer's memory grow without end (PROTOCOL.md §3.6). */
  #trim(): void {
    if (this.#uncovered.length <= UNCOVERED_BYTES_MAX) return;
    // Down to half, so that the bytes that stay are not copied with every push.
    const drop = this.#uncovered.length - UNCOVERED_BYTES_MAX / 2;
    // A line as long as that is no commit line: what is left of it is passed over.
    if (drop > this.#scanned) this.#midLine = true;
    this.#uncovered = Buffer.from(this.#uncovered.subarray(drop));
    this.#scanned = Math.max(0, this.#scanned - drop);
  }
}

const activityOf = ({ writer, atMs, turn }: Commit): Activity[] =>
  turn === null ? [] : [{ writer, atMs, turn }];

function countLines(data: Buffer): number {
  let lines = 0;
  for (let at = data.indexOf(LINE_END); at >= 0; at = data.indexOf(LINE_END, at + 1)) lines++;
  return lines;
}
