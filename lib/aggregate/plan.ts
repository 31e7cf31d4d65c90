/** What a job has to do, from its fold and a listing of its source (PROTOCOL.md §10.4). */
import { JobError } from './errors.ts';
import type { GroupState } from './fold.ts';
import type { WindowLength } from './ports.ts';
import type { Group, SourceLayout, SourceObject } from './source.ts';
import { spanStart } from './time.ts';
import type { Range } from './types.ts';

/** An object of the bucket, as a listing tells of it. */
export interface ListedObject {
  readonly key: string;
  /** Bytes. */
  readonly length: number;
  readonly type: string;
}

export interface SourceRange extends Range {
  readonly family: string;
}

/** A group and what is there of it. */
export interface GroupSource {
  readonly group: Group;
  /** In the order in which they count: by log, and of a log by segment. */
  readonly objects: readonly (SourceObject & ListedObject)[];
}

/** A claim has no more ranges than this, so that its record stays small. */
const RANGES_MAX = 1000;

/** The source's objects by group, and keys under its prefix that it does not make. */
export function groupsOf(
  layout: SourceLayout,
  listed: Iterable<ListedObject>,
): { sources: ReadonlyMap<string, GroupSource>; strays: readonly string[] } {
  const found = new Map<string, { group: Group; objects: (SourceObject & ListedObject)[] }>();
  const strays: string[] = [];
  for (const object of listed) {
    const parsed = layout.parse(object.key);
    if (parsed === null) {
      strays.push(object.key);
      continue;
    }
    const { group } = parsed;
    const known = found.get(group.name) ?? { group, objects: [] };
    found.set(group.name, known);
    known.objects.push({ ...parsed, ...object });
  }
  for (const { objects } of found.values()) objects.sort(byPlace);
  return { sources: found, strays };
}

const byPlace = (one: SourceObject, other: SourceObject): number =>
  one.first === other.first ? one.segment - other.segment : one.first < other.first ? -1 : 1;

/** What no commit of the group covers. The listing may be older than the commits. */
export function uncovered({ objects }: GroupSource, { ends }: Pick<GroupState, 'ends'>): SourceRange[] {
  return objects.flatMap(({ key, length, type, family }) => {
    const from = ends.get(key) ?? 0;
    // An ordinary object is a tombstone or none of ours: nothing in it is source.
    return type === APPENDABLE && length > from ? [{ object: key, from, to: length, family }] : [];
  });
}

/** `SourceReplaced`, or null. The listing has to be younger than the commits. */
export function sourceProblem(
  { group, objects }: GroupSource,
  { ends, retired }: Pick<GroupState, 'ends' | 'retired'>,
): JobError | null {
  for (const { key, length, type } of objects) {
    const from = ends.get(key) ?? 0;
    if (type === APPENDABLE ? length >= from : from === 0 || retired.includes(key)) continue;
    return new JobError(
      'SourceReplaced',
      `${key} is an object of type ${type} with ${length} bytes, and ${from} bytes of what was there are in the rows of ${group.name} already. Put it back as it was, or rebuild ${group.name} from what is there now.`,
    );
  }
  return null;
}

const APPENDABLE = 'Appendable';

export interface Timing {
  readonly nowMs: number;
  readonly graceMs: number;
  readonly window: WindowLength;
  readonly isWide: boolean;
  readonly claimBytesMax: number;
}

/**
 * Whether there is something to do in a group now. Where a group is longer than a window, it is worked on once a window
 * before its end, or for a whole claim: each reads the parts before it, so more often would be dear.
 */
export function isDue(
  { group }: Pick<GroupSource, 'group'>,
  { open, claimedMs }: Pick<GroupState, 'open' | 'claimedMs'>,
  bytes: number,
  { nowMs, graceMs, window, isWide, claimBytesMax }: Timing,
): boolean {
  if (open !== null) return open.untilMs <= nowMs;
  if (bytes === 0) return false;
  if (group.endMs + graceMs <= nowMs) return true;
  if (isWide && bytes >= claimBytesMax) return true;
  return isWide && spanStart(nowMs - graceMs, window) > spanStart(claimedMs - graceMs, window);
}

/** Ranges for one claim: from the first on, `bytesMax` of them; the last one is to be `cut` there, if it goes on. */
export function claimable(
  ranges: readonly SourceRange[],
  bytesMax: number,
): { ranges: SourceRange[]; cut: { range: SourceRange; at: number } | null } {
  const taken: SourceRange[] = [];
  let left = bytesMax;
  for (const range of ranges.slice(0, RANGES_MAX)) {
    const bytes = range.to - range.from;
    if (bytes > left) {
      // What a small rest of a claim could take is not worth the search for where to cut.
      const isWorth = taken.length === 0 || left > bytesMax / 4;
      return { ranges: taken, cut: isWorth ? { range, at: range.from + left } : null };
    }
    taken.push(range);
    left -= bytes;
  }
  return { ranges: taken, cut: null };
}

export const bytesOf = (ranges: readonly Range[]): number =>
  ranges.reduce((sum, { from, to }) => sum + to - from, 0);

/** A claim is sized to take no more than this share of the time, so that whoever takes it over has enough. */
const TIME_SHARE = 0.3;
/**
 * What a run that has just begun takes, whatever it has measured: else a slow one would never get anywhere. What takes
 * less says nothing about how fast bytes are.
 */
export const CLAIM_BYTES_MIN = 4 * 1024 * 1024;

export interface Capacity {
  readonly leftMs: number;
  /** Of source and earlier parts alike, as measured. */
  readonly bytesPerMs: number;
  /** What the longest claim of the run took; 0: it has committed none. */
  readonly claimMsMax: number;
  /** Of the group's parts, which are read with every claim. */
  readonly earlierBytes: number;
  readonly claimBytesMax: number;
}

/** How much of the source the next claim may take; 0: leave it to another run. */
export function affordableBytes(capacity: Capacity): number {
  const { leftMs, bytesPerMs, claimMsMax, earlierBytes, claimBytesMax } = capacity;
  if (leftMs <= claimMsMax) return 0;
  const bytes = Math.floor(leftMs * TIME_SHARE * bytesPerMs - earlierBytes);
  if (bytes >= CLAIM_BYTES_MIN) return Math.min(bytes, claimBytesMax);
  return claimMsMax > 0 ? 0 : Math.min(CLAIM_BYTES_MIN, claimBytesMax);
}
