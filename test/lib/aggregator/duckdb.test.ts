/** The whole of it with the real engine, on the local disk. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { duckDbEngine } from '../../../lib/aggregate/duckdb/engine.ts';
import { JobFold } from '../../../lib/aggregate/fold.ts';
import type { Job } from '../../../lib/aggregate/job.ts';
import { parseRecord } from '../../../lib/aggregate/records.ts';
import { diskWorkspace } from '../../../lib/aggregator/disk.ts';
import { readRecords } from '../../../lib/reader.ts';
import { duckdb } from '../aggregate/duckdb/support.ts';
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

/** Copies what is under a prefix to a directory of its own, and the last query of README.md on rollups there. */
async function documented({ store }: Bench, prefix: string, copy: string): Promise<string> {
  const root = path.join(directory, copy);
  const { objects } = await store.list(prefix, { timeoutMs: 1000 });
  for (const { key, length } of objects) {
    const read = await store.read(key, { start: 0, end: length }, { timeoutMs: 1000 });
    await mkdir(path.join(root, path.dirname(key)), { recursive: true });
    await writeFile(path.join(root, key), read?.bytes ?? '');
  }
  const readme = await readFile(path.join(import.meta.dirname, '../../../README.md'), 'utf8');
  const [query = ''] = /^SELECT .*'rollups\/\*\*.*(?=;$)/m.exec(readme) ?? [];
  return query.replace("'rollups/", `'${root}/rollups/`);
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

  it('rolls up into files, which ordinary SQL reads as README.md has it, late records and rebuilds included', async () => {
    const job = jobOf({
      kind: 'rollup',
      output: template('jobs/table/{time:yyyy-MM-dd-HH}', false),
      source: { name: 'events', key: template('events/{time:yyyy/MM/dd}.ndjson') },
      columns: [{ name: 'letter', path: '$.id', type: 'VARCHAR' }],
      rollup: {
        sql: 'SELECT letter, count(*) AS records FROM records GROUP BY letter',
        rowKey: ['letter'],
        into: { files: template('rollups/day={time:yyyy-MM-dd}/hour={time:HH}', false) },
      },
    });
    const made = real(job);
    const { aggregator, append, runtime } = made;
    let copies = 0;
    const told = async (revisions: string) => {
      const query = await documented(made, 'rollups/', `copy-${copies++}`);
      const rows = await duckdb(`${query} ORDER BY hour`);
      const from = query.slice(query.indexOf('read_parquet'), query.indexOf(' GROUP BY'));
      const seen = await duckdb(`SELECT DISTINCT hour, revision, "window" FROM ${from} ORDER BY ALL`);
      expect(seen.map(({ hour, revision }) => `${hour}:${revision}`).join(' ')).toBe(revisions);
      expect(seen[0]?.['window']).toEqual(new Date(T20));
      const [columns] = await duckdb(`SELECT list(column_name) AS names FROM (DESCRIBE FROM ${from})`);
      const base = ['window', 'revision', 'row', 'rows', 'letter', 'records'];
      expect(columns).toEqual({ names: [...base, 'day', 'hour'] });
      return rows.map((row) => `${row['hour']}: ${row['sum(records)']}`);
    };
    await append(T20, ['b', 'a']);
    await append(T20 + HOUR_MS, ['c']);
    runtime.nowMs = T20 + 24 * HOUR_MS + LATER_MS;
    await aggregator.run(job, PLENTY);
    expect(await told('20:1 21:1')).toEqual(['20: 2', '21: 1']);
    await append(T20, ['late', 'a']);
    await aggregator.run(job, PLENTY);
    expect(await told('20:2 21:1')).toEqual(['20: 3', '21: 1']);
    await aggregator.rebuild(job, '2026-11-22T00:00Z', PLENTY);
    expect(await told('20:3 21:3')).toEqual(['20: 3', '21: 1']);
    expect(await readdir(path.join(directory, 'work'))).toEqual([]);
  });
});
