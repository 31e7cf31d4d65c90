/**
 * Runs jobs: makes tables of what was appended, each record once (PROTOCOL.md §10).
 *
 * It owns what the core in `lib/aggregate` may not have: the store, the clock, the disk. A run reads the job's log and
 * lists the source, claims bytes in the log, makes and puts the parts, and commits. Any number of runs may be at it at
 * once, and each may end anywhere: the log's order says who has what, and what is put is named by what was claimed.
 */
import { JobError } from './aggregate/errors.ts';
import type { GroupState } from './aggregate/fold.ts';
import type { Aggregator, Job, RunCall, RunResult } from './aggregate/job.ts';
import { isPart, layoutOf, outputsOf } from './aggregate/output.ts';
import { type GroupSource, groupsOf, sourceProblem } from './aggregate/plan.ts';
import type { Invoker } from './aggregate/ports.ts';
import { sourceLayout } from './aggregate/source.ts';
import { Calls } from './aggregator/calls.ts';
import type { Context, JobEngine } from './aggregator/context.ts';
import { JobLog } from './aggregator/job-log.ts';
import { Run } from './aggregator/run.ts';
import { statusOf } from './aggregator/status.ts';
import type { Workspace } from './aggregator/workspace.ts';
import type { Appender } from './appender.ts';
import type { KeyTemplate } from './key-template.ts';
import type { Runtime } from './runtime.ts';
import type { Bucket } from './store/port.ts';

export interface AggregatorOptions {
  readonly store: Bucket;
  /** On the same store. */
  readonly appender: Appender;
  readonly engine: JobEngine;
  readonly workspace: Workspace;
  readonly runtime: Runtime;
  /** Null: a run does all it can itself. */
  readonly invoker: Invoker | null;
  /** Sizes and times that have defaults. */
  readonly tuning?: Tuning;
}

export interface Tuning {
  readonly requestTimeoutMs?: number;
  /** Bytes of one read. */
  readonly pieceBytes?: number;
  /** Of a job's log: what is read of its end at first, after how many bytes its state is written down, and how long a segment is. */
  readonly tailBytes?: number;
  readonly stateBytes?: number;
  readonly segmentBytesMax?: number;
}

/** Kept back of a run's time for the last records of the job's log: this share, and no more than this. */
const SPARE_SHARE = 0.1;
const SPARE_MS_MAX = 5000;
/** Of what is under the source's prefix and is not its own: how many keys are told. */
const STRAYS_TOLD = 10;
const LISTINGS_MAX = 3;

export function createAggregator(options: AggregatorOptions): Aggregator {
  const { store, appender, engine, workspace, runtime, invoker, tuning = {} } = options;
  const { requestTimeoutMs, pieceBytes, ...sizes } = tuning;

  async function open(job: Job, { remainingMs }: RunCall) {
    const spareMs = Math.min(SPARE_MS_MAX, SPARE_SHARE * remainingMs());
    const bounds = { store, runtime, requestTimeoutMs, pieceBytes };
    const calls = new Calls({ ...bounds, remainingMs: () => remainingMs() - spareMs });
    const late = new Calls({ ...bounds, remainingMs });
    const layout = sourceLayout(job.source.key, job.window);
    const context: Context = { job, layout, calls, appender, engine, workspace, runtime };
    const key = job.logKey;
    const log = await JobLog.read({ key, calls: late, appender, runtime, ...sizes });
    if (log.fold.layout !== null) checkLayout(job, log);
    const { sources, strays } = await listed(context, log);
    const own = strays.filter((stray) => stray.startsWith(job.source.key.prefix));
    if (own.length > 0) {
      const keys = own.slice(0, STRAYS_TOLD).join(', ');
      runtime.log.warn('job-keys-ignored', { job: job.name, count: own.length, keys });
    }
    const begin = () => begun(context, log);
    const run = () => new Run({ context, log, name: runtime.uuid(), invoker, sources, begin });
    const group = (name: string): GroupSource => {
      const known = layout.group(name);
      if (known === null || !sources.has(name))
        throw new JobError('UnknownGroup', unknownGroup(job, name, [...sources.keys()]));
      return sources.get(name) ?? { group: known, objects: [] };
    };
    return { log, sources, run, group };
  }

  const backfill = async (job: Job, name: string, call: RunCall): Promise<RunResult> => {
    const { run, group } = await open(job, call);
    return run().all(group(name));
  };

  return {
    async run(job, call) {
      const name = call.group ?? null;
      return name === null ? (await open(job, call)).run().due() : backfill(job, name, call);
    },
    backfill,
    async rebuild(job, name, call) {
      const { log, run, group } = await open(job, call);
      const source = group(name);
      checkWhole(source, log.fold.group(name));
      return run().anew(source);
    },
    async status(job, call) {
      const { log, sources } = await open(job, call);
      return statusOf(log.fold, sources);
    },
  };
}

/** The source by groups. What seems to be replaced may have been retired since the log was read: then both are read again. */
async function listed({ calls, layout }: Context, log: JobLog) {
  for (let tries = 1; ; tries++) {
    const found = groupsOf(layout, await all(calls.list(layout.listPrefix)));
    const sources = [...found.sources.values()];
    const isOdd = sources.some((source) => sourceProblem(source, log.fold.group(source.group.name)) !== null);
    if (!isOdd || tries === LISTINGS_MAX) return found;
    await log.readOn();
  }
}

/** The first record of a job. Without it, parts that are there already could get the same rows beside them. */
async function begun({ job, calls, runtime }: Context, log: JobLog): Promise<void> {
  if (log.fold.layout !== null) return;
  const found = await firstPart(calls, outputsOf(job));
  if (found !== null) {
    await log.readOn();
    if (log.fold.layout === null)
      throw new JobError(
        'JobLogMissing',
        `${found.key} is there, and ${job.logKey}, which would tell of it, is not. Restore that log, or remove what is under ${found.prefix}, or give the job another place for its files.`,
      );
  }
  if (log.fold.layout === null) {
    runtime.log.info('job-begin', { job: job.name });
    await log.append({ type: 'job', job: job.name, layout: layoutOf(job) });
  }
  checkLayout(job, log);
}

async function firstPart(calls: Calls, outputs: readonly KeyTemplate[]) {
  for (const { prefix } of outputs)
    for await (const { key } of calls.list(prefix)) if (isPart(key)) return { key, prefix };
  return null;
}

function checkLayout(job: Job, { fold }: JobLog): void {
  const layout = layoutOf(job);
  if (fold.layout === layout) return;
  throw new JobError(
    'JobChanged',
    `The job ${job.name} was ${fold.layout} so far, and its rows are where that put them. The configuration makes it ${layout}. Put it back, or give the job a new name and output.`,
  );
}

/** Rows whose source is gone would be gone too. */
function checkWhole({ group, objects }: GroupSource, { ends, retired }: GroupState): void {
  const there = new Set(objects.map(({ key }) => key));
  const gone = [...ends.keys()].find((key) => !there.has(key)) ?? retired[0];
  if (gone === undefined) return;
  throw new JobError(
    'SourceRetired',
    `${gone} is not there any more, and rows of ${group.name} were made of it. They are all there is: the group stays as it is.`,
  );
}

function unknownGroup(job: Job, name: string, groups: readonly string[]): string {
  const some = [...groups].sort().slice(-3).join(', ');
  return `${job.source.name} has nothing of the group "${name}". ${some === '' ? 'There is nothing of it at all yet.' : `Groups are named like ${some}.`}`;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const array: T[] = [];
  for await (const item of items) array.push(item);
  return array;
}
