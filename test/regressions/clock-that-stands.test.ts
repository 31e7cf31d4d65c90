/**
 * Writers of a busy log take turns, each by its own clock. While that stood still, or after it went back, it was never a
 * writer's turn: its calls waited until their time was up.
 */
import { expect, it } from 'vitest';
import { createAppender } from '../../lib/appender.ts';
import { systemRuntime } from '../../lib/runtime.ts';
import { CALL, ids, newStore, record } from './support.ts';

it.each([0, -3_600_000])('a writer appends while its clock moves by %i ms', async (byMs) => {
  const store = newStore();
  let nowMs = 1_700_000_000_000;
  const runtime = { ...systemRuntime(), now: () => nowMs, sleep: async () => {} };
  const writers = ['a', 'b', 'c'].map((writer) => createAppender({ store, runtime, writer }));
  for (let n = 0; n < 60; n++) {
    nowMs += n < 30 ? 10 : n === 30 ? byMs : 0;
    await writers[n % writers.length]?.appendRecords('k', [record(`${n}`)], CALL);
  }
  expect(await ids(store, 'k')).toEqual(Array.from({ length: 60 }, (_, n) => `${n}`));
});
