import { describe, expect, it } from 'vitest';
import { bench, HOUR_MS, jobOf, LATER_MS, PLENTY, T20, template } from './support.ts';

const job = jobOf();
const data = (...ids: string[]) => ids.map((id) => JSON.stringify({ id }));

describe('a run', () => {
  it('makes a part of each window that has ended, and none before', async () => {
    const { aggregator, runtime, append, parts, rows } = bench();
    await append(T20, ['a', 'b']);
    await append(T20 + HOUR_MS, ['c']);
    runtime.nowMs = T20 + HOUR_MS + job.graceMs - 1;
    expect(await aggregator.run(job, PLENTY)).toMatchObject({ claims: 0, finished: true });
    runtime.nowMs++;
    expect(await aggregator.run(job, PLENTY)).toMatchObject({
      claims: 1,
      records: 2,
      rows: 2,
      finished: true,
    });
    expect(await rows()).toEqual(data('a', 'b'));
    runtime.nowMs += HOUR_MS;
    await aggregator.run(job, PLENTY);
    expect([...(await parts()).keys()]).toEqual([
      expect.stringMatching(/^tables\/day=2026-11-22\/hour=20\/part-00001-[0-9a-f]{16}\.parquet$/),
      expect.stringMatching(/^tables\/day=2026-11-22\/hour=21\/part-00001-[0-9a-f]{16}\.parquet$/),
    ]);
    expect(await rows()).toEqual(data('a', 'b', 'c'));
  });

  it('needs five requests at most where nothing is due, and reads nothing of the source', async () => {
    const { another, store, append, runtime } = bench();
    for (let hour = 0; hour < 40; hour++) await append(T20 + hour * HOUR_MS, ['a', 'b']);
    runtime.nowMs = T20 + 40 * HOUR_MS + LATER_MS;
    expect(await another().run(job, PLENTY)).toMatchObject({ claims: 40 });
    store.requests.length = 0;
    expect(await another().run(job, PLENTY)).toMatchObject({ claims: 0, finished: true });
    expect(store.requests.length).toBeLessThanOrEqual(5);
    expect(store.requests.filter(({ key }) => key.startsWith('events/2')).length).toBe(0);
  });

  it('reads of a finished window the late bytes and its parts alone', async () => {
    const { another, store, append, runtime, rows } = bench();
    const many = Array.from({ length: 2000 }, (_, n) => `id-${n}`);
    for (let hour = 0; hour < 5; hour++) await append(T20 + hour * HOUR_MS, many);
    runtime.nowMs = T20 + 5 * HOUR_MS + LATER_MS;
    await another().run(job, PLENTY);
    await append(T20 + HOUR_MS, ['late']);
    store.requests.length = 0;
    expect(await another().run(job, PLENTY)).toMatchObject({ claims: 1, records: 1, rows: 1 });
    const bytes = (prefix: string) =>
      store.requests.filter(({ key }) => key.startsWith(prefix)).reduce((sum, one) => sum + one.bytes, 0);
    expect(bytes('events/')).toBeLessThan(600);
    const read = store.requests.filter(({ what, key }) => what === 'read' && key.startsWith('tables/'));
    expect(read.map(({ key }) => key)).toEqual([expect.stringContaining('hour=21/part-00001')]);
    expect((await rows('tables/day=2026-11-22/hour=21')).length).toBe(2001);
  });

  it('counts a record once, whatever it comes again in: another append, claim, lane or segment', async () => {
    const lanes = jobOf({
      source: { name: 'events', key: template('events/{time:yyyy/MM/dd/HH}/{lane}.ndjson') },
    });
    const { aggregator, runtime, append, rows } = bench({ job: lanes });
    await append(T20, ['a', 'b'], { lane: '0' });
    await append(T20, ['b', 'c'], { lane: '1' });
    runtime.nowMs = T20 + HOUR_MS + LATER_MS;
    expect(await aggregator.run(lanes, PLENTY)).toMatchObject({ records: 4, rows: 3, repeats: 1 });
    await append(T20, ['c', 'd'], { lane: '2' });
    expect(await aggregator.run(lanes, PLENTY)).toMatchObject({ records: 2, rows: 1, repeats: 1 });
    await append(T20 + 60_000, ['d', 'a'], { lane: '3' });
    expect(await aggregator.run(lanes, PLENTY)).toMatchObject({ records: 2, rows: 0, repeats: 2 });
    expect((await rows()).sort()).toEqual(data('a', 'b', 'c', 'd'));
  });

  it('keeps records of other logs, sources and epochs apart', async () => {
    const fields = jobOf({
      source: { name: 'events', key: template('events/{queue}/{time:yyyy/MM/dd/HH}.ndjson') },
    });
    const { aggregator, runtime, appender, rows } = bench({ job: fields });
    const record = { line: Buffer.from('1'), id: '7', source: 's', timeMs: T20 };
    await appender.appendRecords('events/q/2026/11/22/20.ndjson', [record], PLENTY);
    await appender.appendRecords(
      'events/r/2026/11/22/20.ndjson',
      [record, { ...record, source: 't' }],
      PLENTY,
    );
    for (const epoch of [null, 1, 2]) {
      const numbered = [{ ...record, numbered: { number: 7, epoch }, source: `n${epoch === null}` }];
      await appender.appendRecords('events/r/2026/11/22/20.ndjson', numbered, PLENTY);
    }
    runtime.nowMs = T20 + HOUR_MS + LATER_MS;
    await aggregator.run(fields, PLENTY);
    expect((await rows()).length).toBe(6);
  });

  it('takes no more than a claim may, cut between two appends', async () => {
    const { aggregator, runtime, append, rows, parts } = bench();
    for (let n = 0; n < 10; n++) await append(T20, [`id-${n}`]);
    runtime.nowMs = T20 + HOUR_MS + LATER_MS;
    const small = jobOf({ claimBytesMax: 1000 });
    const { claims } = await aggregator.run(small, PLENTY);
    expect(claims).toBeGreaterThan(2);
    expect((await parts()).size).toBe(claims);
    expect(await rows()).toEqual(data(...Array.from({ length: 10 }, (_, n) => `id-${n}`)));
  });

  it('has a claim of one append that is larger than a claim may be', async () => {
    const { aggregator, runtime, append, rows } = bench();
    await append(T20, ['a', 'b', 'c']);
    await append(T20, ['d']);
    runtime.nowMs = T20 + HOUR_MS + LATER_MS;
    await aggregator.run(jobOf({ claimBytesMax: 10 }), PLENTY);
    expect(await rows()).toEqual(data('a', 'b', 'c', 'd'));
  });

  it('works on a group that is longer than a window as its windows end, once in each', async () => {
    const daily = jobOf({ source: { name: 'events', key: template('events/{time:yyyy/MM/dd}.ndjson') } });
    const { aggregator, runtime, append, parts } = bench({ job: daily });
    await append(T20, ['a']);
    await append(T20 + HOUR_MS, ['b']);
    runtime.nowMs = T20 + 1.5 * HOUR_MS;
    expect(await aggregator.run(daily, PLENTY)).toMatchObject({ claims: 1 });
    await append(T20 + HOUR_MS, ['c']);
    expect(await aggregator.run(daily, PLENTY)).toMatchObject({ claims: 0, finished: true });
    runtime.nowMs += HOUR_MS;
    expect(await aggregator.run(daily, PLENTY)).toMatchObject({ claims: 1 });
    expect([...(await parts()).keys()]).toEqual([
      expect.stringContaining('hour=20/part-00001'),
      expect.stringContaining('hour=21/part-00001'),
      expect.stringContaining('hour=21/part-00002'),
    ]);
  });

  it('passes over keys that the target does not make, and says so', async () => {
    const { aggregator, runtime, append, store, rows } = bench();
    await append(T20, ['a']);
    await store.put('events/2026/11/22/notes.txt', Buffer.from('x'), { timeoutMs: 1 });
    await store.put('events/2026/11/22/21.ndjson', Buffer.from('an ordinary object\n'), { timeoutMs: 1 });
    runtime.nowMs = T20 + 2 * HOUR_MS + LATER_MS;
    await aggregator.run(job, PLENTY);
    expect(await rows()).toEqual(data('a'));
    expect(runtime.lines).toContainEqual({
      event: 'job-keys-ignored',
      job: 'table',
      count: 1,
      keys: 'events/2026/11/22/notes.txt',
    });
  });

  it('says how much of the source no commit covers', async () => {
    const { aggregator, runtime, append, store } = bench();
    await append(T20, ['a']);
    const key = 'events/2026/11/22/20.ndjson';
    const length = (await store.head(key, { timeoutMs: 1 }))?.length ?? 0;
    await store.append(key, length, Buffer.from('strange\n'), { timeoutMs: 1 });
    runtime.nowMs = T20 + HOUR_MS + LATER_MS;
    expect(await aggregator.run(job, PLENTY)).toMatchObject({ records: 1 });
    expect(runtime.lines).toContainEqual(expect.objectContaining({ event: 'job-bytes-uncovered', bytes: 8 }));
  });
});

describe('the log of a job', () => {
  it('is read in two requests, however long it is', async () => {
    const { another, runtime, append, store, rows } = bench({
      tuning: { tailBytes: 3000, stateBytes: 4000 },
    });
    runtime.nowMs = T20 + HOUR_MS + LATER_MS;
    for (let n = 0; n < 60; n++) {
      await append(T20, [`id-${n}`]);
      expect(await another().run(job, PLENTY)).toMatchObject({ claims: 1 });
    }
    const length = (await store.head(job.logKey, { timeoutMs: 1 }))?.length ?? 0;
    store.requests.length = 0;
    expect(await another().run(job, PLENTY)).toMatchObject({ claims: 0, finished: true });
    const reads = store.requests.filter(({ key }) => key === job.logKey);
    expect(reads.length).toBeLessThanOrEqual(2);
    expect(reads.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(length / 2);
    expect((await rows()).length).toBe(60);
  });

  it('is told as progress', async () => {
    const { aggregator, runtime, append } = bench();
    await append(T20, ['a', 'b']);
    runtime.nowMs = T20 + HOUR_MS + LATER_MS;
    expect(await aggregator.status(job, PLENTY)).toEqual({
      groups: [
        expect.objectContaining({ group: '2026-11-22T20:00Z', claims: 0, committedBytes: 0, rows: 0 }),
      ],
    });
    await aggregator.run(job, PLENTY);
    const { groups } = await aggregator.status(job, PLENTY);
    expect(groups).toEqual([
      expect.objectContaining({ claims: 1, openUntilMs: null, records: 2, rows: 2, repeats: 0, parts: 1 }),
    ]);
    expect(groups[0]?.committedBytes).toBe(groups[0]?.bytes);
    expect(runtime.lines.map(({ event }) => event)).toEqual(['job-begin', 'job-claim', 'job-commit']);
  });
});
