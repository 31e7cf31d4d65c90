import { describe, expect, it } from 'vitest';
import type { Job } from '../../../lib/aggregate/job.ts';
import type { AuditReport } from '../../../lib/audit/report.ts';
import { scheduledAudit } from '../../../lib/audit/scheduled.ts';
import type { Auditor } from '../../../lib/audit.ts';
import { jobOf, stillRuntime, T20 } from '../aggregator/support.ts';

const REPORT: AuditReport = {
  v: 1,
  target: 'events',
  atMs: T20,
  sound: true,
  logs: { bytes: 10, commits: 1, accepted: 2, stored: 2, hash: '3' },
  objects: [],
  jobs: [],
  faultCount: 0,
  faults: [],
};
const FAULT = { code: 'BadCommit', object: 'events/20.ndjson', start: 0, end: 9, message: 'm' } as const;

function audited(report: AuditReport) {
  const runtime = stillRuntime(T20);
  const asked: { target: string; jobs: readonly Job[]; reportPrefix: string | null }[] = [];
  const auditor: Auditor = {
    async audit({ name }, jobs, { reportPrefix }) {
      asked.push({ target: name, jobs, reportPrefix });
      return { report, key: 'jobs/audits/events/r.json' };
    },
  };
  const job = jobOf();
  const target = { name: 'events', key: job.source.key, dedupe: { records: 1, ageMs: null } };
  const options = { auditor, runtime, reportPrefix: 'jobs/audits/' };
  return { job, asked, runtime, run: () => scheduledAudit(target, [job], () => 1000, options) };
}

describe('an audit that a timer wants', () => {
  it('leaves its report in the bucket, and says in the log that all is sound', async () => {
    const { job, asked, runtime, run } = audited(REPORT);
    expect(await run()).toEqual({ target: 'events', sound: true, report: 'jobs/audits/events/r.json' });
    expect(asked).toEqual([{ target: 'events', jobs: [job], reportPrefix: 'jobs/audits/' }]);
    expect(runtime.lines.map(({ event }) => event)).toEqual(['audit-sound']);
  });

  it('does not fail where something is wrong, but logs an error with the first of it', async () => {
    const { runtime, run } = audited({ ...REPORT, sound: false, faultCount: 3, faults: [FAULT] });
    expect(await run()).toMatchObject({ sound: false });
    expect(runtime.lines).toEqual([
      expect.objectContaining({
        event: 'audit-unsound',
        faultCount: 3,
        code: 'BadCommit',
        object: FAULT.object,
      }),
    ]);
  });
});
