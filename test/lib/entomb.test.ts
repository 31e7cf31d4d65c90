/** Retired logs on OSS (PROTOCOL.md §3.7). */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OssServer } from '../../infra/local/oss/server.ts';
import { jsonLine } from '../../lib/append/record.ts';
import type { LogRecord } from '../../lib/append/types.ts';
import { createAppender } from '../../lib/appender.ts';
import { entomb } from '../../lib/entomb.ts';
import { readRecords } from '../../lib/reader.ts';
import { createRetirer } from '../../lib/retirer.ts';
import { systemRuntime } from '../../lib/runtime.ts';
import { ossBucket } from '../../lib/store/oss-bucket.ts';
import type { Bucket } from '../../lib/store/port.ts';
import { entombLog, readSegment } from './entomb.ts';
import { optionsFor, startLocalOss } from './store/local-oss.ts';

const KEY = 'events/20.ndjson';
const CALL = { remainingMs: () => 30_000 };
const STORE_CALL = { timeoutMs: 10_000 };
const runtime = systemRuntime();
const record = (id: string): LogRecord => ({
  line: jsonLine(`{"id":"${id}"}`),
  id,
  source: 's',
  timeMs: 0,
});

let server: OssServer;
let close: () => Promise<void>;
let bucket: Bucket;
/** Another instance each time. */
let instances = 0;
function instance() {
  const options = { store: bucket, runtime, writer: `w${++instances}` };
  return { ...createAppender(options), ...createRetirer(options) };
}

beforeEach(async () => {
  ({ server, close } = await startLocalOss());
  bucket = ossBucket(optionsFor(server.url));
});
afterEach(() => close());

describe('a log on OSS', () => {
  it('is ended, removed, and gone on with, and what was in it is still known', async () => {
    const warm = instance();
    await warm.appendRecords(KEY, [record('a'), record('b')], CALL);
    await entombLog(bucket, instance(), KEY);
    expect(await bucket.head(KEY, STORE_CALL)).toMatchObject({
      type: 'Normal',
      contentType: 'application/vnd.oss-append.tombstone+json',
    });
    for (const [n, writer] of [warm, instance()].entries()) {
      const [repeat, fresh] = await writer.appendRecords(KEY, [record('a'), record(`c${n}`)], CALL);
      expect(repeat).toMatchObject({ object: KEY, record: 0, repeat: true });
      expect(fresh).toMatchObject({ object: 'events/20~00001.ndjson', repeat: false });
    }
    const told: unknown[] = [];
    const ids: string[] = [];
    for await (const { id } of readRecords(bucket, KEY, { onTombstone: (...one) => told.push(one) }))
      ids.push(id);
    expect(ids).toHaveLength(2);
    expect(told).toMatchObject([[KEY, { segment: 0, jobs: [{ job: 'rows', output: 'tables/rows/' }] }]]);
  });

  it('is removed once, also if an answer is lost', async () => {
    const one = instance();
    await one.appendRecords(KEY, [record('a')], CALL);
    await one.retire(KEY, CALL);
    const read = await readSegment(bucket, KEY, 0);
    server.faults.add({ fault: 'answer-lost', times: 1, match: { operation: 'put' } });
    expect(await entomb({ retirer: one, bucket, runtime }, read, CALL)).toBe(true);
    const tombstone = await bucket.read(KEY, { start: 0, end: 100_000 }, STORE_CALL);
    expect(await entomb({ retirer: one, bucket, runtime }, read, CALL)).toBe(false);
    expect(await bucket.read(KEY, { start: 0, end: 100_000 }, STORE_CALL)).toEqual(tombstone);
  });

  it('stays as it is if it is not ended, is not what was read, or is not there', async () => {
    const one = instance();
    const into = { retirer: one, bucket, runtime };
    await expect(entomb(into, await readSegment(bucket, KEY, 0), CALL)).rejects.toMatchObject({
      code: 'SegmentMissing',
    });
    await one.appendRecords(KEY, [record('a')], CALL);
    await expect(entomb(into, await readSegment(bucket, KEY, 0), CALL)).rejects.toMatchObject({
      code: 'SegmentOpen',
    });
    await one.retire(KEY, CALL);
    const read = await readSegment(bucket, KEY, 0);
    for (const other of [{ length: read.length - 1 }, { crc64: read.crc64 + 1n }]) {
      const error = expect.objectContaining({ name: 'NotEntombed', code: 'SegmentChanged' });
      await expect(entomb(into, { ...read, ...other }, CALL)).rejects.toEqual(error);
    }
    expect(await bucket.head(KEY, STORE_CALL)).toMatchObject({ type: 'Appendable', length: read.length });
  });
});
