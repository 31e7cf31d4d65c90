/** Jobs beside traffic, with the instances that run them killed: in the end each accepted record is in one row. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type OSS from 'ali-oss';
import { describe, expect, it } from 'vitest';
import type { FcPlatform } from '../../infra/local/fc/platform.ts';
import { callEvent, type JobCall } from '../../lib/invoke/event.ts';
import { tempDir } from '../infra/local/fc/support.ts';
import { duckdb } from '../lib/aggregate/duckdb/support.ts';
import { readLog } from '../lib/append/reference.ts';
import { signalBusy, startLocal } from './local.ts';
import { clientOf } from './stack.ts';

const CONFIG = `
import { defineConfig } from './lib/config.ts';
const columns = { amount: { path: '$.amount', type: 'BIGINT' } } as const;
export default defineConfig({
  targets: {
    events: { format: 'log', key: 'events/{time:yyyy/MM/dd/HH}.ndjson', segmentBytesMax: 20_000 },
    stats: { format: 'log', key: 'stats/{time:yyyy/MM/dd}.ndjson' },
  },
  queues: { events: { target: 'events' } },
  jobs: {
    table: { kind: 'compact', source: 'events', window: 'minute', columns, output: 'tables/{time:yyyy-MM-dd}/{time:HH}/{time:mm}' },
    sums: {
      kind: 'rollup', source: 'events', window: 'minute', columns,
      sql: 'SELECT count(*) AS n, sum(amount) AS amount FROM records', into: { target: 'stats' },
    },
    files: {
      kind: 'rollup', source: 'events', window: 'minute', columns,
      sql: 'SELECT count(*) AS n, sum(amount) AS amount FROM records', into: { files: 'rollups/{time:yyyy-MM-dd}/{time:HH}/{time:mm}' },
    },
  },
});`;
const JOBS = 'append-aggregate';
/** So often an instance is killed before the traffic ends. */
const KILLS = 6;
const WRITERS = 3;

interface Row {
  readonly id: string;
  readonly source: string;
  readonly amount: number;
  readonly window: string;
}

const nameOf = ({ source, id }: Pick<Row, 'source' | 'id'>) => `${source} ${id}`;

/** All keys below a prefix. */
async function keysOf(client: OSS, prefix: string): Promise<string[]> {
  const { objects = [] } = await client.listV2({ prefix, 'max-keys': '1000' }, {});
  return objects.map(({ name }) => name);
}

async function bytesOf(client: OSS, key: string): Promise<Buffer> {
  return (await client.get(key)).content as Buffer;
}

/** What a reader finds who lists the files below a prefix now. */
async function selected(client: OSS, dir: string, prefix: string, select: string) {
  const keys = await keysOf(client, prefix);
  if (keys.length === 0) return [];
  const files = await Promise.all(
    keys.map(async (key) => {
      const file = path.join(dir, key);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, await bytesOf(client, key));
      return file;
    }),
  );
  return duckdb(`SELECT ${select} FROM read_parquet([${files.map((file) => `'${file}'`).join(', ')}])`);
}

const WINDOW = '%Y-%m-%dT%H:%MZ';

async function rowsOf(client: OSS, dir: string): Promise<Row[]> {
  const select = `source, id, amount, strftime(time_bucket(INTERVAL 1 minute, time), '${WINDOW}') AS window`;
  const rows = await selected(client, dir, 'tables/', select);
  return rows.map(({ source, id, amount, window }) => ({
    source: String(source),
    id: String(id),
    amount: Number(amount),
    window: String(window),
  }));
}

/** What the log holds: the records that were accepted. */
async function recordsOf(client: OSS): Promise<string[]> {
  const logs = await Promise.all((await keysOf(client, 'events/')).map((key) => bytesOf(client, key)));
  return logs.flatMap((bytes) => readLog(bytes).flatMap(({ records }) => records.map(nameOf)));
}

/** Of each window its highest revision: how many records, and their sum. */
async function sumsOf(client: OSS): Promise<Record<string, { n: number; amount: number }>> {
  const logs = await Promise.all((await keysOf(client, 'stats/')).map((key) => bytesOf(client, key)));
  const rows = logs
    .flatMap((bytes) => readLog(bytes).flatMap(({ records }) => records.map(({ line }) => JSON.parse(line))))
    .sort((one, other) => one.revision - other.revision);
  const revisions = rows.map(({ window, revision, row }) => `${window} ${revision} ${row}`);
  expect(new Set(revisions).size).toBe(revisions.length);
  return Object.fromEntries(rows.map(({ window, n, amount }) => [window, { n, amount }]));
}

/** Of the files of a rollup: the same, as any reader has it. */
async function fileSumsOf(client: OSS, dir: string): Promise<Record<string, { n: number; amount: number }>> {
  const select = `strftime("window", '${WINDOW}') AS name, n, amount`;
  const rows = await selected(client, dir, 'rollups/', select);
  const names = rows.map(({ name }) => String(name));
  expect(names.length).toBe(new Set(names).size);
  return Object.fromEntries(
    rows.map(({ name, n, amount }) => [String(name), { n: Number(n), amount: Number(amount) }]),
  );
}

function expectedSums(rows: readonly Row[]): Record<string, { n: number; amount: number }> {
  const sums: Record<string, { n: number; amount: number }> = {};
  for (const { window, amount } of rows) {
    const sum = sums[window] ?? { n: 0, amount: 0 };
    sums[window] = { n: sum.n + 1, amount: sum.amount + amount };
  }
  return sums;
}

/** An order of one of four minutes of the past; most have not been sent before. */
async function order(fc: FcPlatform, writer: number, n: number): Promise<string> {
  const id = String(n % 5 === 4 ? n - 3 : n);
  const response = await fetch(`${fc.url}/append/events`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'ce-specversion': '1.0',
      'ce-type': 'order',
      'ce-source': `/shop/${writer}`,
      'ce-id': id,
      'ce-time': `2026-11-22T20:3${Number(id) % 4}:10Z`,
    },
    body: JSON.stringify({ amount: Number(id) }),
  });
  expect(response.status, await response.clone().text()).toBe(200);
  return nameOf({ source: `/shop/${writer}`, id });
}

describe('jobs whose instances are killed while records come in', () => {
  it('count each record once, at any moment and in the end', async () => {
    const { fc, oss } = await startLocal({
      resources: ['web', 'queue', 'aggregate'],
      config: CONFIG,
      retryDelayScale: 0,
      timers: false,
      // What a killed run has claimed is free when its time is up.
      change: (props) => {
        if (props.functionName === JOBS) props.timeout = 10;
      },
    });
    const client = clientOf(oss.port);
    const run = (call: JobCall | null) => {
      const event = call === null ? { triggerTime: new Date().toISOString(), triggerName: 'jobs' } : null;
      return fc.invokeAsync(
        JOBS,
        event ? Buffer.from(JSON.stringify(event)) : callEvent(call as JobCall, Date.now()),
      );
    };
    const accepted = new Set<string>();
    let kills = 0;
    let traffic = true;

    const writers = Array.from({ length: WRITERS }, async (_, writer) => {
      for (let n = 0; traffic; n++) {
        accepted.add(await order(fc, writer, n));
        await fc.publish('events', Buffer.from(`{"amount":${n}}`));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
    const timer = (async () => {
      while (traffic) {
        await run(null);
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
    })();
    const killer = (async () => {
      while (kills < KILLS) {
        // Anywhere in a run: it takes some hundred milliseconds, most of them with a claim.
        await new Promise((resolve) => setTimeout(resolve, 1000 * Math.random()));
        if (signalBusy(fc, 'SIGKILL', JOBS)) kills++;
      }
      traffic = false;
    })();
    const reader = (async () => {
      for (let n = 0; traffic; n++) {
        const names = (await rowsOf(client, path.join(tempDir(), `${n}`))).map(nameOf);
        expect(names.length).toBe(new Set(names).size);
        await fileSumsOf(client, tempDir());
      }
    })();
    await Promise.all([...writers, timer, killer, reader]);

    // All is quiet: what waits is done, and what is not due yet is asked for by its group.
    await fc.idle();
    const records = await recordsOf(client);
    expect(new Set(records).size).toBe(records.length);
    expect(records).toEqual(expect.arrayContaining([...accepted]));
    expect(records.filter((name) => name.startsWith('queue/')).length).toBeGreaterThan(WRITERS);
    const groups = new Set(
      (await keysOf(client, 'events/')).map(
        (key) => `${key.slice(7, 17).replaceAll('/', '-')}T${key.slice(18, 20)}:00Z`,
      ),
    );
    const done = async () => {
      for (const group of groups) for (const job of ['table', 'sums', 'files']) await run({ job, group });
      await fc.idle();
      return (await rowsOf(client, tempDir())).length;
    };
    await expect.poll(done, { timeout: 60_000, interval: 500 }).toBe(records.length);
    const rows = await rowsOf(client, tempDir());
    expect(rows.map(nameOf).sort()).toEqual(records.toSorted());
    await expect
      .poll(
        async () => {
          await done();
          return sumsOf(client);
        },
        { timeout: 60_000, interval: 500 },
      )
      .toEqual(expectedSums(rows));
    await expect
      .poll(
        async () => {
          await done();
          return fileSumsOf(client, tempDir());
        },
        { timeout: 60_000, interval: 500 },
      )
      .toEqual(expectedSums(rows));
  }, 300_000);
});

describe('a job with more to do than one call should take', () => {
  it('has the rest worked on in calls of their own, which it makes itself', async () => {
    const lines: { event: string; group?: string }[] = [];
    const { fc, oss } = await startLocal({
      resources: ['web', 'aggregate'],
      config: CONFIG,
      timers: false,
      onLog: ({ functionName, line }) => {
        if (functionName === JOBS) lines.push(JSON.parse(line));
      },
    });
    const client = clientOf(oss.port);
    const hours = [10, 11, 12, 13, 14];
    for (const hour of hours) {
      const response = await fetch(`${fc.url}/append/events`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'ce-specversion': '1.0',
          'ce-type': 'order',
          'ce-source': '/shop',
          'ce-id': `${hour}`,
          'ce-time': `2026-11-22T${hour}:30:10Z`,
        },
        body: '{"amount":1}',
      });
      expect(response.status).toBe(200);
    }
    // One call, which runs the oldest group itself.
    await fc.invokeAsync(JOBS, callEvent({ job: 'table', group: null }, Date.now()));
    await fc.idle();
    expect((await rowsOf(client, tempDir())).map(({ id }) => id).sort()).toEqual(hours.map(String));
    const commits = lines.filter(({ event }) => event === 'job-commit').map(({ group }) => group);
    expect(commits.sort()).toEqual(hours.map((hour) => `2026-11-22T${hour}:00Z`));
    expect(lines.filter(({ event }) => event === 'job-invoke-failed')).toEqual([]);
    // Each call of its own, by whichever instance the platform gives it to.
    const handedOn = lines.filter(({ event }) => event === 'job-handed-on').map(({ group }) => group);
    expect(handedOn.sort()).toEqual(hours.slice(1).map((hour) => `2026-11-22T${hour}:00Z`));
  }, 120_000);
});

describe('a target with a retention', () => {
  it('loses its old objects to a timer, and nothing of what they held; a late record comes after them', async () => {
    const retained = CONFIG.replace('segmentBytesMax: 20_000', 'retention: { ageMs: 60_000 }');
    expect(retained).not.toBe(CONFIG);
    const { fc, oss } = await startLocal({
      resources: ['web', 'aggregate'],
      config: retained,
      timers: false,
    });
    const client = clientOf(oss.port);
    const retire = {
      triggerTime: new Date().toISOString(),
      triggerName: 'daily',
      payload: '{"retire":"events"}',
    };
    const ids = async () => (await rowsOf(client, tempDir())).map(nameOf).sort();
    for (const n of [0, 1, 2]) await order(fc, 0, n);
    const { errorType, body } = await fc.invoke(JOBS, Buffer.from(JSON.stringify(retire)));
    expect([errorType, JSON.parse(String(body))]).toMatchObject([null, { retired: { finished: true } }]);
    expect(await ids()).toEqual(['/shop/0 0', '/shop/0 1', '/shop/0 2']);
    const typeOf = async (key: string) => {
      const { res } = await client.head(key);
      return (res.headers as Record<string, string>)['x-oss-object-type'];
    };
    expect(await typeOf('events/2026/11/22/20.ndjson')).toBe('Normal');

    // One that was in before the objects went is a repeat still.
    await order(fc, 0, 1);
    await order(fc, 0, 3);
    await fc.invokeAsync(JOBS, callEvent({ job: 'table', group: null }, Date.now()));
    await fc.idle();
    expect(await typeOf('events/2026/11/22/20~00001.ndjson')).toBe('Appendable');
    expect(await ids()).toEqual(['/shop/0 0', '/shop/0 1', '/shop/0 2', '/shop/0 3']);
  }, 120_000);
});
