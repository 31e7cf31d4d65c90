/** An audit of a target and of what a job made of it, with the engine that jobs use, on local disk. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { contentHash } from '../../../lib/aggregate/content-hash.ts';
import { duckDbComparer } from '../../../lib/aggregate/duckdb/compare.ts';
import { duckDbEngine } from '../../../lib/aggregate/duckdb/engine.ts';
import type { RowFormat } from '../../../lib/aggregate/ports.ts';
import { diskWorkspace } from '../../../lib/aggregator/disk.ts';
import { createAppender } from '../../../lib/appender.ts';
import { reportLines } from '../../../lib/audit/report.ts';
import { createAuditor } from '../../../lib/audit.ts';
import { createRetirer } from '../../../lib/retirer.ts';
import { madeObject, rangesOf } from '../../aggregate/logs.ts';
import { directory, work } from '../aggregate/duckdb/support.ts';
import { bench, HOUR_MS, jobOf, LATER_MS, PLENTY, T20, template } from '../aggregator/support.ts';
import { entombLog } from '../entomb.ts';

const MIB = 1024 * 1024;
const CALL = { timeoutMs: 1000 };

/** A bench whose jobs run on disk, and an auditor of it. */
function audited(format: RowFormat = 'parquet') {
  const job = jobOf({
    format,
    source: { name: 'events', key: template('events/{time:yyyy/MM/dd/HH}-{lane}.ndjson') },
  });
  const world = bench({ job });
  const { store, runtime } = world;
  const workspace = diskWorkspace(directory());
  const appender = createAppender({ store, runtime, writer: 'a' });
  const target = { name: 'events', key: job.source.key, dedupe: { records: 16_000, ageMs: null } };
  const comparer = duckDbComparer({ memoryBytesMax: 256 * MIB });
  const auditor = createAuditor({ store, appender, comparer, workspace, runtime });
  const aggregator = world.another({ engine: duckDbEngine({ memoryBytesMax: 256 * MIB }), workspace });
  return {
    ...world,
    run: () => aggregator.run(job, PLENTY),
    audit: async (reportPrefix: string | null = null) =>
      (await auditor.audit(target, [job], { ...PLENTY, reportPrefix })).report,
    parts: async () => (await store.list('tables/', CALL)).objects.map(({ key }) => key),
    bytesOf: async (key: string) => (await store.read(key, { start: 0, end: MIB }, CALL))?.bytes,
  };
}

const append = (ids: readonly string[]) => ({
  records: ids.map((id) => ({ line: Buffer.from(`{"id":"${id}"}`), id, source: 's', timeMs: T20 })),
  atMs: T20,
  foreign: null,
  checkpoint: false,
});

/** Two hours, two lanes, a repeat across the lanes, and what came late. */
async function filled(format?: RowFormat) {
  const world = audited(format);
  const { append, runtime } = world;
  await append(T20, ['a', 'b'], { lane: '0' });
  await append(T20, ['b', 'c'], { lane: '1' });
  await append(T20 + HOUR_MS, ['d'], { lane: '0', line: Buffer.from('{"$record":{"$commit":1e400}}') });
  runtime.nowMs = T20 + 2 * HOUR_MS + LATER_MS;
  await world.run();
  await append(T20, ['late', 'a'], { lane: '1' });
  await world.run();
  return world;
}

const FIRST = 'events/2026/11/22/20-0.ndjson';
const SECOND = 'events/2026/11/22/21-0.ndjson';
const codes = ({ faults }: Awaited<ReturnType<ReturnType<typeof audited>['audit']>>) =>
  faults.map(({ code }) => code);

describe.each<RowFormat>(['parquet', 'ndjson-gzip'])(
  'an audit of a target with a job that makes %s',
  (format) => {
    it('finds that what was accepted is stored and aggregated, by count and by hash', async () => {
      const { audit } = await filled(format);
      const report = await audit();
      expect(report).toMatchObject({ sound: true, faults: [], faultCount: 0 });
      expect(report.logs).toMatchObject({ accepted: 7, stored: 7, commits: 4 });
      expect(report.jobs).toEqual([
        expect.objectContaining({ job: 'table', records: 7, distinct: 5, rows: 5, behindBytes: 0 }),
      ]);
      expect(reportLines(report).join('\n')).toContain('5 rows of 5 records, 2 repeats');
    });

    it('tells how far a job is behind, and that nothing is wrong with that', async () => {
      const { audit, append } = await filled(format);
      await append(T20, ['later'], { lane: '0' });
      const report = await audit();
      expect(report.sound).toBe(true);
      expect(report.jobs[0]?.behindBytes).toBeGreaterThan(0);
      expect(report.logs.stored).toBe(8);
      expect(report.jobs[0]?.records).toBe(7);
    });

    it('finds a part that is gone, and one that is another', async () => {
      const { audit, store, parts, bytesOf } = await filled('parquet');
      const [key = ''] = await parts();
      const bytes = Buffer.from((await bytesOf(key)) ?? '');
      await store.remove(key, CALL);
      expect(codes(await audit())).toEqual(['BadOutput']);
      bytes[40] = (bytes[40] ?? 0) ^ 1;
      await store.put(key, bytes, CALL);
      const report = await audit();
      expect(codes(report)).toEqual(['BadOutput']);
      expect(reportLines(report).join('\n')).toContain(key);
    });
  },
);

describe('an audit of a target', () => {
  it('finds a record that was changed in the log after it was aggregated', async () => {
    const { audit, store, bytesOf } = await filled();
    const before = Buffer.from((await bytesOf(SECOND)) ?? '').toString();
    await store.remove(SECOND, CALL);
    await store.append(SECOND, 0, Buffer.from(before.replace('1e400', '1e401')), CALL);
    const report = await audit();
    expect(report.sound).toBe(false);
    // The commit does not stand for it any more, so what it covered is no record, and the row is of nothing.
    expect(codes(report)).toEqual(['BadCommit', 'Uncovered', 'NotAccepted']);
    expect(report.faults.at(-1)).toMatchObject({
      object: SECOND,
      start: 0,
      message: expect.stringContaining('1 rows are no record'),
    });
  });

  it('finds an object that is gone, of which there are rows', async () => {
    const { audit, store } = await filled();
    await store.remove(FIRST, CALL);
    expect(codes(await audit())).toContain('MissingObject');
  });

  it('passes over tombstones, and compares what is behind them; an ordinary object is none', async () => {
    const { audit, store, runtime, append } = await filled();
    const retirer = createRetirer({ store, runtime, writer: 'retirer' });
    await entombLog(store, retirer, FIRST);
    await append(T20, ['after'], { lane: '0' });
    const report = await audit();
    expect(codes(report)).toEqual([]);
    expect(report.objects.find(({ key }) => key === FIRST)).toMatchObject({ retired: true, records: 0 });
    expect(report.jobs[0]).toMatchObject({ rows: 5, rowsOfRetired: 2 });
    expect(report.jobs[0]?.behindBytes).toBeGreaterThan(0);
    await store.remove(SECOND, CALL);
    await store.put(SECOND, Buffer.from('{"$tombstone":1}\n'), CALL);
    expect(codes(await audit())).toContain('BadObject');
  });

  it('compares several days, each with what the job made of it', async () => {
    const world = audited();
    const { append, runtime, run, audit, store, parts } = world;
    const days = [0, 1, 2].map((day) => T20 + day * 24 * HOUR_MS);
    for (const [day, timeMs] of days.entries()) await append(timeMs, [`a-${day}`, `b-${day}`], { lane: '0' });
    runtime.nowMs = (days.at(-1) ?? 0) + HOUR_MS + LATER_MS;
    await run();
    const sound = await audit();
    expect(sound).toMatchObject({ sound: true, logs: { stored: 6 } });
    expect(sound.jobs[0]).toMatchObject({ records: 6, distinct: 6, rows: 6 });
    const [, second = ''] = await parts();
    expect(second).toContain('day=2026-11-23');
    await store.remove(second, CALL);
    const report = await audit();
    expect(codes(report)).toEqual(['BadOutput']);
    expect(report.faults[0]).toMatchObject({ object: second });
    expect(report.jobs[0]).toMatchObject({ rows: 4 });
  });

  it('signs its report off in the bucket, with the length and checksum of each object', async () => {
    const { audit, bytesOf, store } = await filled();
    const report = await audit('jobs/audits/');
    const { objects } = await store.list('jobs/audits/', CALL);
    expect(objects.map(({ key }) => key)).toEqual(['jobs/audits/events/2026-11-22T221000.000Z.json']);
    const stored: unknown = JSON.parse(Buffer.from((await bytesOf(objects[0]?.key ?? '')) ?? '').toString());
    expect(stored).toEqual(report);
    const info = await store.head(FIRST, CALL);
    expect(report.objects.find(({ key }) => key === FIRST)).toMatchObject({
      length: info?.length,
      crc64: String(info?.crc64),
      records: 2,
    });
  });
});

describe('a comparison', () => {
  const OBJECTS = [{ number: 0, key: FIRST, end: 1000 }];

  /** Of rows `id-0` and `id-1`, against facts made of them by `change`. */
  async function compared(
    change: (facts: string[]) => string[],
    twice = false,
    objects = OBJECTS,
    memoryBytesMax = 256 * MIB,
  ) {
    const place = directory();
    const [made] = [madeObject(FIRST, FIRST, [append(['id-0', 'id-1'])])];
    const { files } = await duckDbEngine().compact(
      work({ ranges: rangesOf([made], [], 1000), directory: place }),
    );
    const facts = ['id-0', 'id-1'].map((id, record) => {
      const name = { family: FIRST, source: 's', epoch: null, id };
      const content = contentHash({ ...name, data: `{"id":"${id}"}` });
      return `${contentHash({ ...name, data: '' })},${content},0,0,${record}\n`;
    });
    await writeFile(path.join(place, 'facts'), change(facts).join(''));
    const paths = files.map((file) => file.path);
    return duckDbComparer({ memoryBytesMax }).compare({
      facts: path.join(place, 'facts'),
      objects,
      files: twice ? [...paths, ...paths] : paths,
      directory: place,
    });
  }
  const none = { count: 0, first: null };
  const at = (record: number) => ({ count: 1, first: { object: FIRST, start: 0, record } });

  it('of the same records finds nothing', async () => {
    const same = { records: 2, distinct: 2, rows: 2, rowsOfRetired: 0 };
    expect(await compared((facts) => facts)).toMatchObject({
      ...same,
      missing: none,
      unknown: none,
      twice: none,
    });
  });

  it('finds a record without a row, and passes over one that is not committed yet', async () => {
    const more = (start: number) => (facts: string[]) => [...facts, `7,7,0,${start},5\n`];
    expect(await compared(more(0))).toMatchObject({ missing: at(5), unknown: none, twice: none });
    expect(await compared(more(1000))).toMatchObject({ records: 2, missing: none });
  });

  it('finds a row that is no record, and one that says something else', async () => {
    expect(await compared(([first = '']) => [first])).toMatchObject({ missing: none, unknown: at(1) });
    const changed = ([first = '', second = '']: string[]) => [first, second.replace(/,\d+,0,0,/, ',1,0,0,')];
    expect(await compared(changed)).toMatchObject({ missing: none, unknown: at(1) });
  });

  it('finds rows that are there twice', async () => {
    const twice = await compared((facts) => facts, true);
    expect(twice).toMatchObject({
      rows: 4,
      missing: none,
      unknown: none,
      twice: { count: 2, first: at(0).first },
    });
  });

  it('needs less memory than the least that a job may have', async () => {
    expect(await compared((facts) => facts, false, OBJECTS, 40 * MIB)).toMatchObject({
      rows: 2,
      missing: none,
    });
  });

  it('has nothing to compare the rows of retired objects with', async () => {
    const others = [{ number: 0, key: 'another', end: 1000 }];
    expect(await compared(() => [], false, others)).toMatchObject({ rowsOfRetired: 2, unknown: none });
  });
});
