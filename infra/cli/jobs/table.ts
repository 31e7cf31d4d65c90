/** Progress of jobs as tables for people. */
import { bytes } from '../progress.ts';
import type { GroupProgress, GroupState, JobProgress } from './progress.ts';

/** A line a job. */
export function jobsTable(jobs: readonly JobProgress[], nowMs: number): string {
  const header = ['job', 'kind', 'from', 'to', 'groups', 'rows', 'behind', 'last claim', 'open'];
  return table([header, ...jobs.map((job) => jobLine(job, nowMs))]);
}

/** A line a group of one job. */
export function groupsTable({ groups }: JobProgress, nowMs: number): string {
  const header = [
    'group',
    'state',
    'claims',
    'records',
    'rows',
    'repeats',
    'parts',
    'done',
    'behind',
    'last claim',
  ];
  const lines = groups.map((group) => [
    group.group,
    group.openUntilMs === null ? group.state : `open, ${openUntil(group.openUntilMs, nowMs)}`,
    number(group.claims),
    number(group.records),
    number(group.rows),
    number(group.repeats),
    number(group.parts),
    bytes(group.committedBytes),
    behind(group),
    ago(group.claimedMs, nowMs),
  ]);
  return table([header, ...lines]);
}

function jobLine({ job, kind, source, into, groups }: JobProgress, nowMs: number): string[] {
  const count = (state: GroupState) => groups.filter((group) => group.state === state).length;
  const counts = (['done', 'open', 'due', 'waiting'] as const)
    .filter((state) => count(state) > 0)
    .map((state) => `${count(state)} ${state}`);
  const open = groups.filter(({ openUntilMs }) => openUntilMs !== null);
  const last = Math.max(...groups.map(({ claimedMs }) => claimedMs ?? 0), 0);
  return [
    job,
    kind,
    source,
    into,
    counts.join(', ') || 'none yet',
    number(groups.reduce((sum, { rows }) => sum + rows, 0)),
    bytes(groups.reduce((sum, group) => sum + behindBytes(group), 0)),
    ago(last || null, nowMs),
    open.map(({ group, claimedMs }) => `${group} since ${ago(claimedMs, nowMs)}`).join('; ') || '-',
  ];
}

const behindBytes = ({ bytes: all, committedBytes }: GroupProgress) => Math.max(0, all - committedBytes);
const behind = (group: GroupProgress) => (behindBytes(group) === 0 ? '-' : bytes(behindBytes(group)));

const number = (value: number) => value.toLocaleString('en-US');

function ago(timeMs: number | null, nowMs: number): string {
  return timeMs === null ? '-' : `${duration(nowMs - timeMs)} ago`;
}

function openUntil(untilMs: number, nowMs: number): string {
  return untilMs > nowMs ? `${duration(untilMs - nowMs)} left` : 'given up';
}

function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}

/** Columns as wide as what is in them; numbers to the right. */
function table(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  const isNumber = (text: string) => /^[\d,.]+( k?[BMG]B?)?$/.test(text);
  return lines
    .map((line) =>
      line
        .map((text, column) =>
          isNumber(text) ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}
