import { describe, expect, it } from 'vitest';
import { JobFold } from '../../../lib/aggregate/fold.ts';
import { parseRecord } from '../../../lib/aggregate/records.ts';
import { readRecords } from '../../../lib/reader.ts';
import type { Bucket } from '../../../lib/store/port.ts';
import { type Bench, bench, countsInto, HOUR_MS, LATER_MS, PLENTY, T20, template } from './support.ts';

const GROUP = '2026-11-22T20:00Z';
const job = countsInto({ files: template('rollups/{time:yyyy-MM-dd}/{time:HH-mm}', false) });

/** What the job's log says of the files, and what a listing does. */
async function filesOf({ store }: Bench) {
  const fold = JobFold.empty();
  for await (const { line } of readRecords(store, job.logKey)) {
    const parsed = parseRecord(Buffer.from(line).toString('utf8'));
    if (parsed !== null) fold.apply(parsed.record);
  }
  const { objects } = await store.list('rollups/', { timeoutMs: 1000 });
  return { said: fold.group(GROUP).rollups, there: objects.map(({ key, length }) => ({ key, length })) };
}

async function rolled() {
  const made = bench({ job });
  await made.append(T20, ['a', 'b']);
  await made.append(T20, ['a'], { source: 't' });
  await made.append(T20 + 60_000, ['c']);
  made.runtime.nowMs = T20 + HOUR_MS + LATER_MS;
  await made.another().run(job, PLENTY);
  return made;
}

const row = (minute: string, revision: number, source: string, rows: number, n: number) => ({
  window: `2026-11-22T20:${minute}Z`,
  revision,
  row: source,
  rows,
  n,
});

describe('a rollup into files', () => {
  it('puts a file for each window, and a later revision in the place of the one before', async () => {
    const made = await rolled();
    expect(await made.rolledUp()).toEqual([
      row('00', 1, 's', 2, 2),
      row('00', 1, 't', 2, 1),
      row('01', 1, 's', 1, 1),
    ]);
    await made.append(T20 + 60_000, ['late', 'c']);
    await made.another().run(job, PLENTY);
    expect(await made.rolledUp()).toEqual([
      row('00', 1, 's', 2, 2),
      row('00', 1, 't', 2, 1),
      row('01', 2, 's', 1, 2),
    ]);
    const { said, there } = await filesOf(made);
    expect(there.map(({ key }) => key.replace(/[0-9a-f]{16}/, '#'))).toEqual([
      'rollups/2026-11-22/20-00/part-00001-#.parquet',
      'rollups/2026-11-22/20-01/part-00001-#.parquet',
      'rollups/2026-11-22/20-01/part-00002-#.parquet',
    ]);
    expect(said.map(({ key, bytes }) => ({ key, length: bytes }))).toEqual([there[0], there[2]]);
    await made.another().run(job, PLENTY);
    expect(await filesOf(made)).toEqual({ said, there });
  });

  it('tells of all windows of a group that is rebuilt, also while not all of it is read', async () => {
    const made = await rolled();
    const small = { ...job, claimBytesMax: 300 };
    await made.another().rebuild(small, GROUP, PLENTY);
    const revisions = [
      ...new Set((await made.rolledUp()).map(({ window, revision }) => `${window} ${revision}`)),
    ];
    expect(revisions).toEqual(['2026-11-22T20:00Z 3', '2026-11-22T20:01Z 4']);
    expect((await made.rolledUp()).map(({ row: source, n }) => [source, n])).toEqual([
      ['s', 2],
      ['t', 1],
      ['s', 1],
    ]);
  });

  it('has no row of a window twice at any request, and none of an earlier revision that comes late', async () => {
    const made = await rolled();
    await made.append(T20 + 60_000, ['late']);
    // One run stands still before its put until another has taken its claim over, and one has made the next.
    let thaw = () => {};
    const frozen = new Promise<void>((resolve) => {
      thaw = resolve;
    });
    let reached = () => {};
    const stands = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const slow: Bucket = {
      ...made.store,
      async put(key, body, call) {
        if (key.startsWith('rollups/') && call.forbidOverwrite) {
          reached();
          await frozen;
        }
        return made.store.put(key, body, call);
      },
    };
    const late = made.another({ store: slow }).run(job, { remainingMs: () => 1000 });
    await stands;
    made.runtime.nowMs += LATER_MS;
    const watched: Bucket = {
      ...made.store,
      async put(...args) {
        const answer = await made.store.put(...args);
        const keys = (await made.rolledUp()).map(({ window, row: source }) => `${window} ${source}`);
        expect(new Set(keys).size).toBe(keys.length);
        return answer;
      },
    };
    await made.another({ store: watched }).run(job, PLENTY);
    await made.append(T20 + 60_000, ['later']);
    await made.another({ store: watched }).run(job, PLENTY);
    const before = await filesOf(made);
    const rows = await made.rolledUp();
    expect(rows.at(-1)).toEqual(row('01', 3, 's', 1, 3));
    thaw();
    await late;
    expect(await filesOf(made)).toEqual(before);
    expect(await made.rolledUp()).toEqual(rows);
  });

  it('does not begin anew beside files that its log does not tell of', async () => {
    const made = await rolled();
    const other = {
      ...job,
      logKey: 'jobs/other.ndjson',
      output: template('jobs/other/{time:yyyy-MM-dd-HH-mm}', false),
    };
    await expect(made.another().run(other, PLENTY)).rejects.toMatchObject({
      code: 'JobLogMissing',
      message: expect.stringMatching(/^rollups\/.* remove what is under rollups\/,/),
    });
  });

  it('is another job where its files would go elsewhere', async () => {
    const made = await rolled();
    const into = { files: template('elsewhere/{time:yyyy-MM-dd}/{time:HH-mm}', false) };
    const moved = { ...job, rollup: { sql: '', rowKey: [], into } };
    await expect(made.another().run(moved, PLENTY)).rejects.toMatchObject({ code: 'JobChanged' });
  });
});
