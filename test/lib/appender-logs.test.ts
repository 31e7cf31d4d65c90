/** What an appender does with logs: calls that share an append, segments, windows, and cold starts. */
import { describe, expect, it } from 'vitest';
import type { DedupeWindow, LogRecord } from '../../lib/append/types.ts';
import { createAppender } from '../../lib/appender.ts';
import { systemRuntime } from '../../lib/runtime.ts';
import type { Bucket } from '../../lib/store/port.ts';
import { CALL, content, ids, instance, newStore, record } from '../regressions/support.ts';
import { readLog } from './append/reference.ts';

describe('calls that share an append', () => {
  /** A first call for the object, and those that come while it is on its way, which share the next append. */
  async function together(store: Bucket, calls: readonly (readonly LogRecord[])[]) {
    const appender = instance(store, 'w');
    const first = appender.appendRecords('k', [record('first')], CALL);
    const rest = calls.map((records) => appender.appendRecords('k', records, CALL));
    await first;
    return Promise.allSettled(rest);
  }
  const numbered = (source: string, number: number, epoch: number | null): LogRecord => ({
    ...record(`${number}`),
    source,
    numbered: { number, epoch },
  });
  const namesIn = async (store: Bucket) =>
    readLog(await content(store, 'k')).flatMap(({ records }) =>
      records.map(({ source, id }) => `${source}/${id}`),
    );

  it('fail alone where one has a number that is not the next', async () => {
    const store = newStore();
    const ends = await together(store, [
      [record('a')],
      [numbered('p', 0, 1)],
      [numbered('p', 5, 1)],
      [numbered('p', 1, 1), record('b')],
      [record('c')],
    ]);
    expect(ends.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect(ends[2]).toMatchObject({ reason: { code: 'SequenceGap', expected: 1, received: 5 } });
    expect(await namesIn(store)).toEqual(['s/first', 's/a', 'p/0', 'p/1', 's/b', 's/c']);
  });

  it('fail alone where one is of a producer that another took over from', async () => {
    const store = newStore();
    await instance(store, 'o').appendRecords('k', [numbered('p', 0, 2)], CALL);
    const ends = await together(store, [
      [record('a')],
      [numbered('p', 1, 1), record('b')],
      [numbered('p', 1, 2)],
      [numbered('o', 9, null)],
    ]);
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(ends[1]).toMatchObject({ reason: { code: 'ProducerFenced', epoch: 2, fate: 'not-in' } });
    expect(await namesIn(store)).toEqual(['p/0', 's/first', 's/a', 'p/1', 'o/9']);
  });

  it('and go on with a producer are one append', async () => {
    const store = newStore();
    const ends = await together(
      store,
      [0, 1, 2, 1].map((n) => [numbered('p', n, 1)]),
    );
    const receipts = ends.flatMap((end) => (end.status === 'fulfilled' ? end.value : []));
    expect(receipts.map(({ id, record: line, repeat }) => [id, line, repeat])).toEqual([
      ['0', 0, false],
      ['1', 1, false],
      ['2', 2, false],
      ['1', 1, true],
    ]);
    expect(readLog(await content(store, 'k'))).toHaveLength(2);
  });
});

describe('a log of an appender', () => {
  it('goes on in another object where the call says how long one may be', async () => {
    const call = { ...CALL, segmentBytesMax: 400 };
    const store = newStore();
    const [one, other] = [instance(store, 'w'), instance(store, 'o')];
    const receipts = [];
    for (const id of ['a', 'b', 'c', 'd']) {
      receipts.push(...(await one.appendRecords('long/er.log', [record(id)], call)));
      await other.appendRecords('long/er.log', [record(`other-${id}`), record(id)], call);
    }
    const objects = ['long/er.log', ...[1, 2, 3].map((n) => `long/er~0000${n}.log`)];
    const found = await Promise.all(objects.map((key) => ids(store, key)));
    const expected = ['a', 'b', 'c', 'd'].flatMap((id) => [id, `other-${id}`]);
    expect(found.flat()).toEqual(expected);
    expect(found.every((own) => own.length > 0)).toBe(true);
    for (const { object, id } of receipts) expect(found[objects.indexOf(object)]).toContain(id);
    const [again] = await instance(store, 'x').appendRecords('long/er.log', [record('a')], call);
    expect(again).toEqual({ ...receipts[0], repeat: true });
  });

  it('remembers as many records, and as long, as the call says', async () => {
    let nowMs = 1_700_000_000_000;
    const runtime = { ...systemRuntime(), sleep: async () => {}, now: () => nowMs };
    const appender = createAppender({ store: newStore(), runtime, writer: 'w' });
    const repeats = async (key: string, id: string, dedupe: DedupeWindow) =>
      (await appender.appendRecords(key, [record(id)], { ...CALL, dedupe })).map(({ repeat }) => repeat);
    const two = { records: 2, ageMs: null };
    for (const id of ['a', 'b', 'c']) await repeats('by-count', id, two);
    expect([await repeats('by-count', 'b', two), await repeats('by-count', 'a', two)]).toEqual([
      [true],
      [false],
    ]);
    const hour = { records: 1000, ageMs: 3_600_000 };
    await repeats('by-age', 'a', hour);
    nowMs += 3_600_000;
    await repeats('by-age', 'b', hour);
    expect(await repeats('by-age', 'a', hour)).toEqual([true]);
    nowMs += 1;
    await repeats('by-age', 'c', hour);
    expect([await repeats('by-age', 'b', hour), await repeats('by-age', 'a', hour)]).toEqual([
      [true],
      [false],
    ]);
  });

  it('is known by a cold instance after two requests, with little to read, however long it is', async () => {
    const store = newStore();
    const writer = instance(store, 'w');
    const large = (n: number) => record(`${n}`, 'x'.repeat(300_000));
    for (let n = 0; n < 8; n++) await writer.appendRecords('k', [large(n)], CALL);
    const read: number[] = [];
    const counting: typeof store = {
      ...store,
      read: async (...call) => {
        const answer = await store.read(...call);
        read.push(answer?.bytes.length ?? 0);
        return answer;
      },
      append: () => Promise.reject(new Error('all of it is in')),
    };
    const all = Array.from({ length: 8 }, (_, n) => large(n));
    const receipts = await instance(counting, 'cold').appendRecords('k', all, CALL);
    expect(receipts.every(({ repeat }) => repeat)).toBe(true);
    expect(read.length).toBeLessThanOrEqual(2);
    expect(read.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(1024 * 1024);
  });
});
