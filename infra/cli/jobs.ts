/** `npm run jobs`: what the jobs of append.config.ts have done, and what they can be made to do. */
import { tmpdir } from 'node:os';
import path from 'node:path';
import config from '../../append.config.ts';
import { duckDbEngine } from '../../lib/aggregate/duckdb/engine.ts';
import type { Aggregator, RunCall } from '../../lib/aggregate/job.ts';
import { diskWorkspace } from '../../lib/aggregator/disk.ts';
import { ownDirectory } from '../../lib/aggregator/own-directory.ts';
import { createAggregator } from '../../lib/aggregator.ts';
import { createAppender } from '../../lib/appender.ts';
import type { ConfiguredJob } from '../../lib/config.ts';
import { createRetention } from '../../lib/retention.ts';
import { createRetirer } from '../../lib/retirer.ts';
import { systemRuntime } from '../../lib/runtime.ts';
import { jobMistakes } from '../deploy/jobs.ts';
import { runCommand, UsageError } from './command.ts';
import { type JobProgress, progressOf } from './jobs/progress.ts';
import { retiredText, retireTarget, retiring } from './jobs/retire.ts';
import { runToEnd, type Total, toldLog } from './jobs/run.ts';
import { groupsTable, jobsTable } from './jobs/table.ts';
import { bytes } from './progress.ts';
import { openStore, STORE_FLAGS, STORE_HELP } from './store.ts';

const STATUS_MS = 60_000;
/** What each step of a retention may take. */
const RETIRE_MS = 600_000;

await runCommand({
  help: `
The jobs of append.config.ts: files of rows and rollups of what was appended. They run on a timer; here you see how far they
are, and make them run.

  npm run jobs                                         all jobs, and how far they are
  npm run jobs -- status events-table                  one job, group by group
  npm run jobs -- run events-table                     what is due, until nothing is left
  npm run jobs -- run events-table --group 2026-11-22T20:00Z
  npm run jobs -- backfill events-table 2026-11-22T20:00Z   all there is of a group, due or not
  npm run jobs -- rebuild events-table 2026-11-22T20:00Z    a group's files anew, from its source objects
  npm run jobs -- retire [events] [--dry-run]          remove objects that are older than their target's retention
  npm run jobs -- --check                              whether the SQL and the types of every job can be run

  --group G        one group: an interval of time, by its start, as the tables here name it
  --dry-run        run, retire: show what would be done, and do nothing
  --json           show JSON instead of tables

A rebuild takes the old files away before the new ones are there: readers miss rows for a moment, and see none twice.
Ctrl-C stops before the next piece of work is committed, and gives it up; what is done is done, and the next run goes on.
${STORE_HELP}`,
  flags: {
    group: { type: 'string' },
    'dry-run': { type: 'boolean' },
    json: { type: 'boolean' },
    check: { type: 'boolean' },
    ...STORE_FLAGS,
  },
  async run({ values, positionals: [action = 'status', name, group, ...rest] }) {
    if (rest.length > 0) throw new UsageError(`What is ${rest[0]}? See --help.`);
    if (values.check) return check();
    const wanted = values.group ?? group;
    if (action === 'status') return status(name === undefined ? null : jobNamed(name), values);
    if (action === 'retire') return retire(name, values);
    if (action !== 'run' && action !== 'backfill' && action !== 'rebuild')
      throw new UsageError(
        `What is ${action}? There are status, run, backfill, rebuild and retire. See --help.`,
      );
    const job = jobNamed(name);
    if (values['dry-run'] && action !== 'run')
      throw new UsageError(`--dry-run is for run, not for ${action}.`);
    if (values['dry-run']) return showDue(job, wanted, values);
    if (wanted === undefined && action !== 'run')
      throw new UsageError(
        `Which group? Write npm run jobs -- ${action} ${job.name} <group>; status ${job.name} shows them.`,
      );
    return act(job, action, wanted, values);
  },
});

type Values = Parameters<typeof openStore>[0] & { json?: boolean | undefined };

function jobNamed(name: string | undefined): ConfiguredJob {
  const job = config.jobs.get(name ?? '');
  if (job) return job;
  const names = [...config.jobs.keys()].join(', ') || 'none';
  throw new UsageError(
    name === undefined
      ? `Which job? There are ${names}.`
      : `There is no job ${name} in append.config.ts; there are ${names}.`,
  );
}

async function check(): Promise<void> {
  const mistakes = await jobMistakes(config.jobs.values());
  if (mistakes.length > 0) throw new Error(mistakes.join('\n'));
  process.stdout.write(`${config.jobs.size} jobs can run\n`);
}

/** Says nothing of its own; a run's log goes to standard error. */
async function opened(values: Values, tell: (line: string) => void) {
  const store = await openStore(values);
  const log = toldLog(tell);
  const runtime = { ...systemRuntime(), log };
  const writing = { store, runtime, writer: `jobs-${runtime.uuid()}` };
  const appender = createAppender(writing);
  const retirer = createRetirer(writing);
  const workspace = diskWorkspace(await ownDirectory(path.join(tmpdir(), 'oss-append-jobs')));
  const aggregatorOf = ({ memoryBytesMax }: ConfiguredJob): Aggregator =>
    createAggregator({
      store,
      appender,
      engine: duckDbEngine({ memoryBytesMax }),
      workspace,
      runtime,
      invoker: null,
    });
  return { store, appender, retirer, aggregatorOf, runtime, log };
}

async function status(only: ConfiguredJob | null, values: Values): Promise<void> {
  const jobs = only === null ? [...config.jobs.values()] : [only];
  if (jobs.length === 0)
    throw new UsageError('There are no jobs in append.config.ts. README.md says how to write one.');
  const shown = await progressOfAll(jobs, values);
  const [first] = shown;
  if (values.json) process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
  else process.stdout.write(only && first ? groupsTable(first, Date.now()) : jobsTable(shown, Date.now()));
}

async function retire(
  name: string | undefined,
  values: Values & { 'dry-run'?: boolean | undefined },
): Promise<void> {
  const targets = retiring(config, name);
  const { store, appender, retirer, aggregatorOf, runtime, log } = await opened(values, (line) =>
    process.stderr.write(`${line}\n`),
  );
  let stopped = false;
  // A second one ends at once.
  process.once('SIGINT', () => {
    stopped = true;
  });
  const remainingMs = () => (stopped ? 0 : RETIRE_MS);
  const dryRun = values['dry-run'] === true;
  for (const target of targets) {
    const jobs = [...config.jobs.values()].filter(({ source }) => source.name === target.name);
    const [first] = jobs;
    // The configuration has one, or it would not be taken.
    if (first === undefined) continue;
    const retention = createRetention({ store, appender, retirer, aggregator: aggregatorOf(first), runtime });
    const call = { remainingMs, dryRun };
    const done = await retireTarget(retention, target, jobs, call).finally(() => log.end());
    process.stdout.write(values.json ? `${JSON.stringify(done)}\n` : retiredText(done, dryRun));
  }
  if (stopped) throw new Error('Stopped. Run the command again for the rest.');
}

async function progressOfAll(jobs: readonly ConfiguredJob[], values: Values): Promise<JobProgress[]> {
  const { aggregatorOf, runtime } = await opened(values, () => {});
  const endMs = runtime.monotonic() + STATUS_MS;
  const remainingMs = () => endMs - runtime.monotonic();
  const shown: JobProgress[] = [];
  for (const job of jobs) shown.push(await progressOf(job, aggregatorOf(job), remainingMs, runtime.now()));
  return shown;
}

async function showDue(job: ConfiguredJob, wanted: string | undefined, values: Values): Promise<void> {
  const [shown] = await progressOfAll([job], values);
  const groups = (shown?.groups ?? []).filter(({ state, group }) =>
    wanted === undefined ? state === 'due' || state === 'open' : group === wanted && state !== 'done',
  );
  if (values.json) process.stdout.write(`${JSON.stringify(groups, null, 2)}\n`);
  else if (groups.length === 0 || !shown) process.stdout.write('Nothing is due.\n');
  else process.stdout.write(groupsTable({ ...shown, groups }, Date.now()));
}

async function act(
  job: ConfiguredJob,
  action: 'run' | 'backfill' | 'rebuild',
  group: string | undefined,
  values: Values,
): Promise<void> {
  const { aggregatorOf, runtime, log } = await opened(values, (line) => process.stderr.write(`${line}\n`));
  const aggregator = aggregatorOf(job);
  let stopped = false;
  // A second one ends at once.
  process.once('SIGINT', () => {
    stopped = true;
  });
  const onWait = (groups: readonly string[]) =>
    process.stderr.write(
      `Another run is at ${groups.join(', ')}. Waiting until it is done, or its time is up.\n`,
    );
  const openGroups = async (call: RunCall) =>
    (await aggregator.status(job, call)).groups
      .filter(
        ({ group: name, openUntilMs }) => openUntilMs !== null && (group === undefined || name === group),
      )
      .map(({ group: name }) => name);
  // Told again, a rebuild would begin anew: what is left of it is a backfill.
  let rebuilt = false;
  const total = await runToEnd(
    async (call) => {
      if (group === undefined) return aggregator.run(job, call);
      if (action !== 'rebuild' || rebuilt) return aggregator.backfill(job, group, call);
      const result = await aggregator.rebuild(job, group, call);
      rebuilt = result.claims > 0;
      return result;
    },
    { runtime, stop: { asked: () => stopped }, openGroups, onWait },
  ).finally(() => log.end());
  process.stdout.write(values.json ? `${JSON.stringify(total)}\n` : `${summary(total)}\n`);
  if (total.wasStopped)
    throw new Error('Stopped. What is committed stays. Run the command again for the rest.');
}

function summary({ claims, records, rows, repeats, bytes: read }: Total): string {
  if (claims === 0) return 'Nothing was to be done.';
  const count = (value: number, one: string) =>
    `${value.toLocaleString('en-US')} ${one}${value === 1 ? '' : 's'}`;
  return `${count(records, 'record')}, ${bytes(read)}: ${count(rows, 'new row')}, ${count(repeats, 'repeat')}.`;
}
