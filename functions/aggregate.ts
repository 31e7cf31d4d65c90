/** Runs jobs on a timer: tables of what was appended, and audits of it all. */
import { tmpdir } from 'node:os';
import path from 'node:path';
import { duckDbComparer } from '../lib/aggregate/duckdb/compare.ts';
import { duckDbEngine } from '../lib/aggregate/duckdb/engine.ts';
import type { Aggregator } from '../lib/aggregate/job.ts';
import { diskWorkspace } from '../lib/aggregator/disk.ts';
import { createJobHandler } from '../lib/aggregator/handler.ts';
import { ownDirectory } from '../lib/aggregator/own-directory.ts';
import type { Workspace } from '../lib/aggregator/workspace.ts';
import { createAggregator } from '../lib/aggregator.ts';
import { createAppender } from '../lib/appender.ts';
import { scheduledAudit } from '../lib/audit/scheduled.ts';
import { createAuditor } from '../lib/audit.ts';
import type { ConfiguredJob } from '../lib/config.ts';
import { createRetention, type RetentionCall } from '../lib/retention.ts';
import { createRetirer } from '../lib/retirer.ts';
import { fcSchedule } from '../lib/shim/index.ts';
import { ossBucket } from '../lib/store/oss-bucket.ts';
import { selfInvoker } from './wiring/invoker.ts';
import { foundation } from './wiring/services.ts';

const { config, deployment, runtime, credentials, oss, writer } = foundation();
const store = ossBucket(oss);
const appender = createAppender({ store, runtime, writer });
const retirer = createRetirer({ store, runtime, writer });
/** Of memory, for the comparison of rows with records. */
const AUDIT_BYTES_MAX = 512 * 1024 * 1024;
const directory = ownDirectory(path.join(tmpdir(), 'oss-append-jobs'));

const retained = [...config.targets.values()].filter(({ retention }) => retention !== null);

function retire(name: string, aggregatorOf: (job: ConfiguredJob) => Aggregator, call: RetentionCall) {
  const target = retained.find((one) => one.name === name);
  const jobs = [...config.jobs.values()].filter(({ source }) => source.name === name);
  const [first] = jobs;
  // The configuration has a job for each target with a retention, and the handler asks for no other.
  if (!target?.retention || first === undefined) throw new Error(`the target ${name} has no retention`);
  const { key, dedupe, retention } = target;
  return createRetention({ store, appender, retirer, aggregator: aggregatorOf(first), runtime }).run(
    { name, key, dedupe, ageMs: retention.ageMs },
    jobs,
    call,
  );
}

const logs = [...config.targets.values()].filter(({ format }) => format === 'log');

async function verify(name: string, workspace: Workspace, remainingMs: () => number) {
  const target = logs.find((one) => one.name === name);
  if (target === undefined) throw new Error(`the target ${name} is no log`);
  const jobs = [...config.jobs.values()].filter(({ source }) => source.name === name);
  const comparer = duckDbComparer({ memoryBytesMax: AUDIT_BYTES_MAX });
  const auditor = createAuditor({ store, appender, comparer, workspace, runtime });
  const reportPrefix = `${config.jobLogs.prefix}audits/`;
  return scheduledAudit(target, jobs, remainingMs, { auditor, runtime, reportPrefix });
}

export const handler = fcSchedule(
  async (event, context) => {
    credentials.update(context.fc.credentials);
    const invoker = selfInvoker(context.fc, { deployment, credentials, runtime });
    const workspace = diskWorkspace(await directory);
    const aggregatorOf = ({ memoryBytesMax }: ConfiguredJob) =>
      createAggregator({
        store,
        appender,
        engine: duckDbEngine({ memoryBytesMax }),
        workspace,
        runtime,
        invoker,
      });
    const handle = createJobHandler({
      jobs: config.jobs,
      aggregatorOf,
      retire: (name, call) => retire(name, aggregatorOf, call),
      retained: retained.map(({ name }) => name),
      verify: (name, remainingMs) => verify(name, workspace, remainingMs),
      logs: logs.map(({ name }) => name),
      invoker,
      runtime,
    });
    return handle(event, context);
  },
  { now: runtime.monotonic },
);
