/** Which logs of a target are past their time. */
import type { ListedObject } from '../aggregate/plan.ts';
import type { SourceLayout } from '../aggregate/source.ts';

export interface OldLog {
  /** Key of its first segment. */
  readonly first: string;
  /** Number of the last one. */
  readonly last: number;
}

/** Those whose interval ended before `beforeMs` and that are not all tombstones, the oldest first. */
export function oldLogs(layout: SourceLayout, listed: Iterable<ListedObject>, beforeMs: number): OldLog[] {
  const logs = new Map<string, { last: number; endMs: number; isLeft: boolean }>();
  for (const { key, type } of listed) {
    const parsed = layout.parse(key);
    if (parsed === null || parsed.group.endMs > beforeMs) continue;
    const known = logs.get(parsed.first) ?? { last: 0, endMs: parsed.group.endMs, isLeft: false };
    known.last = Math.max(known.last, parsed.segment);
    known.isLeft ||= type === 'Appendable';
    logs.set(parsed.first, known);
  }
  return [...logs]
    .filter(([, { isLeft }]) => isLeft)
    .sort(([, one], [, other]) => one.endMs - other.endMs)
    .map(([first, { last }]) => ({ first, last }));
}
