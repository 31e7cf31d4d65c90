import { describe, expect, it } from 'vitest';
import type { Job } from '../../lib/aggregate/job.ts';
import { createAppender } from '../../lib/appender.ts';
import { createRetention, type RetentionTarget } from '../../lib/retention.ts';
import { createRetirer } from '../../lib/retirer.ts';
import { bench, HOUR_MS, jobOf, LATER_MS, PLENTY, T20, template } from './aggregator/support.ts';

const KEY = 'events/2026/11/22/20.ndjson';
const NEXT = 'events/2026/11/22/20~00001.ndjson';
const GROUP = '2026-11-22T20:00Z';
const AGE_MS = 10 * HOUR_MS;
const call = { timeoutMs: 1000 };
const job = jobOf();
const target: RetentionTarget = {
  name: 'events',
  key: job.source.key,
  dedupe: { records: 16_000, ageMs: null },
  ageMs: AGE_MS,
};
const other = jobOf({
  name: 'days',
  logKey: 'jobs/days.ndjson',
  window: 'day',
  output: template('days/{time:yyyy-MM-dd}', false),
});

function kept(jobs: readonly Job[] = [job]) {
  const made = bench();
  const retain = (options: { dryRun?: boolean; remainingMs?: () => number } = {}) => {
    const { store, runtime } = made;
    const writing = { store, runtime, writer: runtime.uuid() };
    const [appender, retirer] = [createAppender(writing), createRetirer(writing)];
    const retention = createRetention({ store, runtime, appender, retirer, aggregator: made.another() });
    return retention.run(target, jobs, { ...PLENTY, ...options });
  };
  const type = async (key: string) => (await made.store.head(key, call))?.type ?? null;
  return { ...made, retain, type };
}

async function old(jobs: readonly Job[] = [job]) {
  const made = kept(jobs);
  await made.append(T20, ['a', 'b']);
  made.runtime.nowMs = T20 + HOUR_MS + LATER_MS;
  for (const one of jobs) await made.another().run(one, PLENTY);
  made.runtime.nowMs = T20 + HOUR_MS + AGE_MS;
  return made;
}

describe('retention', () => {
  it('replaces a log by a tombstone when its time has come, and leaves what was made of it', async () => {
    const { retain, runtime, type, rows, store } = await old();
    runtime.nowMs--;
    expect(await retain()).toEqual({ logs: [], finished: true });
    expect(await type(KEY)).toBe('Appendable');
    runtime.nowMs++;
    const before = (await store.head(KEY, call))?.length ?? 0;
    const { logs, finished } = await retain();
    expect(logs).toEqual([
      { key: KEY, segments: 1, bytes: expect.any(Number), outcome: 'removed', reason: null },
    ]);
    expect(logs[0]?.bytes).toBeGreaterThan(before);
    expect(finished).toBe(true);
    expect(await type(KEY)).toBe('Normal');
    expect((await rows()).length).toBe(2);
  });

  it('lets late records in after that, once each, and removes them in their turn', async () => {
    const { retain, append, another, type, rows } = await old();
    await retain();
    await append(T20, ['a', 'late']);
    expect(await type(NEXT)).toBe('Appendable');
    expect(await another().run(job, PLENTY)).toMatchObject({ claims: 1, records: 1, rows: 1 });
    expect((await rows()).length).toBe(3);
    expect(await retain()).toMatchObject({ logs: [{ key: KEY, segments: 1, outcome: 'removed' }] });
    expect([await type(KEY), await type(NEXT)]).toEqual(['Normal', 'Normal']);
    await append(T20, ['late', 'later']);
    await another().run(job, PLENTY);
    expect((await rows()).length).toBe(4);
    await expect(another().rebuild(job, GROUP, PLENTY)).rejects.toMatchObject({ code: 'SourceRetired' });
    expect((await rows()).length).toBe(4);
  });

  it('asks for a list and nothing else where all is done', async () => {
    const { retain, store } = await old();
    await retain();
    store.requests.length = 0;
    expect(await retain()).toEqual({ logs: [], finished: true });
    expect(store.requests.map(({ what }) => what)).toEqual(['list']);
  });

  it('has all jobs commit to the last byte before', async () => {
    const { retain, append, rows, type } = await old([job, other]);
    await append(T20, ['late']);
    expect(await retain()).toMatchObject({ logs: [{ outcome: 'removed' }] });
    expect(await type(KEY)).toBe('Normal');
    expect((await rows()).length).toBe(3);
    expect((await rows('days/')).length).toBe(3);
  });

  it('says what it would do, and does nothing', async () => {
    const { retain, store, append } = await old();
    // The commit that closes the log is still to come, so it is committed as far as it goes.
    const before = await store.head(KEY, call);
    store.requests.length = 0;
    expect(await retain({ dryRun: true })).toEqual({
      logs: [{ key: KEY, segments: 1, bytes: before?.length, outcome: 'removed', reason: null }],
      finished: true,
    });
    await append(T20, ['late']);
    expect(await retain({ dryRun: true })).toMatchObject({
      logs: [{ outcome: 'kept', reason: `table has not committed all of ${KEY}` }],
    });
    expect(store.requests.filter(({ what }) => what === 'put')).toEqual([]);
    expect(store.requests.filter(({ what }) => what === 'append').length).toBe(1); // the late one
  });

  it.each([
    ['is not there', null],
    ['is not what it wrote', Buffer.from('{}\n')],
  ])('removes nothing where a part %s', async (text, bytes) => {
    const { retain, store, type, parts, append, runtime, another } = await old();
    const [part = ''] = (await parts()).keys();
    if (bytes === null) await store.remove(part, call);
    else await store.put(part, bytes, call);
    // Another log that is old enough, too, is removed all the same.
    await append(T20 - HOUR_MS, ['z']);
    await another().run(job, PLENTY);
    const retained = retain();
    await expect(retained).rejects.toMatchObject({ code: 'OutputMissing' });
    await expect(retained).rejects.toThrow(`${part}, which table made of ${GROUP}, ${text}`);
    expect(await type(KEY)).toBe('Appendable');
    expect(await type('events/2026/11/22/19.ndjson')).toBe('Normal');
    expect(runtime.lines).toContainEqual(expect.objectContaining({ event: 'retention-failed', key: KEY }));
  });

  it('waits for a run that is at work', async () => {
    const { retain, append, another, type, runtime } = await old();
    await append(T20, ['late']);
    const engine = { compact: () => new Promise<never>(() => {}) };
    const hanging = another({ engine: engine as never });
    void hanging.run(job, { remainingMs: () => 10_000 });
    await new Promise((resolve) => setImmediate(resolve));
    for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
    expect(await retain()).toMatchObject({
      logs: [{ outcome: 'kept', reason: `table is at work on ${GROUP}` }],
    });
    expect(await type(KEY)).toBe('Appendable');
    runtime.nowMs += 10_000;
    expect(await retain()).toMatchObject({ logs: [{ outcome: 'removed' }] });
  });

  it('goes on where a run of it ended before', async () => {
    const { retain, store, type, runtime, another } = await old();
    const failure = {
      kind: 'failed',
      failure: new (await import('../../lib/store/port.ts')).StoreError('AccessDenied', 'no', {
        status: 403,
      }),
    } as const;
    const denied = { ...store, put: async () => failure };
    const writing = { store: denied, runtime, writer: 'denied' };
    const [appender, retirer] = [createAppender(writing), createRetirer(writing)];
    const retention = createRetention({ store: denied, runtime, appender, retirer, aggregator: another() });
    await expect(retention.run(target, [job], PLENTY)).rejects.toBe(failure.failure);
    expect(await type(KEY)).toBe('Appendable');
    expect(await retain()).toMatchObject({ logs: [{ outcome: 'removed' }] });
    expect(await type(KEY)).toBe('Normal');
  });

  it('does not look like a replaced source to a run that has read its log before', async () => {
    const { retain, store, another, append, rows } = await old();
    await append(T20 + HOUR_MS, ['c']);
    let isFirst = true;
    const list: typeof store.list = async (prefix, options) => {
      if (isFirst && prefix.startsWith('events/')) {
        isFirst = false;
        await retain();
      }
      return store.list(prefix, options);
    };
    expect(await another({ store: { ...store, list } }).run(job, PLENTY)).toMatchObject({
      claims: 1,
      rows: 1,
    });
    expect((await rows()).length).toBe(3);
  });

  it('is never without a job', () => {
    const { retain } = kept([]);
    expect(() => retain()).toThrow('no job reads events');
  });
});
