/**
 * The records of a job's log (PROTOCOL.md §10.2), as JSON. What is none of them is void: a reader passes it over, so a
 * record of a later version or of someone else never stops a job.
 */
import * as z from 'zod/mini';
import type { CommittedPart, Range } from './types.ts';

export type JobRecord = JobBegun | Claim | ClaimCommit | Release | Retired | JobSnapshot;

/** The first one: what decides where rows go and under which names. */
export interface JobBegun {
  readonly type: 'job';
  readonly job: string;
  /** JSON of `layoutOf`. */
  readonly layout: string;
}

export interface Claim {
  readonly type: 'claim';
  readonly group: string;
  readonly seq: number;
  /** Who works on it, until about when: epoch milliseconds by that run's clock. */
  readonly run: string;
  readonly untilMs: number;
  readonly atMs: number;
  /** The run that it takes the claim over from; null: a new claim. */
  readonly over: string | null;
  /** Instead of all parts of the group so far. */
  readonly rebuild: boolean;
  readonly ranges: readonly Range[];
}

export interface ClaimCommit extends Tally {
  readonly type: 'commit';
  readonly group: string;
  readonly seq: number;
  readonly run: string;
  readonly parts: readonly CommittedPart[];
  /** Of a rollup into files: the files of this revision. */
  readonly rollups: readonly CommittedPart[];
}

/** What became of records: each is a row, or a repeat of one. */
export interface Tally {
  readonly records: number;
  readonly rows: number;
  readonly repeats: number;
  /** The sum of the rows' content hashes, modulo 2⁶⁴. */
  readonly hash: bigint;
}

/** The run gives its claim up: whoever comes may take it over at once. */
export interface Release {
  readonly type: 'release';
  readonly group: string;
  readonly seq: number;
  readonly run: string;
}

/** These objects may be tombstones from now on: all of each is committed. */
export interface Retired {
  readonly type: 'retired';
  readonly group: string;
  readonly objects: readonly { readonly object: string; readonly length: number }[];
}

/** All that the records before it come to. */
export interface JobSnapshot {
  readonly type: 'state';
  readonly layout: string | null;
  readonly groups: readonly GroupSnapshot[];
}

export interface GroupSnapshot extends Tally {
  readonly group: string;
  readonly seq: number;
  readonly claimedMs: number;
  readonly open: Claim | null;
  /** How much of each source object is committed. */
  readonly ends: readonly (readonly [object: string, to: number])[];
  /** Those of `ends` that are tombstones, or are about to be. */
  readonly retired: readonly string[];
  readonly parts: readonly CommittedPart[];
  /** Of a rollup into files: of each window the last one. */
  readonly rollups: readonly CommittedPart[];
}

/** Where the append of the last `state` record begins; null: there is none, and readers start with the log. */
export interface LogPlace {
  readonly segment: number;
  readonly position: number;
}

const VERSION = 1;

export function encodeRecord(record: JobRecord, state: LogPlace | null): string {
  const pointer = state && [state.segment, state.position];
  return JSON.stringify({ v: VERSION, ...record, state: pointer }, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
}

/** The record on a line and the place of the last state before it; null if it is none. */
export function parseRecord(json: string): { record: JobRecord; state: LogPlace | null } | null {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return null;
  }
  const record = z.safeParse(recordShape, value);
  const pointer = z.safeParse(pointerShape, value);
  if (!record.success || !pointer.success) return null;
  const at = pointer.data.state;
  return { record: record.data, state: at && { segment: at[0], position: at[1] } };
}

const count = z.int().check(z.gte(0));
const time = z.int();
const text = z.string();
const sum = z.pipe(
  z.string().check(z.regex(/^\d{1,20}$/)),
  z.transform((decimal: string) => BigInt(decimal)),
);

const range = z.object({ object: text, from: count, to: count }).check(z.refine(({ from, to }) => from < to));
const part = z.object({
  key: text,
  windowMs: time,
  rows: count,
  bytes: count,
  crc64: z.nullable(sum),
});
const parts = z.array(part);
const rollups = z._default(parts, []);
const tally = { records: count, rows: count, repeats: count, hash: sum };
const claim = z.object({
  type: z.literal('claim'),
  group: text,
  seq: count,
  run: text,
  untilMs: time,
  atMs: time,
  over: z.nullable(text),
  rebuild: z.boolean(),
  ranges: z.array(range).check(z.minLength(1)),
});
const group = z.object({
  group: text,
  seq: count,
  claimedMs: time,
  open: z.nullable(claim),
  ends: z.array(z.tuple([text, count])),
  retired: z.array(text),
  parts,
  rollups,
  ...tally,
});

const recordShape = z.discriminatedUnion('type', [
  z.object({ type: z.literal('job'), job: text, layout: text }),
  claim,
  z.object({
    type: z.literal('commit'),
    group: text,
    seq: count,
    run: text,
    parts,
    rollups,
    ...tally,
  }),
  z.object({ type: z.literal('release'), group: text, seq: count, run: text }),
  z.object({
    type: z.literal('retired'),
    group: text,
    objects: z.array(z.object({ object: text, length: count })),
  }),
  z.object({ type: z.literal('state'), layout: z.nullable(text), groups: z.array(group) }),
]);
const pointerShape = z.object({ v: z.literal(VERSION), state: z.nullable(z.tuple([count, count])) });
