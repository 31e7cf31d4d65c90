/** Adds up what an audit finds. */
import type { GroupState } from '../aggregate/fold.ts';
import type { Job } from '../aggregate/job.ts';
import type { GroupSource } from '../aggregate/plan.ts';
import type { Comparison } from './comparer.ts';
import { type AuditedObject, type AuditReport, FAULTS_TOLD_MAX, type JobTotals } from './report.ts';
import type { Fault } from './segment.ts';

const HASH_BITS = 64;
const sum64 = (one: bigint, other: bigint): bigint => BigInt.asUintN(HASH_BITS, one + other);

export class Tally {
  readonly #target: string;
  readonly #atMs: number;
  readonly #objects: AuditedObject[] = [];
  readonly #faults: Fault[] = [];
  readonly #jobs: Map<
    string,
    { -readonly [Key in keyof JobTotals]: Key extends 'hash' ? bigint : JobTotals[Key] }
  >;
  #faultCount = 0;
  #commits = 0;
  #accepted = 0;
  #stored = 0;
  #hash = 0n;
  bytes = 0;

  constructor(target: string, atMs: number, jobs: readonly Job[]) {
    this.#target = target;
    this.#atMs = atMs;
    const nothing = { behindBytes: 0, records: 0, distinct: 0, rows: 0, rowsOfRetired: 0, hash: 0n };
    this.#jobs = new Map(jobs.map(({ name }) => [name, { job: name, ...nothing }]));
  }

  fault(fault: Fault): void {
    this.#faultCount++;
    if (this.#faults.length < FAULTS_TOLD_MAX) this.#faults.push(fault);
  }

  /** A data line that is there. */
  record(content: bigint): void {
    this.#stored++;
    this.#hash = sum64(this.#hash, content);
  }

  object({ commits, ...object }: AuditedObject & { readonly commits: number }): void {
    this.#objects.push(object);
    this.#commits += commits;
    this.#accepted += object.records;
    this.bytes += object.length;
  }

  /** What a job has of an interval; null if that could not be compared. */
  job(
    { name }: Job,
    { objects }: GroupSource,
    groups: readonly GroupState[],
    found: Comparison | null,
  ): void {
    const totals = this.#jobs.get(name);
    if (totals === undefined) return;
    const ends = new Map(groups.flatMap((group) => [...group.ends]));
    for (const { key, length, type } of objects)
      if (type === 'Appendable') totals.behindBytes += Math.max(0, length - (ends.get(key) ?? 0));
    if (found === null) return;
    totals.records += found.records;
    totals.distinct += found.distinct;
    totals.rows += found.rows;
    totals.rowsOfRetired += found.rowsOfRetired;
    totals.hash = sum64(totals.hash, found.hash);
  }

  report(): AuditReport {
    return {
      v: 1,
      target: this.#target,
      atMs: this.#atMs,
      sound: this.#faultCount === 0,
      logs: {
        bytes: this.bytes,
        commits: this.#commits,
        accepted: this.#accepted,
        stored: this.#stored,
        hash: String(this.#hash),
      },
      objects: this.#objects,
      jobs: [...this.#jobs.values()].map((totals) => ({ ...totals, hash: String(totals.hash) })),
      faultCount: this.#faultCount,
      faults: this.#faults,
    };
  }
}
