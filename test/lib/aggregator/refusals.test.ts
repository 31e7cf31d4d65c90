import { describe, expect, it } from 'vitest';
import { bench, HOUR_MS, jobOf, LATER_MS, PLENTY, T20, template } from './support.ts';

const job = jobOf();
const KEY = 'events/2026/11/22/20.ndjson';
const GROUP = '2026-11-22T20:00Z';
const call = { timeoutMs: 1000 };

async function finished() {
  const made = bench();
  await made.append(T20, ['a', 'b']);
  made.runtime.nowMs = T20 + HOUR_MS + LATER_MS;
  await made.aggregator.run(job, PLENTY);
  return made;
}

describe('a run refuses', () => {
  it('a job whose rows would go elsewhere than before', async () => {
    const { another, append, parts } = await finished();
    await append(T20, ['c']);
    const before = await parts();
    for (const changed of [
      jobOf({ output: template('tables/{time:yyyy-MM-dd-HH}', false) }),
      jobOf({ format: 'ndjson-gzip' }),
      jobOf({ window: 'minute' }),
      jobOf({ source: { name: 'events', key: template('events/{time:yyyy/MM/dd/HH}.json') } }),
    ])
      await expect(another().run(changed, PLENTY)).rejects.toMatchObject({ code: 'JobChanged' });
    expect(await parts()).toEqual(before);
    const tuned = jobOf({ sort: ['time'], graceMs: 0, claimBytesMax: 500 });
    expect(await another().run(tuned, PLENTY)).toMatchObject({ claims: 1 });
  });

  it('to begin where there are parts that its log does not tell of', async () => {
    const { another, store, parts } = await finished();
    const before = await parts();
    await store.remove(job.logKey, call);
    await expect(another().run(job, PLENTY)).rejects.toMatchObject({ code: 'JobLogMissing' });
    expect(await parts()).toEqual(before);
    expect(await store.head(job.logKey, call)).toBeNull();
  });

  it('a source that is shorter than what it has taken of it, and goes on with the others', async () => {
    const { aggregator, store, append, runtime, rows } = await finished();
    await store.remove(KEY, call);
    await store.append(KEY, 0, Buffer.from('x\n'), call);
    await append(T20 + HOUR_MS, ['c']);
    runtime.nowMs += HOUR_MS;
    await expect(aggregator.run(job, PLENTY)).rejects.toMatchObject({ code: 'SourceReplaced' });
    expect((await rows()).length).toBe(3);
    expect(runtime.lines).toContainEqual(
      expect.objectContaining({ event: 'job-group-failed', group: GROUP, code: 'SourceReplaced' }),
    );
  });

  it('a part that somebody changed, and gives the claim up', async () => {
    const { aggregator, store, append, parts } = await finished();
    await append(T20, ['c']);
    const [part = ''] = (await parts()).keys();
    await store.put(part, Buffer.from('{}\n'), call);
    await expect(aggregator.run(job, PLENTY)).rejects.toMatchObject({ code: 'OutputReplaced' });
    expect((await parts()).size).toBe(1);
    expect((await aggregator.status(job, PLENTY)).groups).toEqual([
      expect.objectContaining({ claims: 2, openUntilMs: 0 }),
    ]);
  });

  it('groups that are not there, and says what they are called', async () => {
    const { aggregator } = await finished();
    for (const name of ['all', '2026-11-22', '2026-11-22T20:30Z', '2026-11-22T23:00Z']) {
      await expect(aggregator.backfill(job, name, PLENTY)).rejects.toThrow(`like ${GROUP}`);
      await expect(aggregator.rebuild(job, name, PLENTY)).rejects.toMatchObject({ code: 'UnknownGroup' });
      await expect(aggregator.run(job, { ...PLENTY, group: name })).rejects.toMatchObject({
        code: 'UnknownGroup',
      });
    }
  });

  it('to rebuild what has no source any more', async () => {
    const { aggregator, store, append, rows } = await finished();
    await append(T20, ['c'], {});
    await store.remove(KEY, call);
    await store.append('events/2026/11/22/20~00001.ndjson', 0, Buffer.from('x\n'), call);
    await expect(aggregator.rebuild(job, GROUP, PLENTY)).rejects.toMatchObject({ code: 'SourceRetired' });
    expect((await rows()).length).toBe(2);
  });

  it('nothing of what a store refuses, and tells it', async () => {
    const { another, store, append } = await finished();
    await append(T20, ['c']);
    const { StoreError } = await import('../../../lib/store/port.ts');
    const failure = new StoreError('AccessDenied', 'no', { status: 403 });
    const denied = { ...store, put: async () => ({ kind: 'failed' as const, failure }) };
    await expect(another({ store: denied }).run(job, PLENTY)).rejects.toBe(failure);
    expect(await another().run(job, PLENTY)).toMatchObject({ claims: 1, rows: 1 });
  });
});
