/**
 * Audits a log target: reads all of it again, and says whether what was accepted is stored and aggregated (PROTOCOL.md §11).
 *
 * It changes nothing but for the report that it may leave. Writers and jobs go on meanwhile: what is appended after the
 * audit has begun is not looked at, and what a job has not committed yet is not missed.
 */
import type { Job } from './aggregate/job.ts';
import { type GroupSource, groupsOf } from './aggregate/plan.ts';
import { sourceLayout } from './aggregate/source.ts';
import { Calls } from './aggregator/calls.ts';
import { JobLog } from './aggregator/job-log.ts';
import type { Workspace } from './aggregator/workspace.ts';
import type { DedupeWindow } from './append/types.ts';
import type { Appender } from './appender.ts';
import type { Comparer } from './audit/comparer.ts';
import { factOf } from './audit/facts.ts';
import { auditLogs } from './audit/logs.ts';
import { auditOutputs } from './audit/outputs.ts';
import type { AuditReport } from './audit/report.ts';
import { Tally } from './audit/tally.ts';
import type { KeyTemplate } from './key-template.ts';
import type { Runtime } from './runtime.ts';
import type { Bucket } from './store/port.ts';

export interface AuditorOptions {
  readonly store: Bucket;
  /** On the same store. */
  readonly appender: Appender;
  readonly comparer: Comparer;
  readonly workspace: Workspace;
  readonly runtime: Runtime;
}

export interface AuditedTarget {
  readonly name: string;
  readonly key: KeyTemplate;
  readonly dedupe: DedupeWindow;
}

export interface AuditCall {
  readonly remainingMs: () => number;
  /** After each piece: bytes read so far, and all that there are. */
  readonly onProgress?: (bytes: number, of: number) => void;
  /** Where the report is put, null to leave none. */
  readonly reportPrefix: string | null;
}

export interface Auditor {
  /** The report, and the key that it was put under. Throws `StoreError`, `EngineError` and `JobError`. */
  audit(
    target: AuditedTarget,
    jobs: readonly Job[],
    call: AuditCall,
  ): Promise<{ readonly report: AuditReport; readonly key: string | null }>;
}

/** What is looked at together: the objects of a day, or of longer if an object spans more. */
const INTERVAL = 'day';
const REPORT_TYPE = 'application/json';

export function createAuditor({ store, appender, comparer, workspace, runtime }: AuditorOptions): Auditor {
  return {
    async audit(target, jobs, { remainingMs, onProgress, reportPrefix }) {
      const atMs = runtime.now();
      const calls = new Calls({ store, runtime, remainingMs });
      // First what the jobs have done, then what there is: so there is all that they have done.
      const states = await Promise.all(
        jobs.map(async (job) => ({
          job,
          layout: sourceLayout(job.source.key, job.window),
          fold: (await JobLog.read({ key: job.logKey, calls, appender, runtime })).fold,
        })),
      );
      const layout = sourceLayout(target.key, INTERVAL);
      const listed = [];
      for await (const object of calls.list(layout.listPrefix)) listed.push(object);
      const { sources } = groupsOf(layout, listed);
      const intervals = [...sources.values()].sort((one, other) => one.group.startMs - other.group.startMs);
      const bytes = intervals.flatMap(({ objects }) => objects).reduce((sum, { length }) => sum + length, 0);
      const tally = new Tally(target.name, atMs, jobs);

      for (const interval of intervals)
        await workspace.within(async (directory) => {
          const facts = `${directory}/facts`;
          const objects: string[] = [];
          const tombstones = new Set<string>();
          await workspace.write(facts, factsOf(interval, objects, tombstones));
          for (const { job, layout: own, fold } of states) {
            const groups = [...fold.groups].filter(({ group: name }) => {
              const startMs = own.group(name)?.startMs ?? Number.NaN;
              return startMs >= interval.group.startMs && startMs < interval.group.endMs;
            });
            const found = await auditOutputs(job, groups, {
              calls,
              workspace,
              comparer,
              directory,
              facts,
              objects,
              tombstones,
              onFault: (fault) => tally.fault(fault),
            });
            tally.job(job, interval, groups, found);
          }
        });

      /** Lines of facts of all records, as they are read. `objects` gets the keys that they name by number. */
      async function* factsOf(
        interval: GroupSource,
        objects: string[],
        tombstones: Set<string>,
      ): AsyncGenerator<Uint8Array> {
        let lines: string[] = [];
        const turns = auditLogs(interval, {
          calls,
          dedupe: target.dedupe,
          onFault: (fault) => tally.fault(fault),
          onRecord: ({ key, family }, record) => {
            if (objects.at(-1) !== key) objects.push(key);
            const { line, content } = factOf(family, objects.length - 1, record);
            tally.record(content);
            if (states.length > 0) lines.push(line);
          },
          onObject: (object) => {
            if (object.retired) tombstones.add(object.key);
            else if (objects.at(-1) !== object.key) objects.push(object.key);
            tally.object(object);
          },
        });
        for await (const _ of turns) {
          yield Buffer.from(lines.join(''));
          lines = [];
          onProgress?.(tally.bytes, bytes);
        }
      }

      const report = tally.report();
      if (reportPrefix === null) return { report, key: null };
      const name = new Date(atMs).toISOString().replaceAll(':', '');
      const key = `${reportPrefix}${target.name}/${name}.json`;
      await calls.create(key, Buffer.from(`${JSON.stringify(report, null, 2)}\n`), REPORT_TYPE);
      return { report, key };
    },
  };
}
