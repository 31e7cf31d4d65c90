/**
 * Finds the commits of a log segment in its bytes (PROTOCOL.md §3.2): a commit counts only if the lines before it have
 * its count, length and checksum, begin where it says, and are covered by no commit before it. What no commit covers is
 * passed over (§3.6).
 */
import { looksLikeCheckpoint, parseCheckpointLine } from '../append/checkpoint.ts';
import { COMMIT_PREFIX, type Commit, parseCommitLine } from '../append/commit.ts';
import { crc64 } from '../append/crc64.ts';
import { UNCOVERED_BYTES_MAX } from '../append/fold.ts';

export interface FoundCommit {
  readonly commit: Commit;
  /** Where its line ends, in bytes from the start of the object. */
  readonly end: number;
  /** The data lines that it covers, without their line ends. They are views: they hold the whole append in memory. */
  readonly lines: readonly Uint8Array[];
  /** The same, with their line ends. */
  readonly data: Uint8Array;
  /** Whether the byte before them is known to be a line end. */
  readonly startsLine: boolean;
}

const LINE_END = 10;
const NOTHING = Buffer.alloc(0);

/** Of one segment, from `start` on. It keeps the bytes that no commit covers yet, 96 MiB of them at most. */
export class CommitScan {
  readonly #uncoveredBytesMax: number;
  /** Bytes up to the last that was pushed that may still be covered. */
  #held: Buffer = NOTHING;
  /** Where `held` starts in the object. */
  #base = 0;
  /** How much of `held` has been looked at: whole lines only. */
  #scanned = 0;
  #closed = false;
  /** Whether a line starts with `held`. */
  #startsLine: boolean;

  /** `start`: where the first byte that is pushed is in the object. */
  constructor({ uncoveredBytesMax = UNCOVERED_BYTES_MAX, start = 0 } = {}) {
    this.#uncoveredBytesMax = uncoveredBytesMax;
    this.#base = start;
    this.#startsLine = start === 0;
  }

  /** True once a commit has closed the segment (§3.5). */
  get closed(): boolean {
    return this.#closed;
  }

  /** Takes the bytes that follow, cut anywhere; gives the commits that end in them, in order. */
  *push(bytes: Uint8Array): Generator<FoundCommit> {
    this.#held = this.#held.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#held, bytes]);
    for (;;) {
      const lineEnd = this.#held.indexOf(LINE_END, this.#scanned);
      if (lineEnd < 0) break;
      const lineStart = this.#scanned;
      this.#scanned = lineEnd + 1;
      const found = this.#lookAt(lineStart, lineEnd);
      if (found !== null) yield found;
    }
    this.#trim();
  }

  #lookAt(lineStart: number, lineEnd: number): FoundCommit | null {
    const held = this.#held;
    if (held.toString('latin1', lineStart, lineStart + COMMIT_PREFIX.length) !== COMMIT_PREFIX) return null;
    const line = held.toString('utf8', lineStart, lineEnd);
    const at = this.#base + lineStart;
    if (looksLikeCheckpoint(line)) {
      // It is nobody's data, so no later commit covers it.
      if (parseCheckpointLine(line)?.position === at) this.#drop(lineEnd + 1);
      return null;
    }
    const commit = parseCommitLine(line);
    if (commit === null) return null;
    const dataStart = lineStart - commit.bytes;
    if (dataStart < 0) return null;
    const startsLine = dataStart === 0 ? this.#startsLine : held[dataStart - 1] === LINE_END;
    // After a line end of its own, if the bytes before the append lacked one (§3).
    const lead = this.#base + dataStart - commit.start;
    if (lead !== 0 && (lead !== 1 || !startsLine)) return null;
    const data = held.subarray(dataStart, lineStart);
    if (crc64(data) !== commit.crc64) return null;
    const lines = linesOf(data);
    if (lines.length !== commit.records) return null;
    this.#closed ||= commit.closes;
    this.#drop(lineEnd + 1);
    return { commit, end: this.#base, lines, data, startsLine };
  }

  #drop(count: number): void {
    this.#startsLine = this.#held[count - 1] === LINE_END;
    const rest = this.#held.subarray(count);
    // An empty view would keep all of the bytes that were read.
    this.#held = rest.length === 0 ? NOTHING : rest;
    this.#base += count;
    this.#scanned = Math.max(0, this.#scanned - count);
  }

  #trim(): void {
    if (this.#held.length <= this.#uncoveredBytesMax) return;
    // Down to half, so that the bytes that stay are not copied with every push.
    this.#drop(this.#held.length - this.#uncoveredBytesMax / 2);
    this.#held = Buffer.from(this.#held);
  }
}

/** Of bytes that end with a line end. */
function linesOf(data: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let start = 0; start < data.length; ) {
    const end = data.indexOf(LINE_END, start);
    if (end < 0) return [];
    lines.push(data.subarray(start, end));
    start = end + 1;
  }
  return lines;
}
