/** What a plan does before and after an append if others write too (PROTOCOL.md §4.8). */
import { expect, it } from 'vitest';
import { appendLog } from '../../../lib/append/log.ts';
import { driven, LogWriter, logOptions, meddled, named } from './logs.ts';
import { CALM, dice, World } from './world.ts';

/** A log, a writer's fold of it, and a commit of another that the fold does not have. */
function overtaken() {
  const world = new World(CALM, dice(1));
  const writer = new LogWriter(world, { writer: 'w' });
  writer.append([named('a')]);
  new LogWriter(world, { writer: 'other' }).append([named('b')]);
  const known = writer.fold;
  const asked = () => world.asked.slice(before).map(({ ask }) => ask);
  const before = world.asked.length;
  return { world, known, asked };
}

/** The writer appends `c`; `turns` says whether it is its turn, one time after the other. */
function appended(
  { world, known }: ReturnType<typeof overtaken>,
  turns: readonly boolean[],
  othersWrite: boolean,
) {
  const fresh: boolean[] = [];
  const plan = meddled(appendLog([named('c')], logOptions({ known, writer: 'w', othersWrite })), {
    before: (ask) => {
      if (ask.ask !== 'turn') return null;
      fresh.push(ask.fresh);
      return { kind: turns[fresh.length - 1] === true ? 'resumed' : 'later' };
    },
  });
  return { ...driven(world, plan), fresh };
}

it('reads what is new first, if others write, and appends if it is its turn', () => {
  const log = overtaken();
  const { receipts, fresh } = appended(log, [true], true);
  expect(log.asked()).toEqual(['read', 'append']);
  expect(receipts).toHaveLength(1);
  expect(fresh).toEqual([true]);
});

it('appends nothing if it is not, and keeps what it has read', () => {
  const log = overtaken();
  const { receipts, fold } = appended(log, [false], true);
  expect(log.asked()).toEqual(['read']);
  expect(receipts).toBeNull();
  expect(fold.activity.map(({ writer }) => writer)).toEqual(['w', 'other']);
});

it('asks again after a conflict: before it reads, and after', () => {
  const log = overtaken();
  const { receipts, fresh } = appended(log, [true, true], false);
  expect(log.asked()).toEqual(['append', 'read', 'append']);
  expect(receipts).toHaveLength(1);
  expect(fresh).toEqual([false, true]);
});

it('does not read after a conflict if it is not its turn', () => {
  const log = overtaken();
  expect(appended(log, [false], false).receipts).toBeNull();
  expect(log.asked()).toEqual(['append']);
});

it('does not ask for a call of which something is in already', () => {
  const { world, known } = overtaken();
  const plan = appendLog([named('a'), named('c')], logOptions({ known, writer: 'w', othersWrite: true }));
  const done = driven(
    world,
    meddled(plan, { before: ({ ask }) => (ask === 'turn' ? { kind: 'later' } : null) }),
  );
  expect(done.receipts?.map(({ repeat }) => repeat)).toEqual([true, false]);
});
