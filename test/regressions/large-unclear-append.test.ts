/**
 * An append whose answer was lost is looked at by itself before what follows it, because what follows may be longer than
 * the dedupe window. An append longer than one read was, in its second piece, read together with what followed; then
 * its commit could be forgotten before it was noticed, and all of it went in again.
 */
import { expect, it } from 'vitest';
import { CALL, ids, instance, newStore, noAnswer, record } from './support.ts';

/** What was committed last, and no more. */
const CALL_OF_LOG = { ...CALL, dedupe: { records: 1, ageMs: null } };

it('recognises an own append of more than one read behind more than a window of others', async () => {
  const store = newStore();
  await instance(store, 'z').appendRecords('k', [record('first')], CALL_OF_LOG);
  const name = 'i'.repeat(150);
  const mine = Array.from({ length: 2040 }, (_, n) => record(`m-${name}-${n}`, 'x'.repeat(2000)));
  const other = instance(store, 'o');
  let appends = 0;
  const faulty: typeof store = {
    ...store,
    append: async (...call) => {
      const answer = await store.append(...call);
      if (appends++ > 0) return answer;
      for (let n = 0; n < 5; n++)
        await other.appendRecords('k', [record(`o-${n}`, 'y'.repeat(1e5))], CALL_OF_LOG);
      return noAnswer();
    },
  };
  const receipts = await instance(faulty, 'w').appendRecords('k', mine, CALL_OF_LOG);
  expect((await ids(store, 'k')).filter((id) => id.startsWith('m-'))).toHaveLength(2040);
  expect(receipts.every(({ repeat }) => !repeat)).toBe(true);
});
