/** What a writer of a busy log reads in its turn, before it appends (PROTOCOL.md §4.8). */
import { expect, it } from 'vitest';
import { LogWriter, named, range } from './logs.ts';
import { CALM, dice, World } from './world.ts';

const WRITERS = 8;
const CYCLES = 3;
const SLOT_MS = 36;
const CYCLE_MS = WRITERS * SLOT_MS;
const START_MS = CYCLE_MS * 6_000_000_000;

/** The requests of the first writer's next turn, after some cycles of eight; `late` does not come in the last. */
function askedWithout(late: number | null): string[] {
  const world = new World(CALM, dice(1));
  const writers = range(0, WRITERS).map((w) => new LogWriter(world, { writer: `w${w}`, othersWrite: true }));
  const append = (which: number, atMs: number) => writers[which]?.append([named(`${atMs}`)], { atMs });
  for (const cycle of range(0, CYCLES))
    for (const which of range(0, WRITERS))
      if (cycle < CYCLES - 1 || which !== late) append(which, START_MS + cycle * CYCLE_MS + which * SLOT_MS);
  const before = world.asked.length;
  append(0, START_MS + CYCLES * CYCLE_MS);
  return world.asked.slice(before).map(({ ask }) => ask);
}

it('is what is new, once', () => {
  expect(askedWithout(null)).toEqual(['read', 'append']);
});

it('is that two times more, if the writer whose slot is before is late', () => {
  expect(askedWithout(WRITERS - 1)).toEqual(['read', 'read', 'read', 'append']);
});

it('is no more for a writer that is late and not next to it', () => {
  expect(askedWithout(WRITERS - 2)).toEqual(['read', 'append']);
});
