import { type Commit, isNamed, numberedRun } from './commit.ts';
import { digestOf } from './digest.ts';
import { Numbers, type SourceNumbers, type Verdict } from './numbers.ts';
import type { DedupeWindow, LogRecord, Position } from './types.ts';

/**
 * The records that a log remembers: its dedupe window (PROTOCOL.md §4.1).
 *
 * What it holds is a function of the commits alone: a run of records is forgotten once `records` others were committed
 * after it, or once the latest commit is `ageMs` later than its own. So whoever folds the same commits knows the same.
 */
export interface Place {
  readonly segment: number;
  readonly start: Position;
  readonly end: Position;
  /** Empty if it was learnt from a checkpoint. */
  readonly writer: string;
  /** Time of the commit, epoch milliseconds. */
  readonly atMs: number;
  readonly record: number;
}

/** Neighbouring records of one append that are known by their ids. */
export interface Run extends Omit<Place, 'record'> {
  /** Which data line the first of them is. */
  readonly firstRecord: number;
  /** Digests of the records, in order. */
  readonly digests: readonly string[];
}

/** All that a window holds. */
export interface WindowState {
  /** Oldest first. */
  readonly runs: readonly Run[];
  readonly numbers: readonly SourceNumbers[];
  /** Time of the latest commit, epoch milliseconds; minus infinity if there was none. */
  readonly latestMs: number;
}

/** An append that is in: its segment and the bytes it takes. */
export interface Landed {
  readonly segment: number;
  readonly start: Position;
  readonly end: Position;
}

/** What the log says of a record. `place` is null for one that is known by its number only. */
export type Finding = Exclude<Verdict, { verdict: 'in' }> | { verdict: 'in'; place: Place | null };

const NEW: Finding = { verdict: 'new' };
/** Forgotten runs are taken out of the list so many at a time. */
const GONE_MAX = 1000;

/** Of a numbered source: the runs of its last commit, whose places are known. */
interface Recent extends Omit<Place, 'record'> {
  readonly runs: {
    readonly epoch: number | null;
    readonly first: number;
    readonly count: number;
    at: number;
  }[];
}

export class Window {
  readonly limits: DedupeWindow;
  readonly #numbers: Numbers;
  readonly #places = new Map<string, { readonly run: Run; readonly record: number }>();
  readonly #recent = new Map<string, Recent>();
  #runs: Run[];
  /** How many of `#runs`, from the front, are forgotten: still in the list. */
  #gone = 0;
  #records = 0;
  #latestMs: number;

  constructor(limits: DedupeWindow, state?: WindowState) {
    this.limits = limits;
    this.#numbers = new Numbers(limits.records, state?.numbers);
    this.#latestMs = state?.latestMs ?? Number.NEGATIVE_INFINITY;
    this.#runs = [];
    for (const run of state?.runs ?? []) this.#remember(run);
    this.#forget();
  }

  /** `digest` is the record's, by `digestOf`. */
  find({ source, numbered }: LogRecord, digest: string): Finding {
    if (numbered !== undefined) {
      const place = this.#recentPlace(source, numbered);
      if (place !== null) return { verdict: 'in', place };
      const told = this.#numbers.judge(source, numbered);
      return told.verdict === 'in' ? { verdict: 'in', place: null } : told;
    }
    const found = this.#places.get(digest);
    if (found === undefined) return NEW;
    const { segment, start, end, writer, atMs, firstRecord } = found.run;
    const record = firstRecord + found.record;
    return { verdict: 'in', place: { segment, start, end, writer, atMs, record } };
  }

  /** Takes a commit that is in. `digests` are those of its records, if they are known already. */
  accept(commit: Commit, landed: Landed, digests?: readonly string[]): void {
    const { runs, numbered } = split(commit, landed, digests);
    for (const run of runs) this.#remember(run);
    for (const run of numbered) this.#numbers.accept(run);
    if (numbered.length > 0) this.#noteRecent(commit, landed, numbered);
    this.#latestMs = Math.max(this.#latestMs, commit.atMs);
    this.#forget();
  }

  /** What it will hold after `commit`. */
  stateAfter(commit: Commit, landed: Landed, digests?: readonly string[]): WindowState {
    const next = new Window(this.limits, {
      runs: this.#runs.slice(this.#gone),
      numbers: this.#numbers.all(),
      latestMs: this.#latestMs,
    });
    next.accept(commit, landed, digests);
    return { runs: next.#runs.slice(next.#gone), numbers: next.#numbers.all(), latestMs: next.#latestMs };
  }

  #remember(run: Run): void {
    for (const [record, digest] of run.digests.entries()) this.#places.set(digest, { run, record });
    this.#runs.push(run);
    this.#records += run.digests.length;
  }

  /** One commit's runs at a time, and never the last one's: whoever made it has yet to look them up. */
  #forget(): void {
    const { records, ageMs } = this.limits;
    const sinceMs = ageMs === null ? Number.NEGATIVE_INFINITY : this.#latestMs - ageMs;
    for (;;) {
      const [oldest, next, length] = this.#oldest();
      if (oldest === undefined || next === undefined) break;
      if (this.#records - length < records && oldest.atMs >= sinceMs) break;
      for (; this.#runs[this.#gone] !== next; this.#gone++) this.#drop(this.#runs[this.#gone]);
      this.#records -= length;
    }
    if (this.#gone < GONE_MAX) return;
    this.#runs = this.#runs.slice(this.#gone);
    this.#gone = 0;
  }

  /** A run of the oldest commit, one of the next commit, and how many records lie between. */
  #oldest(): [Run | undefined, Run | undefined, number] {
    const oldest = this.#runs[this.#gone];
    let length = 0;
    for (let at = this.#gone; at < this.#runs.length; at++) {
      const run = this.#runs[at];
      if (run?.start !== oldest?.start || run?.segment !== oldest?.segment) return [oldest, run, length];
      length += run?.digests.length ?? 0;
    }
    return [oldest, undefined, length];
  }

  #drop(run: Run | undefined): void {
    for (const digest of run?.digests ?? [])
      if (this.#places.get(digest)?.run === run) this.#places.delete(digest);
  }

  #noteRecent(
    { sources, writer, atMs }: Commit,
    landed: Landed,
    numbered: readonly { readonly source: string }[],
  ): void {
    for (const { source } of numbered) this.#recent.delete(source);
    let at = 0;
    for (const run of sources) {
      if (!isNamed(run)) {
        const recent = this.#recent.get(run.source) ?? { ...landed, writer, atMs, runs: [] };
        recent.runs.push({ ...numberedRun(run), at });
        this.#recent.set(run.source, recent);
      }
      at += run.ageMs.length;
    }
    const own = new Set(numbered.map(({ source }) => source));
    for (const source of this.#recent.keys()) {
      if (this.#recent.size <= this.limits.records || own.has(source)) break;
      this.#recent.delete(source);
    }
  }

  #recentPlace(source: string, { number, epoch }: NonNullable<LogRecord['numbered']>): Place | null {
    const recent = this.#recent.get(source);
    const run = recent?.runs.find(
      (one) => one.epoch === epoch && one.first <= number && number < one.first + one.count,
    );
    if (recent === undefined || run === undefined) return null;
    const { segment, start, end, writer, atMs } = recent;
    return { segment, start, end, writer, atMs, record: run.at + number - run.first };
  }
}

/** The records of a commit: those with ids as runs of a window, and those with numbers. */
function split({ sources, atMs, writer }: Commit, landed: Landed, digests?: readonly string[]) {
  const runs: Run[] = [];
  const numbered = [];
  let firstRecord = 0;
  for (const run of sources) {
    const end = firstRecord + run.ageMs.length;
    if (isNamed(run)) {
      const { source, ids } = run;
      const named = digests?.slice(firstRecord, end) ?? ids.map((id) => digestOf(source, id));
      runs.push({ ...landed, writer, atMs, firstRecord, digests: named });
    } else numbered.push(numberedRun(run));
    firstRecord = end;
  }
  return { runs, numbered };
}
