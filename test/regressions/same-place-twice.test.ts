/**
 * An instance that had given an append up as unknown could try the same position again in its next call. If the first one
 * had landed meanwhile, the second call took it for its own, and said that its records were new.
 */
import { expect, it } from 'vitest';
import { LogFold } from '../../lib/append/fold.ts';
import { LIMITS, LOST, LogWriter, named, numbered } from '../lib/append/logs.ts';
import { CALM, dice, World } from '../lib/append/world.ts';

it.each([
  ['an id', named('a')],
  ['a number', numbered('p', 3, 0)],
])('what an earlier call of the instance put there is a repeat, known by %s', (_, record) => {
  const world = new World(CALM, dice(1));
  new LogWriter(world, { writer: 'w', atMs: 1000 }).append([record]);
  const next = new LogWriter(world, { writer: 'w', atMs: 2000 });
  next.fold = LogFold.empty(LIMITS);
  let lost = false;
  const [receipt] = next.append([record], {
    before: ({ ask }) => {
      if (ask !== 'append' || lost) return null;
      lost = true;
      return LOST;
    },
  });
  expect(lost).toBe(true);
  expect(receipt).toMatchObject({ start: 0, record: 0, repeat: true });
});
