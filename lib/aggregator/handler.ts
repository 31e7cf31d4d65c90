/**
 * The timer door of jobs: a firing runs the job that its payload names (`invoke/event.ts`), or without a payload each of
 * them; or it removes what is old in a target, or audits one. A job that fails does not keep the others from running; the
 * call fails at the end, for the platform's log and counts.
 */
import type { ScheduledEvent } from 'aws-lambda';
import type { Aggregator, Job, RunResult } from '../aggregate/job.ts';
import type { Invoker } from '../aggregate/ports.ts';
import type { Audited } from '../audit/scheduled.ts';
import { type JobCall, jobTasks } from '../invoke/event.ts';
import type { RetentionCall, RetentionResult } from '../retention.ts';
import type { Runtime } from '../runtime.ts';

export interface JobHandlerOptions<J extends Job> {
  readonly jobs: ReadonlyMap<string, J>;
  readonly aggregatorOf: (job: J) => Pick<Aggregator, 'run'>;
  /** Removes what is old in a target of `retained`. */
  readonly retire: (target: string, call: RetentionCall) => Promise<RetentionResult>;
  readonly retained: readonly string[];
  /** Audits a target of `logs`. */
  readonly verify: (target: string, remainingMs: () => number) => Promise<Audited>;
  readonly logs: readonly string[];
  readonly invoker: Invoker;
  readonly runtime: Pick<Runtime, 'log'>;
}

export interface JobCallContext {
  getRemainingTimeInMillis(): number;
}

export interface Ran {
  readonly job: string;
  /** Null: it was handed to another instance, since too much of the time was gone. */
  readonly result: RunResult | null;
}

export interface Done {
  readonly ran: readonly Ran[];
  readonly retired?: RetentionResult;
  readonly audited?: Audited;
}

/** Throws `InvalidJobCall`, or an `AggregateError` of what the jobs failed with. */
export function createJobHandler<J extends Job>({
  jobs,
  aggregatorOf,
  retire,
  retained,
  verify,
  logs,
  invoker,
  runtime,
}: JobHandlerOptions<J>) {
  return async (
    { detail }: ScheduledEvent<{ readonly payload: string }>,
    context: JobCallContext,
  ): Promise<Done> => {
    const remainingMs = () => context.getRemainingTimeInMillis();
    const tasks = jobTasks(detail.payload, { jobs: [...jobs.keys()], retained, logs });
    const [only] = tasks;
    if (only?.kind === 'retire') return { ran: [], retired: await retire(only.target, { remainingMs }) };
    if (only?.kind === 'verify') return { ran: [], audited: await verify(only.target, remainingMs) };
    const enoughMs = remainingMs() / 2;
    const ran: Ran[] = [];
    const failures: unknown[] = [];
    for (const call of tasks) {
      const job = call.kind === 'run' ? jobs.get(call.job) : undefined;
      if (job === undefined || call.kind !== 'run') continue;
      try {
        // The first always runs here: what is handed on has to be run by someone.
        const isLate = ran.length + failures.length > 0 && remainingMs() < enoughMs;
        const result = isLate
          ? await handOn({ job: job.name, group: call.group })
          : await aggregatorOf(job).run(job, { remainingMs, group: call.group });
        ran.push({ job: job.name, result });
      } catch (error) {
        runtime.log.error('job-failed', { job: job.name, ...reasonOf(error) });
        failures.push(error);
      }
    }
    if (failures.length > 0)
      throw new AggregateError(failures, `Jobs failed: ${failures.map(String).join('; ')}`);
    return { ran };
  };

  async function handOn(call: JobCall): Promise<null> {
    await invoker.invoke(call);
    return null;
  }
}

function reasonOf(error: unknown): { readonly code: string; readonly message: string } {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'Unknown';
  return { code, message: error instanceof Error ? error.message : String(error) };
}
