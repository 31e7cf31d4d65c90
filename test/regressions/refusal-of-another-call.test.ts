/**
 * Calls that share an append are tried again one by one if one of them is refused. One that had no time left for that ended
 * with the refusal of the other: a caller whose records nobody had looked at was told that its producer was fenced.
 */
import { expect, it } from 'vitest';
import { CALL, instance, newStore, record } from './support.ts';

const numbered = (number: number, epoch: number) => ({
  ...record(`${number}`),
  source: 'p',
  numbered: { number, epoch },
});

it('a call without time for another try is not told what another call was refused for', async () => {
  const store = newStore();
  await instance(store, 'other').appendRecords('k', [numbered(0, 2)], CALL);
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  let left = 20_000;
  let appends = 0;
  const appender = instance(
    {
      ...store,
      append: async (...call) => {
        if (appends++ === 0) await gate;
        return store.append(...call);
      },
      read: async (...call) => {
        // The refusal is looked up in the log as it is now; that takes all the time there is.
        if (appends > 0) left = 0;
        return store.read(...call);
      },
    },
    'w',
  );
  const first = appender.appendRecords('k', [record('a')], CALL);
  const fenced = appender.appendRecords('k', [numbered(1, 1)], CALL);
  const short = appender.appendRecords('k', [record('b')], { remainingMs: () => left });
  const ends = Promise.allSettled([first, fenced, short]);
  open();
  expect((await ends).map((end) => (end.status === 'fulfilled' ? 'in' : end.reason.code))).toEqual([
    'in',
    'ProducerFenced',
    'NotAppended',
  ]);
});
