/** One run of a job (PROTOCOL.md §10.4). */
import { JobError } from '../aggregate/errors.ts';
import type { GroupState } from '../aggregate/fold.ts';
import type { RunResult } from '../aggregate/job.ts';
import {
  affordableBytes,
  bytesOf,
  CLAIM_BYTES_MIN,
  claimable,
  type GroupSource,
  isDue,
  type SourceRange,
  sourceProblem,
  uncovered,
} from '../aggregate/plan.ts';
import { EngineError, type Invoker } from '../aggregate/ports.ts';
import type { Claim, ClaimCommit } from '../aggregate/records.ts';
import { AppendError } from '../append/errors.ts';
import { workOn } from './claim.ts';
import { type Context, nameOf } from './context.ts';
import type { JobLog } from './job-log.ts';
import { cutRange } from './ranges.ts';

/** Of source and parts, until it was measured. */
const BYTES_PER_MS = 8000;

export interface RunOptions {
  readonly context: Context;
  readonly log: JobLog;
  /** Names the run in the log. */
  readonly name: string;
  readonly invoker: Invoker | null;
  /** Makes sure that the job's log has its first record. */
  readonly begin: () => Promise<void>;
  /** What was listed, by group. */
  readonly sources: ReadonlyMap<string, GroupSource>;
}

/** How it ended with a group: nothing is left, another run has it, or the time was up. */
type End = 'done' | 'busy' | 'time';

export class Run {
  readonly #options: RunOptions;
  readonly #handedOn: string[] = [];
  readonly #busy: string[] = [];
  readonly #commits: ClaimCommit[] = [];
  #bytes = 0;
  #bytesPerMs = BYTES_PER_MS;
  #claimMsMax = 0;
  #finished = true;

  constructor(options: RunOptions) {
    this.#options = options;
  }

  /** All that is due, the oldest first. Throws the first error when all the rest is done. */
  async due(): Promise<RunResult> {
    const { context, invoker } = this.#options;
    const { due, failures } = this.#survey();
    const [first, ...others] = due;
    const invited = invoker === null ? [] : others.splice(0, context.job.fanOut);
    for (const { group } of invited) await this.#handOn(group.name);
    for (const source of first === undefined ? [] : [first, ...others]) {
      try {
        if ((await this.#work(source)) === 'time') break;
      } catch (error) {
        if (isOfJob(error)) throw error;
        failures.push(this.#failed(source.group.name, error));
      }
    }
    return this.#result(failures);
  }

  /** All that is there of one group. */
  async all(source: GroupSource): Promise<RunResult> {
    const problem = sourceProblem(source, this.#options.log.fold.group(source.group.name));
    if (problem !== null) throw problem;
    await this.#work(source);
    return this.#result([]);
  }

  /** The same, after what was made of it so far is taken away. */
  async anew(source: GroupSource): Promise<RunResult> {
    const { log } = this.#options;
    const isOpen = log.fold.group(source.group.name).open !== null;
    // What another run left is ended first: a claim is committed whole, or not yet.
    const ended = isOpen ? await this.#step(source) : 'done';
    const end = ended === 'done' ? await this.#step(source, true) : ended;
    if (end === 'done') await this.#work(source);
    else await this.#note(source.group.name, end, false);
    return this.#result([]);
  }

  #survey(): { due: GroupSource[]; failures: unknown[] } {
    const { context, log, sources } = this.#options;
    const { job, layout, runtime } = context;
    const { graceMs, window, claimBytesMax } = job;
    const timing = { nowMs: runtime.now(), graceMs, window, claimBytesMax, isWide: layout.isWide };
    const failures: unknown[] = [];
    const due = [...sources.values()].filter((source) => {
      const state = log.fold.group(source.group.name);
      const problem = sourceProblem(source, state);
      if (problem === null) return isDue(source, state, bytesOf(uncovered(source, state)), timing);
      failures.push(this.#failed(source.group.name, problem));
      return false;
    });
    const isOpen = ({ group }: GroupSource) => log.fold.group(group.name).open !== null;
    due.sort(
      (one, other) => Number(isOpen(other)) - Number(isOpen(one)) || one.group.startMs - other.group.startMs,
    );
    return { due, failures };
  }

  /** Claim after claim, until nothing is left. */
  async #work(source: GroupSource): Promise<End> {
    const { name } = source.group;
    const before = this.#commits.length;
    let end: End;
    do {
      try {
        end = await this.#step(source);
      } catch (error) {
        // If not even one claim was done, that is an error.
        if (!isOutOfTime(error) || this.#commits.length === 0) throw error;
        end = 'time';
      }
    } while (end === 'done' && !this.#isEmpty(source));
    await this.#note(name, end, this.#commits.length > before);
    return end;
  }

  async #note(group: string, end: End, hasDone: boolean): Promise<void> {
    if (end === 'busy') this.#busy.push(group);
    if (end !== 'time') return;
    this.#finished = false;
    // Without anything done, another run would come as far, and so on for ever: that is left to the timer.
    if (hasDone) await this.#handOn(group);
  }

  #isEmpty(source: GroupSource): boolean {
    const state = this.#options.log.fold.group(source.group.name);
    return state.open === null && uncovered(source, state).length === 0;
  }

  /** One claim, from its record to its commit. */
  async #step(source: GroupSource, rebuild = false): Promise<End> {
    const { context, log } = this.#options;
    const { runtime, calls } = context;
    const state = log.fold.group(source.group.name);
    if (state.open !== null && state.open.untilMs > runtime.now()) return 'busy';
    const taken = state.open ?? (await this.#ranges(source, state, rebuild));
    if (taken === null) return 'time';
    const { ranges } = taken;
    if (ranges.length === 0) return 'done';
    const claim: Claim = {
      type: 'claim',
      group: state.group,
      seq: state.open?.seq ?? state.seq + 1,
      run: this.#options.name,
      untilMs: runtime.now() + Math.max(0, Math.ceil(calls.remainingMs())),
      atMs: runtime.now(),
      over: state.open?.run ?? null,
      rebuild: state.open?.rebuild ?? rebuild,
      ranges: ranges.map(({ object, from, to }) => ({ object, from, to })),
    };
    await this.#options.begin();
    if (!(await log.append(claim))) return 'busy';
    return (await this.#fulfil(claim)) ? 'done' : 'busy';
  }

  /** What to claim, null if the time is too short for it. */
  async #ranges(
    source: GroupSource,
    state: GroupState,
    rebuild: boolean,
  ): Promise<{ ranges: readonly SourceRange[] } | null> {
    const { context } = this.#options;
    const { job, calls } = context;
    const open = uncovered(source, rebuild ? { ends: new Map() } : state);
    if (open.length === 0) return { ranges: [] };
    const bytesMax = affordableBytes({
      leftMs: calls.remainingMs(),
      bytesPerMs: this.#bytesPerMs,
      earlierBytes: rebuild ? 0 : state.parts.reduce((sum, { bytes }) => sum + bytes, 0),
      claimBytesMax: job.claimBytesMax,
      claimMsMax: this.#claimMsMax,
    });
    if (bytesMax === 0) return null;
    const { ranges, cut } = claimable(open, bytesMax);
    return { ranges: cut === null ? ranges : [...ranges, await cutRange(calls, cut.range, cut.at)] };
  }

  /** False if another run has taken the claim over, so that what this one meets does not concern it any more. */
  async #fulfil(claim: Claim): Promise<boolean> {
    const { context, log } = this.#options;
    const { runtime, job } = context;
    const startMs = runtime.monotonic();
    const state = log.fold.group(claim.group);
    const bytes = bytesOf(claim.ranges);
    runtime.log.info('job-claim', { ...nameOf(context, claim), bytes, rebuild: claim.rebuild });
    let commit: ClaimCommit;
    try {
      commit = await workOn(context, claim, state);
    } catch (error) {
      await this.#release(claim);
      if (!isReplaced(error) || this.#has(claim)) throw error;
      runtime.log.info('job-claim-lost', nameOf(context, claim));
      return false;
    }
    const isFirst = await log.append(commit);
    const ms = runtime.monotonic() - startMs;
    const read = bytes + (claim.rebuild ? 0 : state.parts.reduce((sum, part) => sum + part.bytes, 0));
    if (read >= CLAIM_BYTES_MIN) this.#bytesPerMs = read / Math.max(1, ms);
    this.#claimMsMax = Math.max(this.#claimMsMax, ms, 1);
    this.#bytes += bytes;
    this.#commits.push(commit);
    const { records, rows, repeats } = commit;
    runtime.log.info('job-commit', {
      job: job.name,
      group: claim.group,
      seq: claim.seq,
      bytes,
      records,
      rows,
      repeats,
      ms,
      isFirst,
    });
    await log.keepState();
    return true;
  }

  #has({ group, seq, run }: Claim): boolean {
    const { open } = this.#options.log.fold.group(group);
    return open?.seq === seq && open.run === run;
  }

  /** So that others need not wait until its time is up. If it does not come to it, they do wait. */
  async #release(claim: Claim): Promise<void> {
    const { context, log } = this.#options;
    const { group, seq, run } = claim;
    try {
      await log.append({ type: 'release', group, seq, run });
    } catch (error) {
      if (!(error instanceof AppendError) && !(error instanceof JobError)) throw error;
      context.runtime.log.warn('job-release-failed', { ...nameOf(context, claim), code: error.code });
    }
  }

  async #handOn(group: string): Promise<void> {
    const { context, invoker } = this.#options;
    if (invoker === null) return;
    try {
      await invoker.invoke({ job: context.job.name, group });
      this.#handedOn.push(group);
      context.runtime.log.info('job-handed-on', { job: context.job.name, group });
    } catch (error) {
      // The next run that the timer starts finds the group due again.
      context.runtime.log.warn('job-invoke-failed', { job: context.job.name, group, message: String(error) });
    }
  }

  #failed(group: string, error: unknown): unknown {
    const code = error instanceof Error && 'code' in error ? String(error.code) : null;
    const message = error instanceof Error ? error.message : String(error);
    this.#options.context.runtime.log.error('job-group-failed', {
      job: this.#options.context.job.name,
      group,
      code,
      message,
    });
    return error;
  }

  #result(failures: readonly unknown[]): RunResult {
    if (failures.length > 0) throw failures[0];
    const sum = (of: (commit: ClaimCommit) => number) =>
      this.#commits.reduce((total, one) => total + of(one), 0);
    return {
      claims: this.#commits.length,
      records: sum(({ records }) => records),
      rows: sum(({ rows }) => rows),
      repeats: sum(({ repeats }) => repeats),
      bytes: this.#bytes,
      handedOn: this.#handedOn,
      busy: this.#busy,
      finished: this.#finished && this.#handedOn.length === 0 && this.#busy.length === 0,
    };
  }
}

/** It would be the same in every group. */
const isOfJob = (error: unknown): boolean => error instanceof EngineError && error.code === 'BadSql';
const isOutOfTime = (error: unknown): boolean => error instanceof JobError && error.code === 'OutOfTime';
/** Retention and rebuilds replace what a frozen run was at. */
const isReplaced = (error: unknown): boolean =>
  error instanceof JobError && (error.code === 'SourceReplaced' || error.code === 'OutputReplaced');
