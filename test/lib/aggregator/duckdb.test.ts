/** The whole of it with the real engine, on the local disk. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { duckDbEngine } from '../../../lib/aggregate/duckdb/engine.ts';
import { JobFold } from '../../../lib/aggregate/fold.ts';
import type { Job } from '../../../lib/aggregate/job.ts';
import { parseRecord } from '../../../lib/aggregate/records.ts';
import { diskWorkspace } from '../../../lib/aggregator/disk.ts';
import { readRecords } from '../../../lib/reader.ts';
import { type Bench, bench, HOUR_MS, jobOf, LATER_MS, PLENTY, T20, template } from './support.ts';

const GROUP = '2026-11-22T20:00Z';
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'aggregator-'));
});
afterAll(() => rm(directory, { recursive: true }));

function real(job: Job) {
  const made = bench({ job });
  const engine = duckDbEngine({ memoryBytesMax: 128 * 1024 * 1024 });
  const workspace = diskWorkspace(path.join(directory, 'work'));
  return { ...made, aggregator: made.another({ engine, workspace }), engine };
}

/** What the job's log says of the group, and what its files are. */
async function groupOf({ store }: Bench, job: Job, engine: ReturnType<typeof duckDbEngine>) {
  const fold = JobFold.empty();
  for await (const { line } of readRecords(store, job.logKey)) {
    const parsed = parseRecord(Buffer.from(line).toString('utf8'));
    if (parsed !== null) fold.apply(parsed.record);
  }
  const { parts, rows, hash } = fold.group(GROUP);
  const files: string[] = [];
  for (const { key, bytes } of parts) {
    const read = await store.read(key, { start: 0, end: bytes }, { timeoutMs: 1000 });
    const file = path.join(directory, key.replaceAll('/', '_'));
    await writeFile(file, read?.bytes ?? '');
    files.push(file);
  }
  return { said: { rows, hash }, found: await engine.hash({ files, directory }) };
}

describe('a run with DuckDB', () => {
  it.each(['parquet', 'ndjson-gzip', 'ndjson-zstd'] as const)(
    'makes parts of %s that its log tells the truth about, also of late records and after a rebuild',
    async (format) => {
      const job = jobOf({
        format,
        source: { name: 'events', key: template('events/{time:yyyy/MM/dd/HH}/{lane}.ndjson') },
        columns: [{ name: 'letter', path: '$.id', type: 'VARCHAR' }],
        sort: ['letter'],
        claimBytesMax: 900,
      });
      const made = real(job);
      const { aggregator, append, runtime, engine } = made;
      for (const [lane, ids] of [
        ['0', ['c', 'b']],
        ['1', ['b', 'a']],
        ['1', ['d']],
      ] as const)
        await append(T20, ids, { lane });
      runtime.nowMs = T20 + HOUR_MS + LATER_MS;
      expect(await aggregator.run(job, PLENTY)).toMatchObject({ records: 5, rows: 4, repeats: 1 });
      await append(T20 + 1000, ['a', 'late'], { lane: '2' });
      expect(await aggregator.run(job, PLENTY)).toMatchObject({ records: 2, rows: 1, repeats: 1 });
      const before = await groupOf(made, job, engine);
      expect(before.found).toEqual(before.said);
      expect(before.found.rows).toBe(5);
      await aggregator.rebuild(job, GROUP, PLENTY);
      const after = await groupOf(made, job, engine);
      expect(after.found).toEqual(after.said);
      expect(after.found.rows).toBe(5);
      expect(await readdir(path.join(directory, 'work'))).toEqual([]);
    },
  );

  it('rolls up with SQL, and again when a record is late', async () => {
    const job = jobOf({
      kind: 'rollup',
      output: template('jobs/table/{time:yyyy-MM-dd-HH}', false),
      columns: [{ name: 'letter', path: '$.id', type: 'VARCHAR' }],
      rollup: {
        sql: 'SELECT letter, count(*) AS n FROM records GROUP BY ALL',
        rowKey: ['letter'],
        into: {
          name: 'stats',
          key: template('stats.ndjson'),
          contentType: 'application/x-ndjson',
          dedupe: { records: 16_000, ageMs: null },
          segmentBytesMax: 1024 ** 3,
        },
      },
    });
    const { aggregator, append, runtime, store } = real(job);
    await append(T20, ['b', 'a']);
    runtime.nowMs = T20 + HOUR_MS + LATER_MS;
    await aggregator.run(job, PLENTY);
    await append(T20, ['c']);
    await aggregator.run(job, PLENTY);
    const rows: string[] = [];
    for await (const { line } of readRecords(store, 'stats.ndjson'))
      rows.push(Buffer.from(line).toString('utf8'));
    expect(rows.map((row) => JSON.parse(row) as { revision: number; rows: number; letter: string })).toEqual([
      expect.objectContaining({ window: GROUP, revision: 1, rows: 2, letter: 'a', n: 1 }),
      expect.objectContaining({ window: GROUP, revision: 1, rows: 2, letter: 'b', n: 1 }),
      expect.objectContaining({ window: GROUP, revision: 2, rows: 3, letter: 'a', n: 1 }),
      expect.objectContaining({ window: GROUP, revision: 2, rows: 3, letter: 'b', n: 1 }),
      expect.objectContaining({ window: GROUP, revision: 2, rows: 3, letter: 'c', n: 1 }),
    ]);
  });
});
