/** Runs a job to its end from the command line: as the function does, without a time-out but Ctrl-C. */
import { JobError } from '../../../lib/aggregate/errors.ts';
import type { RunCall, RunResult } from '../../../lib/aggregate/job.ts';
import type { Log, LogFields, Runtime } from '../../../lib/runtime.ts';
import { progress } from '../progress.ts';

export interface Total extends Pick<RunResult, 'claims' | 'records' | 'rows' | 'repeats' | 'bytes'> {
  readonly wasStopped: boolean;
}

export interface RunToEnd {
  readonly runtime: Pick<Runtime, 'monotonic' | 'sleep'>;
  readonly stop: { readonly asked: () => boolean };
  /** Groups that other runs are at. */
  readonly openGroups: (call: RunCall) => Promise<readonly string[]>;
  /** Called when the first of other runs is waited for, with the groups that they are at. */
  readonly onWait: (groups: readonly string[]) => void;
}

/** A claim of ours is left alone by others for so long, if this process is killed. */
const RUN_MS = 600_000;
/** What Ctrl-C leaves to a run, to give its claim up. */
const STOP_MS = 5000;

/** Between two looks at what another run has claimed. */
const WAIT_MS = 500;

/** Runs again and again until nothing is left to do, and waits for other runs that are at it. */
export async function runToEnd(
  act: (call: RunCall) => Promise<RunResult>,
  { runtime, stop, openGroups, onWait }: RunToEnd,
): Promise<Total> {
  const total = { claims: 0, records: 0, rows: 0, repeats: 0, bytes: 0 };
  for (let waits = 0; ; ) {
    const endMs = runtime.monotonic() + RUN_MS;
    const remainingMs = () =>
      Math.min(endMs - runtime.monotonic(), stop.asked() ? STOP_MS : Number.POSITIVE_INFINITY);
    const result = await act({ remainingMs }).catch((error: unknown) => {
      // Not even its first piece of work was done.
      if (stop.asked() && error instanceof JobError && error.code === 'OutOfTime') return null;
      throw error;
    });
    if (result === null) return { ...total, wasStopped: true };
    for (const name of ['claims', 'records', 'rows', 'repeats', 'bytes'] as const)
      total[name] += result[name];
    if (stop.asked()) return { ...total, wasStopped: !result.finished };
    if (result.claims > 0) continue;
    const busy = await openGroups({ remainingMs });
    if (busy.length === 0) return { ...total, wasStopped: false };
    if (waits++ === 0) onWait(busy);
    await runtime.sleep(WAIT_MS);
  }
}

/** The log of a run for people: what it does on standard error, and how far it is. */
export function toldLog(tell: (line: string) => void): Log & { end(): void } {
  const shown = progress('read');
  const at = (event: string, fields: LogFields = {}) => {
    if (event === 'job-progress') return shown.update(Number(fields['bytes']), Number(fields['total']));
    shown.end();
    const said = Object.entries(fields).map(
      ([name, value]) => `${name}=${typeof value === 'number' ? Math.round(value) : value}`,
    );
    tell(`${event.replaceAll('-', ' ')}: ${said.join(' ')}`);
  };
  return { info: at, warn: at, error: at, end: () => shown.end() };
}
