/**
 * What a warm instance knew of an object used to outlive the object. When a call found it deleted or replaced, records
 * that only the old one held were answered with receipts, and were not in the new one. The same carelessness believed a
 * damaged read of what others had appended, and then did not see an append of its own in it.
 */
import { expect, it } from 'vitest';
import { CALL, content, ids, instance, newStore, noAnswer, record, STORE_CALL } from './support.ts';

it('acknowledges no record of an object that turns out to be deleted', async () => {
  const store = newStore();
  const appender = instance(store, 'a');
  await appender.appendRecords('k', [record('old')], CALL);
  await store.remove('k', STORE_CALL);
  await appender.appendRecords('k', [record('old'), record('new')], CALL);
  expect(await ids(store, 'k')).toEqual(['old', 'new']);
});

it('acknowledges no record of an object that was replaced by a longer one', async () => {
  const store = newStore();
  const [stale, other] = [instance(store, 'a'), instance(store, 'b')];
  await stale.appendRecords('k', [record('old')], CALL);
  await store.remove('k', STORE_CALL);
  for (const id of ['x', 'y', 'z']) await other.appendRecords('k', [record(id)], CALL);
  await stale.appendRecords('k', [record('old'), record('z')], CALL);
  expect((await ids(store, 'k')).toSorted()).toEqual(['old', 'x', 'y', 'z']);
});

it('does not believe a read whose bytes were damaged', async () => {
  const store = newStore();
  await instance(store, 'a').appendRecords('k', [record('one')], CALL);
  let appends = 0;
  let damaged = false;
  const faulty: typeof store = {
    ...store,
    append: async (...call) => {
      const answer = await store.append(...call);
      return appends++ === 0 ? noAnswer() : answer;
    },
    read: async (...call) => {
      const read = await store.read(...call);
      if (read === null || 'last' in call[1] || damaged) return read;
      damaged = true;
      const bytes = Buffer.from(read.bytes);
      bytes.writeUInt8(bytes.readUInt8(3) ^ 1, 3);
      return { ...read, bytes };
    },
  };
  const call = instance(faulty, 'b').appendRecords('k', [record('two')], CALL);
  await expect(call).rejects.toMatchObject({ code: 'OutcomeUnknown' });
  expect(damaged).toBe(true);
  await instance(store, 'b').appendRecords('k', [record('two')], CALL);
  expect(await ids(store, 'k')).toEqual(['one', 'two']);
});

it('cannot tell from a short read that a raw payload is not in', async () => {
  const store = newStore();
  let appends = 0;
  const faulty: typeof store = {
    ...store,
    append: async (...call) => {
      const answer = await store.append(...call);
      return appends++ === 0 ? noAnswer() : answer;
    },
    read: async (...call) => {
      const read = await store.read(...call);
      return read && { ...read, bytes: read.bytes.subarray(0, 3) };
    },
  };
  const call = instance(faulty, 'a').appendBytes('k', Buffer.from('payload;'), CALL);
  await expect(call).rejects.toMatchObject({ code: 'OutcomeUnknown' });
  expect((await content(store, 'k')).toString()).toBe('payload;');
});
