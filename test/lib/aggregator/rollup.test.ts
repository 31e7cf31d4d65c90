import { describe, expect, it } from 'vitest';
import { readRecords } from '../../../lib/reader.ts';
import { type Bench, bench, countsInto, HOUR_MS, jobOf, LATER_MS, PLENTY, T20, template } from './support.ts';

const GROUP = '2026-11-22T20:00Z';
const job = countsInto({
  name: 'stats',
  key: template('stats/{time:yyyy/MM/dd}.ndjson'),
  contentType: 'application/x-ndjson',
  dedupe: { records: 16_000, ageMs: null },
  segmentBytesMax: 1024 ** 3,
});

async function stats({ store }: Bench) {
  const found: { at: string; json: unknown }[] = [];
  for await (const { source, id, numbered, line, timeMs } of readRecords(store, 'stats/2026/11/22.ndjson')) {
    const at = `${source} ${numbered?.epoch}/${id} ${new Date(timeMs).toISOString().slice(11, 16)}`;
    found.push({ at, json: JSON.parse(Buffer.from(line).toString('utf8')) });
  }
  return found;
}

describe('a rollup', () => {
  it('appends the rows of each window, and again with a higher revision where there are more records', async () => {
    const made = bench({ job });
    const { append, runtime, another } = made;
    await append(T20, ['a', 'b']);
    await append(T20, ['a'], { source: 't' });
    await append(T20 + 60_000, ['c']);
    runtime.nowMs = T20 + HOUR_MS + LATER_MS;
    expect(await another().run(job, PLENTY)).toMatchObject({ claims: 1, rows: 4 });
    const first = [
      {
        at: `job/counts/2026-11-22T20:00Z 1/0 20:00`,
        json: { window: '2026-11-22T20:00Z', revision: 1, row: 's', rows: 2, n: 2 },
      },
      {
        at: `job/counts/2026-11-22T20:00Z 1/1 20:00`,
        json: { window: '2026-11-22T20:00Z', revision: 1, row: 't', rows: 2, n: 1 },
      },
      {
        at: `job/counts/2026-11-22T20:01Z 1/0 20:01`,
        json: { window: '2026-11-22T20:01Z', revision: 1, row: 's', rows: 1, n: 1 },
      },
    ];
    expect(await stats(made)).toEqual(first);
    await append(T20 + 60_000, ['late', 'c']);
    await another().run(job, PLENTY);
    expect(await stats(made)).toEqual([
      ...first,
      {
        at: `job/counts/2026-11-22T20:01Z 2/0 20:01`,
        json: { window: '2026-11-22T20:01Z', revision: 2, row: 's', rows: 1, n: 2 },
      },
    ]);
  });

  it('says nothing new where nothing is', async () => {
    const made = bench({ job });
    const { append, runtime, another } = made;
    await append(T20, ['a']);
    runtime.nowMs = T20 + HOUR_MS + LATER_MS;
    await another().run(job, PLENTY);
    await append(T20 + 1000, ['b'], { source: 's' });
    await another().run(job, PLENTY);
    const before = await stats(made);
    expect(before.length).toBe(2);
    await made.store.append('events/2026/11/22/20.ndjson', 0, Buffer.from('x'), { timeoutMs: 1 });
    await another().run(job, PLENTY);
    expect(await stats(made)).toEqual(before);
  });

  it('is appended once by runs that are made again, and not at all by one that is late', async () => {
    const made = bench({ job });
    const { append, runtime, another, store } = made;
    await append(T20, ['a']);
    runtime.nowMs = T20 + HOUR_MS + LATER_MS;
    // Ends before its commit, after everything else.
    const lost: typeof store = {
      ...store,
      append: async (key, ...rest) => {
        const isCommit = key === job.logKey && Buffer.from(rest[1]).includes('"type":"commit"');
        return isCommit ? { kind: 'conflict', length: null } : store.append(key, ...rest);
      },
    };
    const { createAppender } = await import('../../../lib/appender.ts');
    const appender = createAppender({ store: lost, runtime, writer: 'lost', requestsMax: 20 });
    await expect(another({ appender }).run(job, PLENTY)).rejects.toMatchObject({ code: 'NotAppended' });
    expect((await stats(made)).length).toBe(1);
    runtime.nowMs += HOUR_MS;
    expect(await another().run(job, PLENTY)).toMatchObject({ claims: 1 });
    expect((await stats(made)).length).toBe(1);
  });

  it('tells of all windows of a group that is rebuilt', async () => {
    const made = bench({ job });
    const { append, runtime, another } = made;
    await append(T20, ['a']);
    await append(T20 + 60_000, ['b']);
    runtime.nowMs = T20 + HOUR_MS + LATER_MS;
    await another().run(job, PLENTY);
    await another().rebuild(jobOf({ ...job, claimBytesMax: 300 }), GROUP, PLENTY);
    expect((await stats(made)).map(({ json }) => json)).toEqual([
      { window: '2026-11-22T20:00Z', revision: 1, row: 's', rows: 1, n: 1 },
      { window: '2026-11-22T20:01Z', revision: 1, row: 's', rows: 1, n: 1 },
      { window: '2026-11-22T20:00Z', revision: 2, row: 's', rows: 1, n: 1 },
      // As long as the second claim has not made it anew.
      { window: '2026-11-22T20:01Z', revision: 2, row: null, rows: 0 },
      { window: '2026-11-22T20:01Z', revision: 3, row: 's', rows: 1, n: 1 },
    ]);
  });
});
