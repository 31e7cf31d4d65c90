/** How far a job is, for people. */
import type { JobFold } from '../aggregate/fold.ts';
import type { JobStatus } from '../aggregate/job.ts';
import type { GroupSource } from '../aggregate/plan.ts';

export function statusOf(fold: JobFold, sources: ReadonlyMap<string, GroupSource>): JobStatus {
  const names = new Set([...[...fold.groups].map(({ group }) => group), ...sources.keys()]);
  const groups = [...names].sort().map((name) => {
    const { seq, claimedMs, open, ends, records, rows, repeats, parts } = fold.group(name);
    const objects = sources.get(name)?.objects ?? [];
    return {
      group: name,
      claims: seq,
      claimedMs: seq === 0 ? null : claimedMs,
      openUntilMs: open?.untilMs ?? null,
      committedBytes: [...ends.values()].reduce((sum, to) => sum + to, 0),
      // Of an object that is a tombstone, what was there counts.
      bytes: objects.reduce((sum, { key, length }) => sum + Math.max(length, ends.get(key) ?? 0), 0),
      records,
      rows,
      repeats,
      parts: parts.length,
    };
  });
  return { groups };
}
