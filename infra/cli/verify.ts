/** `npm run verify -- <target>`: reads a log target again, all of it, and says whether it and what jobs made of it are sound. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import config from '../../append.config.ts';
import { duckDbComparer } from '../../lib/aggregate/duckdb/compare.ts';
import { diskWorkspace } from '../../lib/aggregator/disk.ts';
import { createAppender } from '../../lib/appender.ts';
import { reportLines } from '../../lib/audit/report.ts';
import { createAuditor } from '../../lib/audit.ts';
import type { Target } from '../../lib/config.ts';
import { systemRuntime } from '../../lib/runtime.ts';
import { runCommand, UsageError } from './command.ts';
import { progress } from './progress.ts';
import { openStore, STORE_FLAGS, STORE_HELP } from './store.ts';

const MEMORY_BYTES_MAX = 512 * 1024 * 1024;

await runCommand({
  help: `
Read every byte of a log target, and of the files that jobs made of it, and say what is wrong, the first thing first: damaged
or foreign bytes, records that are there twice, segments and objects that are missing, checksums, and records without a row
or with two. PROTOCOL.md §11 has all of it. Nothing is changed; writers and jobs go on.

  npm run verify -- events

  --report      leave the report in the bucket, under ${config.jobLogs.prefix}audits/<target>/
  --json        print it as JSON

Exit code 0: nothing is wrong. 1: something is.
${STORE_HELP}`,
  flags: { report: { type: 'boolean' }, json: { type: 'boolean' }, ...STORE_FLAGS },
  async run({ values, positionals: [name, ...more] }) {
    if (more.length > 0) throw new UsageError(`What is ${more[0]}? Name one target. See --help.`);
    const target = targetNamed(name);
    const store = await openStore(values);
    const directory = await mkdtemp(path.join(tmpdir(), 'oss-append-verify-'));
    process.once('SIGINT', () => {
      void rm(directory, { recursive: true, force: true }).finally(() => process.exit(130));
    });
    const shown = progress('read');
    // What jobs and stores log is for their operators; here the report says all there is to say.
    const log = { info() {}, warn() {}, error() {} };
    const runtime = { ...systemRuntime(), log };
    const auditor = createAuditor({
      store,
      appender: createAppender({ store, runtime, writer: `verify-${runtime.uuid()}` }),
      comparer: duckDbComparer({ memoryBytesMax: MEMORY_BYTES_MAX }),
      workspace: diskWorkspace(directory),
      runtime,
    });
    const jobs = [...config.jobs.values()].filter(({ source }) => source.name === target.name);
    try {
      const { report, key } = await auditor.audit(target, jobs, {
        remainingMs: () => Number.MAX_SAFE_INTEGER,
        onProgress: (done, of) => shown.update(done, of),
        reportPrefix: values.report ? `${config.jobLogs.prefix}audits/` : null,
      });
      shown.end();
      const text = values.json ? JSON.stringify(report, null, 2) : reportLines(report).join('\n');
      process.stdout.write(`${text}\n`);
      if (key !== null) process.stderr.write(`The report is ${key}\n`);
      if (!report.sound) process.exitCode = 1;
    } finally {
      shown.end();
      await rm(directory, { recursive: true, force: true });
    }
  },
});

function targetNamed(name: string | undefined): Target {
  const target = config.targets.get(name ?? '');
  if (target?.format === 'log') return target;
  const logs = [...config.targets.values()].filter(({ format }) => format === 'log');
  const names = logs.map((log) => log.name).join(', ') || 'none';
  if (name === undefined) throw new UsageError(`Which target? The log targets are ${names}.`);
  if (target === undefined)
    throw new UsageError(`There is no target ${name} in append.config.ts; the log targets are ${names}.`);
  throw new UsageError(
    `${name} is raw: there is nothing in it to tell right from wrong. The log targets are ${names}.`,
  );
}
