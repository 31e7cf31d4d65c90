/**
 * A job's log as one run sees it (PROTOCOL.md §10.2): what was read of it, folded, and how to add to it.
 *
 * Nothing is compared and set. A record is appended, then all that came before it is read, and only then is it known
 * whether it is valid.
 */

import { JobError } from '../aggregate/errors.ts';
import { JobFold } from '../aggregate/fold.ts';
import { encodeRecord, type JobRecord, type LogPlace, parseRecord } from '../aggregate/records.ts';
import { AppendError } from '../append/errors.ts';
import { jsonLine } from '../append/record.ts';
import { segmentKey } from '../append/segment.ts';
import type { Appender } from '../appender.ts';
import { CommitScan, type FoundCommit, linesOf } from '../reader/scan.ts';
import { namesOf } from '../reader.ts';
import type { Runtime } from '../runtime.ts';
import type { Calls } from './calls.ts';

/** Of the records of a job's log. No caller can have a record with such a source. */
export const JOB_SOURCE = 'job';
const CONTENT_TYPE = 'application/x-ndjson';
/** Records are appended once by whoever made them: only that one's own attempts have to be recognised. */
const DEDUPE = { records: 1000, ageMs: null };
/** A reader that knows nothing begins with so much of the end; what the last state record leaves open is in it. */
const TAIL_BYTES = 1024 * 1024;
const TAIL_GROWTH = 8;
/** A state record is due after so many bytes, or twice its own if that is more. */
const STATE_BYTES = 256 * 1024;

export interface JobLogOptions {
  readonly key: string;
  readonly calls: Calls;
  readonly appender: Appender;
  readonly runtime: Runtime;
  readonly tailBytes?: number | undefined;
  readonly stateBytes?: number | undefined;
  readonly segmentBytesMax?: number | undefined;
}

export class JobLog {
  fold = JobFold.empty();
  readonly #options: JobLogOptions;
  /** Up to where it was read. */
  #segment = 0;
  #end = 0;
  #scan = new CommitScan();
  /** The append of the last state record. */
  #state: LogPlace | null = null;
  #stateBytes = 0;
  #bytesSinceState = 0;
  /** Whether the records of this run turned out to be valid. */
  readonly #verdicts = new Map<string, boolean>();

  private constructor(options: JobLogOptions) {
    this.#options = options;
  }

  static async read(options: JobLogOptions): Promise<JobLog> {
    const log = new JobLog(options);
    await log.#readCold();
    return log;
  }

  /** Appends a record, and reads all before it; false if it is void. Throws `AppendError`. */
  async append(record: JobRecord): Promise<boolean> {
    const { runtime, key } = this.#options;
    const id = runtime.uuid();
    this.#verdicts.set(id, false);
    const [receipt] = await this.#append(id, record);
    const end = receipt?.end ?? 0;
    while (segmentKey(key, this.#segment) !== receipt?.object) {
      await this.#readOn(Number.POSITIVE_INFINITY);
      if (!this.#scan.closed) throw replaced(key);
      this.#next();
    }
    await this.#readOn(end);
    return this.#verdicts.get(id) === true;
  }

  /** Writes down what is known, if much was appended since that was done last. Left out if someone else was faster. */
  async keepState(): Promise<void> {
    const { stateBytes = STATE_BYTES, runtime } = this.#options;
    if (this.#bytesSinceState < Math.max(stateBytes, 2 * this.#stateBytes)) return;
    try {
      // Only at the end that is known: then it says all that is before it.
      await this.#append(runtime.uuid(), this.fold.snapshot(), this.#end);
    } catch (error) {
      if (!(error instanceof AppendError)) throw error;
      runtime.log.info('job-state-left-out', { code: error.code });
    }
  }

  /** Reads what was appended since. */
  async readOn(): Promise<void> {
    for (;;) {
      await this.#readOn(Number.POSITIVE_INFINITY);
      if (!this.#scan.closed) return;
      this.#next();
    }
  }

  #append(id: string, record: JobRecord, ifPosition?: number) {
    const { appender, key, runtime, calls, segmentBytesMax } = this.#options;
    const line = jsonLine(encodeRecord(record, this.#state));
    return appender.appendRecords(key, [{ line, id, source: JOB_SOURCE, timeMs: runtime.now() }], {
      remainingMs: calls.remainingMs,
      contentType: CONTENT_TYPE,
      dedupe: DEDUPE,
      ...(segmentBytesMax === undefined ? {} : { segmentBytesMax }),
      ...(ifPosition === undefined ? {} : { ifPosition }),
    });
  }

  async #readCold(): Promise<void> {
    const { key, calls, tailBytes = TAIL_BYTES } = this.#options;
    let last = null as Tail | null;
    for (let segment = 0; last === null || last.closed; segment++) {
      const tail = await tailOf(calls, segmentKey(key, segment), segment, tailBytes);
      if (tail === null) break;
      const state = tail.state ?? last?.state ?? null;
      last = { ...tail, state };
    }
    if (last === null) return;
    const from = last.state ?? { segment: 0, position: 0 };
    this.#moveTo(from);
    // Mostly the tail holds all that is needed.
    if (from.segment === last.segment && last.start <= from.position)
      this.#push(last.bytes.subarray(from.position - last.start));
    else await this.readOn();
  }

  #moveTo({ segment, position }: LogPlace): void {
    this.#segment = segment;
    this.#end = position;
    this.#scan = new CommitScan({ from: position });
  }

  #next(): void {
    this.#moveTo({ segment: this.#segment + 1, position: 0 });
  }

  async #readOn(end: number): Promise<void> {
    const key = segmentKey(this.#options.key, this.#segment);
    for await (const read of this.#options.calls.pieces(key, this.#end, end)) {
      if (read === null ? this.#end > 0 : read.length < this.#end) throw replaced(key);
      if (read !== null) this.#push(read.bytes);
      if (this.#end >= (read?.length ?? 0)) return;
    }
  }

  #push(bytes: Uint8Array): void {
    this.#end += bytes.length;
    this.#bytesSinceState += bytes.length;
    for (const found of this.#scan.push(bytes)) this.#take(found);
  }

  #take(found: FoundCommit): void {
    for (const { id, record } of recordsOf(found)) {
      if (record.type === 'state') {
        // The first that a reader comes to is all it has; any other says what is known.
        if (this.fold.layout === null) this.fold = JobFold.restored(record);
        this.#state = { segment: this.#segment, position: found.commit.start };
        this.#stateBytes = found.end - found.commit.start;
        this.#bytesSinceState = this.#end - found.end;
      } else if (this.fold.apply(record)) {
        if (this.#verdicts.has(id)) this.#verdicts.set(id, true);
      } else this.#options.runtime.log.info('job-record-void', { type: record.type, id });
    }
  }
}

interface Tail {
  readonly segment: number;
  readonly start: number;
  readonly bytes: Uint8Array;
  readonly closed: boolean;
  /** Where its last record says that the last state is; null: in no record of the log so far. */
  readonly state: LogPlace | null;
}

/** The end of a segment, with a record in it if the segment has any; null if there is no such segment. */
async function tailOf(calls: Calls, key: string, segment: number, tailBytes: number): Promise<Tail | null> {
  for (let bytesMax = tailBytes; ; bytesMax *= TAIL_GROWTH) {
    const tail = await calls.tail(key, bytesMax);
    if (tail === null) return null;
    const { bytes, start } = tail;
    const firstLine = start === 0 ? 0 : bytes.indexOf(LINE_END) + 1;
    const scan = new CommitScan({ from: start + firstLine });
    let state: LogPlace | null | undefined;
    for (const found of scan.push(bytes.subarray(firstLine)))
      for (const { record, state: before } of recordsOf(found))
        state = record.type === 'state' ? { segment, position: found.commit.start } : before;
    if (state !== undefined || start === 0)
      return { segment, start, bytes, closed: scan.closed, state: state ?? null };
  }
}

const LINE_END = 10;

function* recordsOf(found: FoundCommit) {
  const names = namesOf(found.commit);
  for (const [at, line] of linesOf(found).entries()) {
    const name = names[at];
    const parsed = name?.source === JOB_SOURCE ? parseRecord(Buffer.from(line).toString('utf8')) : null;
    if (name !== undefined && parsed !== null) yield { id: name.id, ...parsed };
  }
}

function replaced(key: string): JobError {
  return new JobError(
    'JobLogMissing',
    `${key}, the log of the job, became shorter. Restore it, or give the job a new name and output.`,
  );
}
