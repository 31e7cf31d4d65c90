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

  /** What it holds. */
  state(): WindowState {
    return {
      runs: this.#runs.slice(this.#gone),
      numbers: this.#numbers.all(),
      latestMs: this.#latestMs,
    };
  }

  /** What it will hold after `commit`. */
  stateAfter(commit: Commit, landed: Landed, digests?: readonly string[]): WindowState {
    const { runs, numbered } = split(commit, landed, digests);
    const all = this.#runs.slice(this.#gone).concat(runs);
    const latestMs = Math.max(this.#latestMs, commit.atMs);
    const records = this.#records + countOf(runs);
    const numbers = new Numbers(this.limits.records, this.#numbers.all());
    for (const run of numbered) numbers.accept(run);
    const forgotten = forgottenOf(all, 0, { records, latestMs, limits: this.limits });
    return { runs: all.slice(forgotten.end), numbers: numbers.all(), latestMs };
  }

  #remember(run: Run): void {
    run.digests.forEach((digest, record) => {
      this.#places.set(digest, { run, record });
    });
    this.#runs.push(run);
    this.#records += run.digests.length;
  }

  #forget(): void {
    const { limits } = this;
    const known = { records: this.#records, latestMs: this.#latestMs, limits };
    const { end, records } = forgottenOf(this.#runs, this.#gone, known);
    for (; this.#gone < end; this.#gone++) this.#drop(this.#runs[this.#gone]);
    this.#records = records;
    if (this.#gone < GONE_MAX) return;
    this.#runs = this.#runs.slice(this.#gone);
    this.#gone = 0;
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

/**
 * Where in `runs` the first is that stays, of those from `start` on, which hold `records`; and how many records stay. One
 * commit's runs go at a time, and never the last one's: whoever made it has yet to look them up.
 */
function forgottenOf(
  runs: readonly Run[],
  start: number,
  known: { readonly records: number; readonly latestMs: number; readonly limits: DedupeWindow },
): { end: number; records: number } {
  const { latestMs, limits } = known;
  const sinceMs = limits.ageMs === null ? Number.NEGATIVE_INFINITY : latestMs - limits.ageMs;
  let { records } = known;
  let end = start;
  for (;;) {
    const oldest = runs[end];
    if (oldest === undefined) break;
    let next = end;
    let length = 0;
    for (let run: Run | undefined = oldest; run !== undefined && isOfOne(run, oldest); run = runs[++next])
      length += run.digests.length;
    if (next === runs.length || (records - length < limits.records && oldest.atMs >= sinceMs)) break;
    end = next;
    records -= length;
  }
  return { end, records };
}

const isOfOne = (a: Run, b: Run): boolean => a.start === b.start && a.segment === b.segment;

const countOf = (runs: readonly Run[]): number => runs.reduce((sum, run) => sum + run.digests.length, 0);

/** The records of a commit: those with ids as runs of a window, and those with numbers. */
function split({ sources, atMs, writer }: Commit, landed: Landed, digests?: readonly string[]) {
  const { segment, start } = landed;
  const runs: Run[] = [];
  const numbered = [];
  let firstRecord = 0;
  for (const run of sources) {
    const end = firstRecord + run.ageMs.length;
    if (isNamed(run)) {
      const { source, ids } = run;
      const named = digests?.slice(firstRecord, end) ?? ids.map((id) => digestOf(source, id));
      // Spelt out: to add to a copy of another object takes V8 far longer, and reading the result does too.
      runs.push({ segment, start, end: landed.end, writer, atMs, firstRecord, digests: named });
    } else numbered.push(numberedRun(run));
    firstRecord = end;
  }
  return { runs, numbered };
}
