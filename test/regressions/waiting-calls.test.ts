/** Calls that wait for an append in flight: each ends when its own time is up, and a broken one takes no other with it. */
import { expect, it } from 'vitest';
import { CALL, ids, instance, newStore, record } from './support.ts';

/** A store whose first append waits until it is let go. */
function gated() {
  const store = newStore();
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  let appends = 0;
  const slow: typeof store = {
    ...store,
    append: async (...call) => {
      if (appends++ === 0) await gate;
      return store.append(...call);
    },
  };
  return { store, slow, open };
}

it('ends a call that waits behind another when its own time is up', async () => {
  const { store, slow, open } = gated();
  const appender = instance(slow, 'w');
  const first = appender.appendRecords('k', [record('a')], CALL);
  const waiting = appender.appendRecords('k', [record('b')], { remainingMs: () => 5 });
  await expect(waiting).rejects.toMatchObject({ code: 'NotAppended', fate: 'not-in' });
  open();
  await first;
  expect(await ids(store, 'k')).toEqual(['a']);
});

it('fails a call that cannot tell its time, and no other', async () => {
  const { store, slow, open } = gated();
  const appender = instance(slow, 'w');
  const calls = [
    appender.appendRecords('k', [record('a')], CALL),
    appender.appendRecords('k', [record('b')], {
      remainingMs: () => {
        throw new Error('the context is gone');
      },
    }),
    appender.appendRecords('k', [record('c')], CALL),
  ];
  open();
  const ends = await Promise.allSettled(calls);
  expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  await appender.appendRecords('k', [record('d')], CALL);
  expect(await ids(store, 'k')).toEqual(['a', 'c', 'd']);
});
