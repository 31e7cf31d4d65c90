/** Retention from the command line: what is old enough and elsewhere is removed, or told in a dry run. */
import type { Config, ConfiguredJob, Target } from '../../../lib/config.ts';
import type { Retention, RetentionCall, RetiredLog } from '../../../lib/retention.ts';
import { UsageError } from '../command.ts';
import { bytes } from '../progress.ts';

export interface RetiredTarget {
  readonly target: string;
  readonly logs: readonly RetiredLog[];
  /** All that is old enough was looked at. */
  readonly finished: boolean;
}

/** The targets that say how long they keep their objects, or the one that is named. Throws `UsageError`. */
export function retiring({ targets }: Config, name: string | undefined): readonly Target[] {
  const kept = [...targets.values()].filter(({ retention }) => retention !== null);
  const wanted = name === undefined ? kept : kept.filter((target) => target.name === name);
  if (wanted.length > 0) return wanted;
  if (name === undefined)
    throw new UsageError('No target has a retention in append.config.ts, so everything stays.');
  throw new UsageError(
    targets.has(name)
      ? `The target ${name} has no retention in append.config.ts, so everything stays.`
      : `There is no target ${name} in append.config.ts; there are ${[...targets.keys()].join(', ')}.`,
  );
}

export async function retireTarget(
  retention: Retention,
  { name, key, dedupe, retention: kept }: Target,
  jobs: readonly ConfiguredJob[],
  call: RetentionCall,
): Promise<RetiredTarget> {
  const ageMs = kept?.ageMs ?? Number.POSITIVE_INFINITY;
  return { target: name, ...(await retention.run({ name, key, dedupe, ageMs }, jobs, call)) };
}

/** A line a log. */
export function retiredText({ target, logs, finished }: RetiredTarget, isDry: boolean): string {
  const lines = logs.map(({ key, segments, bytes: length, outcome, reason }) => {
    const done = isDry ? 'would be removed' : 'removed';
    return outcome === 'kept'
      ? `${key}: stays: ${reason}`
      : `${key}: ${done}, ${segments} objects, ${bytes(length)}`;
  });
  const rest = finished ? [] : [`${target}: there is more. Run the command again.`];
  return [...(logs.length === 0 ? [`${target}: nothing is old enough.`] : lines), ...rest]
    .map((line) => `${line}\n`)
    .join('');
}
