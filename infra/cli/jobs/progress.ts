/** How far the jobs are, of what the jobs' logs and a listing of their sources say. */
import type { Aggregator, GroupStatus, Job } from '../../../lib/aggregate/job.ts';
import { isDue } from '../../../lib/aggregate/plan.ts';
import { sourceLayout } from '../../../lib/aggregate/source.ts';

/** `done`: all bytes are committed. `open`: a run has a claim. `due`: a run would begin now. `waiting`: it would later. */
export type GroupState = 'done' | 'open' | 'due' | 'waiting';

export interface GroupProgress extends GroupStatus {
  readonly state: GroupState;
}

export interface JobProgress {
  readonly job: string;
  readonly kind: Job['kind'];
  readonly source: string;
  readonly into: string;
  readonly groups: readonly GroupProgress[];
}

export async function progressOf(
  job: Job,
  aggregator: Pick<Aggregator, 'status'>,
  remainingMs: () => number,
  nowMs: number,
): Promise<JobProgress> {
  const { groups } = await aggregator.status(job, { remainingMs });
  return {
    job: job.name,
    kind: job.kind,
    source: job.source.name,
    into: intoOf(job),
    groups: groups.map((group) => ({ ...group, state: stateOf(job, group, nowMs) })),
  };
}

function intoOf({ rollup, output }: Job): string {
  if (rollup === null) return output.text;
  return 'files' in rollup.into ? rollup.into.files.text : rollup.into.name;
}

function stateOf(job: Job, group: GroupStatus, nowMs: number): GroupState {
  if (group.openUntilMs !== null) return 'open';
  if (group.bytes <= group.committedBytes) return 'done';
  const layout = sourceLayout(job.source.key, job.window);
  const interval = layout.group(group.group);
  const { graceMs, window, claimBytesMax } = job;
  const timing = { nowMs, graceMs, window, claimBytesMax, isWide: layout.isWide };
  const behindBytes = group.bytes - group.committedBytes;
  const state = { open: null, claimedMs: group.claimedMs ?? 0 };
  return interval !== null && isDue({ group: interval }, state, behindBytes, timing) ? 'due' : 'waiting';
}
