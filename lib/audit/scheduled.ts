/**
 * An audit that a timer wants: the report goes to the bucket. What is wrong is an error in the log, and no failure of the
 * call: to do it again would find the same.
 */
import type { Job } from '../aggregate/job.ts';
import type { AuditedTarget, Auditor } from '../audit.ts';
import type { Runtime } from '../runtime.ts';

export interface ScheduledAuditOptions {
  readonly auditor: Auditor;
  readonly runtime: Pick<Runtime, 'log'>;
  readonly reportPrefix: string;
}

export interface Audited {
  readonly target: string;
  readonly sound: boolean;
  /** Key of the report. */
  readonly report: string | null;
}

/** `jobs` are those that read the target. Throws what an audit throws: the platform then calls again. */
export async function scheduledAudit(
  target: AuditedTarget,
  jobs: readonly Job[],
  remainingMs: () => number,
  { auditor, runtime, reportPrefix }: ScheduledAuditOptions,
): Promise<Audited> {
  const { report, key } = await auditor.audit(target, jobs, { remainingMs, reportPrefix });
  const { sound, faultCount, logs, faults } = report;
  const fields = { target: target.name, records: logs.stored, bytes: logs.bytes, report: key };
  const [first] = faults;
  if (sound) runtime.log.info('audit-sound', fields);
  else
    runtime.log.error('audit-unsound', { ...fields, faultCount, code: first?.code, object: first?.object });
  return { target: target.name, sound, report: key };
}
