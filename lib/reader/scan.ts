/**
 * Finds the commits of a log segment in its bytes (PROTOCOL.md §3.2): a commit counts only if the lines before it have
 * its count, length and checksum, begin where it says, and are covered by no commit before it. What no commit covers is
 * passed over (§3.6).
 */
import { looksLikeCheckpoint, pointers, STATE_PREFIX } from '../append/checkpoint.ts';
import { COMMIT_PREFIX, type Commit, parseCommitLine } from '../append/commit.ts';
import { crc64 } from '../append/crc64.ts';
import { UNCOVERED_BYTES_MAX } from '../append/fold.ts';

/** Views of what the scan holds: they are good until it is asked for the next. */
export interface FoundCommit {
  readonly commit: Commit;
  /** Where its line ends, in bytes from the start of the object. */
  readonly end: number;
  /** The data lines that it covers, line ends included. */
  readonly data: Buffer;
  /** Where each of them ends in `data`, before its line end. */
  readonly lineEnds: Uint32Array;
  /** Whether the byte before them is known to be a line end. */
  readonly startsLine: boolean;
}

export interface ScanOptions {
  /** Where in the object the first byte is. */
  readonly from?: number;
  /** Whether a line is known to begin there. Default: it is where an append starts. */
  readonly startsLine?: boolean;
  readonly uncoveredBytesMax?: number;
}

const LINE_END = 10;
const PREFIX = Buffer.from(COMMIT_PREFIX);
const NEXT_LINE_PREFIX = Buffer.from(`\n${COMMIT_PREFIX}`);

/**
 * Of one segment, from the start of an append on. It keeps the bytes that no commit covers yet, 96 MiB of them at most,
 * in one buffer that is used again and again: several times faster than to join pieces, and nothing to collect.
 */
export class CommitScan {
  readonly #uncoveredBytesMax: number;
  #buffer = Buffer.alloc(0);
  /** [start, end) of `buffer` are the bytes that may still be covered. */
  #start = 0;
  #end = 0;
  /** What is before this was looked at. It is the line end before a line, or `start`. */
  #seen = 0;
  /** Where `buffer` starts in the object. */
  #base: number;
  /** A line begins at `start`. */
  #startsLine: boolean;
  #lineEnds = new Uint32Array(0);
  #closed = false;
  #coveredBytes = 0;

  constructor({ from = 0, startsLine = true, uncoveredBytesMax = UNCOVERED_BYTES_MAX }: ScanOptions = {}) {
    this.#base = from;
    this.#startsLine = startsLine;
    this.#uncoveredBytesMax = uncoveredBytesMax;
  }

  /** True once a commit has closed the segment (§3.5). */
  get closed(): boolean {
    return this.#closed;
  }

  /** Bytes of the appends that were found, with their commit and checkpoint lines. */
  get coveredBytes(): number {
    return this.#coveredBytes;
  }

  /** Takes the bytes that follow, cut anywhere; gives the commits that end in them, in order. */
  *push(bytes: Uint8Array): Generator<FoundCommit> {
    this.#add(bytes);
    for (;;) {
      const lineStart = this.#commitLineStart();
      if (lineStart < 0) break;
      const lineEnd = this.#held().indexOf(LINE_END, lineStart);
      if (lineEnd < 0) break;
      this.#seen = lineEnd;
      const found = this.#lookAt(lineStart, lineEnd);
      if (found !== null) yield found;
    }
    const excess = this.#end - this.#start - this.#uncoveredBytesMax;
    // Down to half, so that this comes seldom.
    if (excess > 0) this.#drop(this.#start + excess + this.#uncoveredBytesMax / 2, false);
  }

  /** The buffer as far as it is filled. */
  #held(): Buffer {
    return this.#buffer.subarray(0, this.#end);
  }

  /** Where the next line that could be a commit starts, or -1. */
  #commitLineStart(): number {
    const held = this.#held();
    const atStart = this.#startsLine && this.#seen === this.#start;
    if (atStart && PREFIX.equals(held.subarray(this.#start, this.#start + PREFIX.length))) return this.#start;
    const lineEnd = held.indexOf(NEXT_LINE_PREFIX, this.#seen);
    if (lineEnd >= 0) {
      this.#seen = lineEnd;
      return lineEnd + 1;
    }
    // The end may be a part of what is looked for; the start is looked at again while it may be.
    const seen = this.#end - NEXT_LINE_PREFIX.length + 1;
    if (seen > this.#start) this.#seen = Math.max(this.#seen, seen);
    return -1;
  }

  #lookAt(lineStart: number, lineEnd: number): FoundCommit | null {
    const begins = this.#buffer.toString(
      'latin1',
      lineStart,
      Math.min(lineEnd, lineStart + STATE_PREFIX.length),
    );
    if (looksLikeCheckpoint(begins)) {
      // It is nobody's data (§3.1), so no later commit covers it. What it says is a writer's to read, and long.
      const pointer = pointerIn(this.#buffer.subarray(lineStart, lineEnd + 1));
      if (pointer === this.#base + lineStart) this.#cover(lineStart, lineEnd + 1);
      return null;
    }
    const commit = parseCommitLine(this.#buffer.toString('utf8', lineStart, lineEnd));
    if (commit === null) return null;
    const dataStart = lineStart - commit.bytes;
    const startsLine =
      dataStart === this.#start ? this.#startsLine : this.#buffer[dataStart - 1] === LINE_END;
    // After a line end of its own, if the bytes before the append lacked one (§3).
    const lead = this.#base + dataStart - commit.start;
    if (dataStart < this.#start || (lead !== 0 && (lead !== 1 || !startsLine))) return null;
    const data = this.#buffer.subarray(dataStart, lineStart);
    if (crc64(data) !== commit.crc64) return null;
    const lineEnds = this.#lineEndsOf(data, commit.records);
    if (lineEnds === null) return null;
    this.#closed ||= commit.closes;
    this.#cover(Math.max(this.#start, dataStart - lead), lineEnd + 1);
    return { commit, end: this.#base + lineEnd + 1, data, lineEnds, startsLine };
  }

  /** Null if `data` is not so many lines. */
  #lineEndsOf(data: Buffer, records: number): Uint32Array | null {
    // One that closes a log for good has none (§3.7).
    if (data.length === 0) return records === 0 ? this.#lineEnds.subarray(0, 0) : null;
    if (data.at(-1) !== LINE_END) return null;
    if (this.#lineEnds.length < records) this.#lineEnds = new Uint32Array(2 * records);
    let count = 0;
    for (let end = data.indexOf(LINE_END); end >= 0; end = data.indexOf(LINE_END, end + 1)) {
      if (count === records) return null;
      this.#lineEnds[count++] = end;
    }
    return count === records ? this.#lineEnds.subarray(0, count) : null;
  }

  #cover(from: number, to: number): void {
    this.#coveredBytes += to - from;
    this.#drop(to, true);
  }

  #drop(to: number, startsLine: boolean): void {
    this.#start = to;
    this.#seen = to;
    this.#startsLine = startsLine;
  }

  #add(bytes: Uint8Array): void {
    const held = this.#end - this.#start;
    const needed = held + bytes.length;
    if (this.#end + bytes.length > this.#buffer.length) {
      // Half of the room at least is free after it, so a byte is moved once on average.
      const to = needed <= this.#buffer.length / 2 ? this.#buffer : Buffer.allocUnsafeSlow(2 * needed);
      this.#buffer.copy(to, 0, this.#start, this.#end);
      this.#buffer = to;
      this.#base += this.#start;
      this.#seen -= this.#start;
      this.#start = 0;
      this.#end = held;
    }
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }
}

/** Where a line says that the last checkpoint is. */
function pointerIn(line: Buffer): number | null {
  for (const { checkpoint } of pointers(line)) return checkpoint;
  return null;
}

/** The data lines of a commit, without their line ends. */
export function linesOf({ data, lineEnds }: Pick<FoundCommit, 'data' | 'lineEnds'>): Uint8Array[] {
  return Array.from(lineEnds, (end, at) => data.subarray(at === 0 ? 0 : (lineEnds[at - 1] ?? 0) + 1, end));
}
