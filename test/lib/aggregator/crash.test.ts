/** A run that ends at any of its requests, before or after it acted, and what the next one makes of it. */
import { describe, expect, it } from 'vitest';
import { createAppender } from '../../../lib/appender.ts';
import { readRecords } from '../../../lib/reader.ts';
import type { Bucket } from '../../../lib/store/port.ts';
import { bench, HOUR_MS, jobOf, LATER_MS, PLENTY, T20, template } from './support.ts';

const GROUP = '2026-11-22T20:00Z';
const into = {
  name: 'stats',
  key: template('stats.ndjson'),
  contentType: 'application/x-ndjson',
  dedupe: { records: 16_000, ageMs: null },
  segmentBytesMax: 1024 ** 3,
};
const JOBS = {
  compact: jobOf({ claimBytesMax: 400 }),
  rollup: jobOf({ kind: 'rollup', rollup: { sql: '', rowKey: [], into }, claimBytesMax: 400 }),
  'rollup into files': jobOf({
    kind: 'rollup',
    rollup: { sql: '', rowKey: [], into: { files: template('rollups/{time:yyyy-MM-dd-HH}', false) } },
    claimBytesMax: 400,
  }),
};

/** The store, whose request number `at` is its last: nothing is heard of it, and nothing more is done. */
function ending(store: Bucket, at: number, acts: boolean) {
  let made = 0;
  let reached = () => {};
  const ended = new Promise<'ended'>((resolve) => {
    reached = () => resolve('ended');
  });
  const never = new Promise<never>(() => {});
  const last =
    <Args extends unknown[], Answer>(request: (...args: Args) => Promise<Answer>) =>
    async (...args: Args): Promise<Answer> => {
      const number = made++;
      if (number < at) return request(...args);
      if (number === at && acts) await request(...args);
      reached();
      return never;
    };
  const dying: Bucket = {
    head: last(store.head),
    read: last(store.read),
    append: last(store.append),
    list: last(store.list),
    put: last(store.put),
    remove: last(store.remove),
  };
  return { dying, ended };
}

describe.each(Object.entries(JOBS))('a %s run that ends at any request', (name, job) => {
  it.each([
    ['before it acts', false, false],
    ['after it acted', true, false],
    ['before it acts, while it rebuilds', false, true],
    ['after it acted, while it rebuilds', true, true],
  ])('%s, leaves nothing out and nothing twice', async (_when, acts, rebuild) => {
    let at = 0;
    for (; ; at++) {
      const { append, runtime, another, store, rows, rolledUp } = bench({ job });
      for (const ids of [['a', 'b'], ['c'], ['d']]) await append(T20, ids);
      runtime.nowMs = T20 + HOUR_MS + LATER_MS;
      if (rebuild) await another().run(job, PLENTY);
      const { dying, ended } = ending(store, at, acts);
      const appender = createAppender({ store: dying, runtime, writer: 'dying' });
      const aggregator = another({ store: dying, appender });
      const call = { remainingMs: () => 60_000 };
      const run = rebuild ? aggregator.rebuild(job, GROUP, call) : aggregator.run(job, call);
      const end = await Promise.race([run, ended]);
      const visible = await rows();
      expect(new Set(visible).size).toBe(visible.length);
      expect((await rolledUp()).length).toBeLessThan(2);
      runtime.nowMs += 2 * LATER_MS;
      await another().run(job, PLENTY);
      await another().run(job, PLENTY);
      expect((await rows()).sort()).toEqual(['a', 'b', 'c', 'd'].map((id) => JSON.stringify({ id })));
      if (name === 'rollup into files')
        expect(await rolledUp()).toEqual([expect.objectContaining({ row: 's', rows: 1, n: 4 })]);
      if (job.rollup !== null && 'name' in job.rollup.into) {
        const said: { revision: number; n: number }[] = [];
        for await (const { line } of readRecords(store, 'stats.ndjson'))
          said.push(JSON.parse(Buffer.from(line).toString('utf8')));
        const revisions = said.map(({ revision }) => revision);
        expect(new Set(revisions).size).toBe(revisions.length);
        expect(said.find(({ revision }) => revision === Math.max(...revisions))?.n).toBe(4);
      }
      if (end !== 'ended') break;
    }
    expect(at).toBeGreaterThan(10);
  });
});
