/**
 * Removes what was appended long ago, once it is elsewhere (PROTOCOL.md §10.6): a log is closed for good, all jobs that
 * read it commit it to the last byte, their parts are looked at, and then its segments are replaced by tombstones.
 *
 * Nothing is removed that a job has not committed, or whose parts are not what the job's log says. What is late goes to the
 * log's next segment, and is aggregated and removed like any other.
 */
import { JobError } from './aggregate/errors.ts';
import type { Aggregator, Job } from './aggregate/job.ts';
import { layoutOf } from './aggregate/output.ts';
import { sourceLayout } from './aggregate/source.ts';
import { Calls } from './aggregator/calls.ts';
import { JobLog } from './aggregator/job-log.ts';
import { type OldLog, oldLogs } from './aggregator/old-logs.ts';
import type { Tuning } from './aggregator.ts';
import { ruleOf } from './append/errors.ts';
import { segmentKey } from './append/segment.ts';
import type { DedupeWindow } from './append/types.ts';
import type { Appender } from './appender.ts';
import { entomb, NotEntombed } from './entomb.ts';
import type { KeyTemplate } from './key-template.ts';
import type { Retirer } from './retirer.ts';
import type { Runtime } from './runtime.ts';
import { type Bucket, type ObjectInfo, StoreError } from './store/port.ts';

export interface RetentionTarget {
  readonly name: string;
  /** With calendar time in it. */
  readonly key: KeyTemplate;
  readonly dedupe: DedupeWindow;
  /** How long after the end of its interval a log is kept, milliseconds. */
  readonly ageMs: number;
}

export interface RetentionCall {
  readonly remainingMs: () => number;
  /** Says what would be done, and does nothing. */
  readonly dryRun?: boolean;
}

export interface RetentionResult {
  readonly logs: readonly RetiredLog[];
  /** All that is old enough was looked at. */
  readonly finished: boolean;
}

export interface RetiredLog {
  /** Key of its first segment. */
  readonly key: string;
  /** Segments that are (or would be) replaced, and their bytes. */
  readonly segments: number;
  readonly bytes: number;
  /** `kept`: not this time; `reason` says why. In a dry run, `removed` is what would be. */
  readonly outcome: 'removed' | 'kept';
  readonly reason: string | null;
}

export interface RetentionOptions {
  readonly store: Bucket;
  readonly appender: Appender;
  readonly retirer: Retirer;
  /** Commits what jobs have not committed yet. */
  readonly aggregator: Aggregator;
  readonly runtime: Runtime;
  readonly requestTimeoutMs?: number;
  /** Sizes of the jobs' logs that have defaults. */
  readonly log?: Pick<Tuning, 'tailBytes' | 'stateBytes' | 'segmentBytesMax'>;
}

export interface Retention {
  /**
   * `jobs`: all that read the target, one at least. Throws the first `JobError` (`OutputMissing`: a part is not there, or
   * is not what was written), `AppendError` or `StoreError` when the rest is done.
   */
  run(target: RetentionTarget, jobs: readonly Job[], call: RetentionCall): Promise<RetentionResult>;
}

export function createRetention(options: RetentionOptions): Retention {
  return {
    run: (target, jobs, call) => {
      if (jobs.length === 0) throw new RangeError(`no job reads ${target.name}: its records would be lost`);
      return new RetentionRun(options, target, jobs, call).run();
    },
  };
}

interface Segment extends ObjectInfo {
  readonly object: string;
  readonly segment: number;
}

class RetentionRun {
  readonly #options: RetentionOptions;
  readonly #target: RetentionTarget;
  readonly #jobs: readonly Job[];
  readonly #call: RetentionCall;
  readonly #calls: Calls;
  readonly #logs = new Map<string, JobLog>();
  /** Groups of jobs whose parts were looked at. */
  readonly #verified = new Set<string>();

  constructor(options: RetentionOptions, target: RetentionTarget, jobs: readonly Job[], call: RetentionCall) {
    const { store, runtime, requestTimeoutMs } = options;
    this.#options = options;
    this.#target = target;
    this.#jobs = jobs;
    this.#call = call;
    this.#calls = new Calls({ store, runtime, remainingMs: call.remainingMs, requestTimeoutMs });
  }

  async run(): Promise<RetentionResult> {
    const { runtime } = this.#options;
    const { key, ageMs, name } = this.#target;
    const layout = sourceLayout(key, 'minute');
    const listed = [];
    for await (const object of this.#calls.list(layout.listPrefix)) listed.push(object);
    const done: RetiredLog[] = [];
    const failures: unknown[] = [];
    let finished = true;
    for (const log of oldLogs(layout, listed, runtime.now() - ageMs)) {
      try {
        const one = await this.#retire(log);
        done.push(one);
        runtime.log.info('retention-log', { target: name, dryRun: this.#call.dryRun === true, ...one });
      } catch (error) {
        if (isOutOfTime(error)) {
          finished = false;
          break;
        }
        const code = error instanceof Error && 'code' in error ? String(error.code) : null;
        const message = error instanceof Error ? error.message : String(error);
        runtime.log.error('retention-failed', { target: name, key: log.first, code, message });
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
    return { logs: done, finished };
  }

  async #retire({ first, last }: OldLog): Promise<RetiredLog> {
    const { retirer } = this.#options;
    const { dryRun = false } = this.#call;
    const call = { remainingMs: this.#call.remainingMs, dedupe: this.#target.dedupe };
    const end = dryRun ? last : await retirer.retire(first, call);
    const segments = await this.#segments(first, end ?? -1);
    const bytes = segments.reduce((sum, { length }) => sum + length, 0);
    const result = (outcome: RetiredLog['outcome'], reason: string | null): RetiredLog => ({
      key: first,
      segments: segments.length,
      bytes,
      outcome,
      reason,
    });
    for (const job of this.#jobs) {
      // While a claim is open, a rebuild may be at its parts.
      const isOpen = (await this.#logOf(job)).fold.group(groupOf(job, first)).open !== null;
      if (!isOpen) await this.#verify(job, first);
      const reason = await this.#misses(job, first, segments);
      if (reason !== null) return result('kept', reason);
      await this.#verify(job, first);
    }
    if (dryRun) return result('removed', null);
    for (const job of this.#jobs) {
      const objects = segments.map(({ object, length }) => ({ object, length }));
      const log = await this.#logOf(job);
      if (!(await log.append({ type: 'retired', group: groupOf(job, first), objects })))
        return result('kept', `${job.name} is at work on ${groupOf(job, first)}`);
    }
    const jobs = this.#jobs.map(({ name, output }) => ({ job: name, output: output.text }));
    for (const { segment, length, crc64 } of segments) {
      if (crc64 === null) return result('kept', 'the store tells no checksum of it');
      try {
        await entomb(this.#entombing, { key: first, segment, length, crc64, jobs }, call);
      } catch (error) {
        // Somebody appended to it by other means: that is not in any part.
        if (error instanceof NotEntombed) return result('kept', error.message);
        throw error;
      }
    }
    return result('removed', null);
  }

  get #entombing() {
    const { retirer, store, runtime } = this.#options;
    return { retirer, bucket: store, runtime };
  }

  /** Of a log's segments up to `last`, those that are no tombstones. */
  async #segments(first: string, last: number): Promise<Segment[]> {
    const found: Segment[] = [];
    for (let segment = 0; segment <= last; segment++) {
      const object = segmentKey(first, segment);
      const info = await this.#calls.head(object);
      if (info?.type === 'Appendable') found.push({ ...info, object, segment });
    }
    return found;
  }

  /** What a job has not committed of the segments, null if it has all. */
  async #misses(job: Job, first: string, segments: readonly Segment[]): Promise<string | null> {
    const group = groupOf(job, first);
    const log = await this.#logOf(job);
    const missing = () => {
      const { open, ends } = log.fold.group(group);
      const short = segments.find(({ object, length }) => ends.get(object) !== length);
      if (open !== null) return `${job.name} is at work on ${group}`;
      return short === undefined ? null : `${job.name} has not committed all of ${short.object}`;
    };
    if (missing() === null || this.#call.dryRun === true) return missing();
    await this.#options.aggregator.backfill(job, group, { remainingMs: this.#call.remainingMs });
    await log.readOn();
    return missing();
  }

  /** The job's parts of the group are there, as its log says. Throws `JobError` `OutputMissing`. */
  async #verify(job: Job, first: string): Promise<void> {
    const group = groupOf(job, first);
    const log = await this.#logOf(job);
    for (const { key, bytes, crc64 } of log.fold.group(group).parts) {
      if (this.#verified.has(key)) continue;
      const info = await this.#calls.head(key);
      const agrees = crc64 === null || info?.crc64 == null || info.crc64 === crc64;
      if (info?.length !== bytes || !agrees)
        throw new JobError(
          'OutputMissing',
          `${key}, which ${job.name} made of ${group}, is ${info === null ? 'not there' : 'not what it wrote'}. Rebuild ${group} of ${job.name} while ${first} is there; nothing of it is removed.`,
        );
      this.#verified.add(key);
    }
  }

  async #logOf(job: Job): Promise<JobLog> {
    const known = this.#logs.get(job.name);
    if (known !== undefined) {
      await known.readOn();
      return known;
    }
    const { appender, runtime, log: sizes } = this.#options;
    const log = await JobLog.read({ key: job.logKey, calls: this.#calls, appender, runtime, ...sizes });
    if (log.fold.layout !== null && log.fold.layout !== layoutOf(job))
      throw new JobError(
        'JobChanged',
        `The job ${job.name} was ${log.fold.layout} so far, and is ${layoutOf(job)}. Put it back before anything is removed.`,
      );
    this.#logs.set(job.name, log);
    return log;
  }
}

const groupOf = ({ source, window }: Job, first: string): string =>
  sourceLayout(source.key, window).parse(first)?.group.name ?? '';

/** `put` ends with its last failure when its time is up, and a failure that may pass ends it at no other time. */
const isOutOfTime = (error: unknown): boolean =>
  error instanceof StoreError
    ? ruleOf(error).retry !== 'never'
    : error instanceof JobError && error.code === 'OutOfTime';
