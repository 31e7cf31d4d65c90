/**
 * Looks at every byte of one segment of a log, and says what of it is not as PROTOCOL.md §3 has it.
 *
 * It is written apart from the scan that readers use (`reader/scan.ts`), so that a mistake in one shows in the other. It
 * holds the bytes that no commit covers yet, 96 MiB of them at most, as every reader has to.
 */
import { type Checkpoint, looksLikeCheckpoint, parseCheckpointLine } from '../append/checkpoint.ts';
import { COMMIT_PREFIX, type Commit, parseCommitLine } from '../append/commit.ts';
import { crc64 } from '../append/crc64.ts';
import { UNCOVERED_BYTES_MAX } from '../append/fold.ts';
import { namesOf, type RecordName } from '../reader.ts';
import type { RecordWindow } from './window.ts';

/** What is wrong, by the rule that it breaks. Programs read it; the message is for people. */
export type FaultCode =
  /** Bytes that no commit covers: appended by other means, or damaged. */
  | 'Uncovered'
  /** A commit line that does not stand for what is before it. */
  | 'BadCommit'
  /** A checkpoint line that does not say what the bytes before it say. */
  | 'BadCheckpoint'
  /** A commit that points to another place than where the last checkpoint is. */
  | 'BadPointer'
  /** A record that was in the dedupe window already. */
  | 'Repeat'
  /** A producer's record out of sequence, or of an epoch that had ended. */
  | 'OutOfSequence'
  /** Bytes after the commit that closed the segment, or a segment after one that is not closed. */
  | 'NotClosed'
  /** The object is not what the store says of it, or none of a log. */
  | 'BadObject'
  /** A segment is not there, and a later one is; or an object is not there of which a job has rows. */
  | 'MissingObject'
  /** Of what a job has committed: a record has no row, a row is no record, a record has two. */
  | 'NotAggregated'
  | 'NotAccepted'
  | 'AggregatedTwice'
  /** A job's files are not what its log says. */
  | 'BadOutput';

export interface Fault {
  readonly code: FaultCode;
  readonly object: string;
  /** The bytes that it is about, [start, end) of the object. */
  readonly start: number;
  readonly end: number;
  readonly message: string;
}

/** A record that a valid commit covers. */
export interface AuditedRecord extends RecordName {
  /** The data line without its line end. A view: good until the next bytes are pushed. */
  readonly line: Uint8Array;
  readonly start: number;
  readonly record: number;
}

const LINE_END = 10;

export class SegmentAudit {
  readonly #object: string;
  readonly #segment: number;
  readonly #window: RecordWindow;
  readonly #fault: (fault: Fault) => void;
  #held: Buffer = Buffer.alloc(0);
  /** Where `held` starts in the object: what is before it was judged. */
  #base = 0;
  #scanned = 0;
  /** Where the last commit or checkpoint line ended. */
  #coveredEnd = 0;
  #crc64 = 0n;
  #last: Commit | null = null;
  /** The commit that the line before was, for a checkpoint line to follow. */
  #justBefore: Commit | null = null;
  #checkpoint = 0;
  #commits = 0;
  #records = 0;

  constructor(
    place: { readonly object: string; readonly segment: number; readonly window: RecordWindow },
    fault: (fault: Fault) => void,
  ) {
    this.#object = place.object;
    this.#segment = place.segment;
    this.#window = place.window;
    this.#fault = fault;
  }

  get closed(): boolean {
    return this.#last?.closes ?? false;
  }
  get commits(): number {
    return this.#commits;
  }
  /** Records that the commit lines cover. */
  get records(): number {
    return this.#records;
  }
  /** CRC-64/XZ of the bytes so far. */
  get crc64(): bigint {
    return this.#crc64;
  }

  /** Takes the bytes that follow, cut anywhere; gives the records of the commits that end in them. */
  *push(bytes: Uint8Array): Generator<AuditedRecord> {
    this.#held = Buffer.concat([this.#held, bytes]);
    for (;;) {
      const lineEnd = this.#held.indexOf(LINE_END, this.#scanned);
      if (lineEnd < 0) break;
      const lineStart = this.#scanned;
      this.#scanned = lineEnd + 1;
      const isOurs =
        this.#held.toString('latin1', lineStart, lineStart + COMMIT_PREFIX.length) === COMMIT_PREFIX;
      if (!isOurs) {
        this.#justBefore = null;
        continue;
      }
      const line = this.#held.toString('utf8', lineStart, lineEnd);
      if (looksLikeCheckpoint(line)) this.#takeCheckpoint(line, lineStart);
      else yield* this.#takeCommit(line, lineStart);
    }
    const tooMuch = this.#held.length - UNCOVERED_BYTES_MAX;
    if (tooMuch > 0) this.#passOver(tooMuch + UNCOVERED_BYTES_MAX / 2);
  }

  /** After the last byte. `sum` is what the store says of the object, null if it does not. */
  end({ length, crc64: sum }: { readonly length: number; readonly crc64: bigint | null }): void {
    this.#sum(this.#held);
    const end = this.#base + this.#held.length;
    if (end > this.#coveredEnd) this.#uncovered(this.#coveredEnd, end);
    if (end !== length)
      this.#say('BadObject', end, length, `the store says that it has ${length} bytes, and ${end} were read`);
    if (sum !== null && sum !== this.#crc64)
      this.#say('BadObject', 0, end, `its bytes have the checksum ${this.#crc64}, and the store says ${sum}`);
  }

  *#takeCommit(line: string, lineStart: number): Generator<AuditedRecord> {
    const at = this.#base + lineStart;
    const lineEnd = at + Buffer.byteLength(line) + 1;
    const commit = parseCommitLine(line);
    if (commit === null) return this.#say('BadCommit', at, lineEnd, 'a commit line that cannot be read');
    const dataStart = lineStart - commit.bytes;
    const lead = this.#base + dataStart - commit.start;
    const data = this.#held.subarray(Math.max(0, dataStart), lineStart);
    const why = this.#whyNot(commit, { dataStart, lead, data });
    if (why !== null) return this.#say('BadCommit', at, lineEnd, `a commit line says ${why}`);
    if (commit.start > this.#coveredEnd) this.#uncovered(this.#coveredEnd, commit.start);
    if (this.#last?.closes)
      this.#say('NotClosed', commit.start, lineEnd, 'an append after the commit that closed the segment');
    if (commit.checkpoint !== this.#checkpoint)
      this.#say(
        'BadPointer',
        at,
        lineEnd,
        `a commit points to a checkpoint at ${commit.checkpoint}, and the last one is at ${this.#checkpoint}`,
      );
    this.#take(commit, lineEnd);
    const names = namesOf(commit);
    let start = 0;
    for (const [record, name] of names.entries()) {
      const end = data.indexOf(LINE_END, start);
      yield { ...name, line: data.subarray(start, end), start: commit.start, record };
      start = end + 1;
    }
    this.#judged(lineEnd - this.#base);
  }

  /** What in `commit` is not so, null if all is. */
  #whyNot(commit: Commit, found: { dataStart: number; lead: number; data: Buffer }): string | null {
    const { dataStart, lead, data } = found;
    if (lead !== 0 && lead !== 1) return `that its append starts at ${commit.start}, which its length denies`;
    if (dataStart < 0 || commit.start < this.#coveredEnd) return 'that it covers what another commit covers';
    let lines = 0;
    for (let end = data.indexOf(LINE_END); end >= 0; end = data.indexOf(LINE_END, end + 1)) lines++;
    if (lines !== commit.records) return `that it covers ${commit.records} records, and there are ${lines}`;
    if (crc64(data) !== commit.crc64) return 'another checksum than its records have';
    return null;
  }

  #take(commit: Commit, end: number): void {
    for (const { code, message } of this.#window.take(commit, { segment: this.#segment, end }))
      this.#say(code, commit.start, end, message);
    this.#last = commit;
    this.#justBefore = commit;
    this.#coveredEnd = end;
    this.#commits++;
    this.#records += commit.records;
  }

  #takeCheckpoint(line: string, lineStart: number): void {
    const at = this.#base + lineStart;
    const end = at + Buffer.byteLength(line) + 1;
    this.#sum(this.#held.subarray(0, lineStart));
    this.#drop(lineStart);
    const checkpoint = parseCheckpointLine(line);
    const why = checkpoint === null ? 'cannot be read' : this.#whyNotCheckpoint(checkpoint, at);
    if (why !== null) this.#say('BadCheckpoint', at, end, `a checkpoint line ${why}`);
    if (checkpoint?.position === at) {
      this.#checkpoint = at;
      if (this.#coveredEnd === at) this.#coveredEnd = end;
    }
    this.#justBefore = null;
    this.#judged(end - this.#base);
  }

  #whyNotCheckpoint(checkpoint: Checkpoint, at: number): string | null {
    if (checkpoint.position !== at) return `says that it is at ${checkpoint.position}`;
    if (checkpoint.segment !== this.#segment) return `says that it is in segment ${checkpoint.segment}`;
    if (this.#justBefore === null) return 'does not follow a commit line';
    if (checkpoint.closes !== this.#justBefore.closes) return 'does not close what its commit closes';
    if (checkpoint.crc64 !== null && checkpoint.crc64 !== this.#crc64)
      return `says that the bytes before it have the checksum ${checkpoint.crc64}, and they have ${this.#crc64}`;
    return this.#window.whyNot(checkpoint.window);
  }

  #uncovered(start: number, end: number): void {
    this.#say('Uncovered', start, end, `${end - start} bytes that no commit covers`);
  }

  #say(code: FaultCode, start: number, end: number, message: string): void {
    this.#fault({ code, object: this.#object, start, end, message });
  }

  /** The first `count` bytes held are done with. */
  #judged(count: number): void {
    this.#sum(this.#held.subarray(0, count));
    this.#drop(count);
  }

  #passOver(count: number): void {
    this.#judged(count);
    this.#held = Buffer.from(this.#held);
  }

  #sum(bytes: Uint8Array): void {
    this.#crc64 = crc64(bytes, this.#crc64);
  }

  #drop(count: number): void {
    this.#held = this.#held.subarray(count);
    this.#base += count;
    this.#scanned = Math.max(0, this.#scanned - count);
  }
}
