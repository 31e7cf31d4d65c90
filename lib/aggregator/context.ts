/** What the steps of a run work with. */
import type { Job } from '../aggregate/job.ts';
import type { Engine } from '../aggregate/ports.ts';
import type { Claim } from '../aggregate/records.ts';
import type { SourceLayout } from '../aggregate/source.ts';
import type { Appender } from '../appender.ts';
import type { Runtime } from '../runtime.ts';
import type { Calls } from './calls.ts';
import type { Workspace } from './workspace.ts';

/** What runs ask of an engine. */
export type JobEngine = Pick<Engine, 'compact' | 'rollup' | 'rollupFile' | 'empty' | 'emptyLike'>;

export interface Context {
  readonly job: Job;
  readonly layout: SourceLayout;
  readonly calls: Calls;
  readonly appender: Appender;
  readonly engine: JobEngine;
  readonly workspace: Workspace;
  readonly runtime: Runtime;
}

/** What every line of the log about a claim has. */
export const nameOf = ({ job }: Pick<Context, 'job'>, { group, seq }: Pick<Claim, 'group' | 'seq'>) => ({
  job: job.name,
  group,
  seq,
});
