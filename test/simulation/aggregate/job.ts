/** The job of a scenario, and the keys of what it reads. */
import type { Job } from '../../../lib/aggregate/job.ts';
import { renderKey } from '../../../lib/key.ts';
import { parseTemplate } from '../../../lib/key-template.ts';
import type { JobScenario, Write } from './scenario.ts';

export function jobOf(scenario: JobScenario): Job {
  const { kind, source, window, graceMs, claimBytesMax, fanOut } = scenario;
  const log = {
    name: 'stats',
    key: parseTemplate('stats/all.ndjson', { segmented: true }),
    contentType: 'application/x-ndjson',
    dedupe: { records: 16_000, ageMs: null },
    segmentBytesMax: 1024 ** 3,
  };
  const into = scenario.into === 'log' ? log : { files: parseTemplate('rollups/{time:yyyy-MM-dd-HH-mm}') };
  return {
    name: 'job',
    kind,
    logKey: 'jobs/job.ndjson',
    source: { name: 'in', key: parseTemplate(source, { segmented: true }) },
    window,
    output: parseTemplate('out/{time:yyyy-MM-dd-HH-mm}'),
    format: 'parquet',
    columns: [],
    sort: [],
    rollup: kind === 'rollup' ? { sql: '', rowKey: ['source'], into } : null,
    graceMs,
    claimBytesMax,
    fanOut,
  };
}

/** Where a write goes. */
export function keyOfWrite({ source }: Pick<JobScenario, 'source'>, { records, lane }: Write): string {
  const template = parseTemplate(source, { segmented: true });
  return renderKey(template, {
    timeMs: records[0]?.timeMs ?? 0,
    fields: new Map([['f', lane]]),
    ...(template.usesLane && { lane }),
  });
}
