import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Activity, awaitsAnother, turnMs, turnOf } from '../../../lib/append/pace.ts';

const NOW = 1_700_000_000_000;
const SLOT_MS = 32;
const moment = { nowMs: NOW, roundTripMs: 20, conflicts: 0, dice: 0.5 };

/** Writers that have committed turn by turn for `cycles` cycles, each in its own slot, until now. */
function settled(writers: number, cycles = 3): Activity[] {
  return Array.from({ length: writers * cycles }, (_, turn) => ({
    writer: `w${turn % writers}`,
    atMs: NOW - (writers * cycles - turn) * SLOT_MS,
    turn: { slot: turn % writers, slotMs: SLOT_MS },
  }));
}

describe('pacing', () => {
  it('lets a lone writer go at once, however busy it is', () => {
    expect(turnMs(settled(1, 50), 'w0', moment)).toBeNull();
    expect(turnMs([], 'w0', moment)).toBeNull();
  });

  it('lets writers go at once that rarely meet, or have not met for long', () => {
    const rare = Array.from({ length: 6 }, (_, n) => ({
      writer: `w${n % 2}`,
      atMs: NOW - (6 - n) * 900,
      turn: { slot: n % 2, slotMs: SLOT_MS },
    }));
    expect(turnMs(rare, 'w0', moment)).toBeNull();
    expect(turnMs(settled(4), 'w0', { ...moment, nowMs: NOW + 60_000 })).toBeNull();
  });

  it('gives settled writers slots that do not meet, all within a cycle', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 64 }), fc.nat(5000), (writers, offsetMs) => {
        const activity = settled(writers, Math.ceil(64 / writers) + 3);
        const cycleMs = SLOT_MS * 2 ** Math.ceil(Math.log2(writers));
        const nowMs = NOW + offsetMs;
        const slots = Array.from({ length: writers }, (_, w) => {
          const waitMs = turnMs(activity, `w${w}`, { ...moment, nowMs }) ?? Number.NaN;
          expect(waitMs).toBeGreaterThanOrEqual(0);
          expect(waitMs).toBeLessThanOrEqual(cycleMs);
          return Math.floor((nowMs + waitMs) / SLOT_MS) % (cycleMs / SLOT_MS);
        });
        expect(new Set(slots).size).toBe(writers);
      }),
    );
  });

  it('lets a writer keep its slot, and gives a newcomer the first that is free', () => {
    const activity = settled(5).filter(({ writer }) => writer !== 'w2');
    expect(turnOf(activity, 'w3', 20)).toEqual({ slot: 3, slotMs: SLOT_MS });
    expect(turnOf(activity, 'new', 20)).toEqual({ slot: 2, slotMs: SLOT_MS });
    // The last one moves down, so that the cycle is no longer than it has to be.
    expect(turnOf(activity, 'w4', 20)).toEqual({ slot: 2, slotMs: SLOT_MS });
  });

  it('takes a slot that two claim from the later', () => {
    const rival = { writer: 'rival', atMs: NOW - 1, turn: { slot: 1, slotMs: SLOT_MS } };
    const activity = [...settled(4), rival];
    expect(turnOf(activity, 'w1', 20).slot).toBe(1);
    expect(turnOf(activity, 'rival', 20).slot).toBe(4);
  });

  it('frees the slot of a writer that was not heard of for three cycles', () => {
    const gone = { writer: 'gone', atMs: NOW - 5000, turn: { slot: 4, slotMs: SLOT_MS } };
    expect(turnOf([gone, ...settled(4, 10)], 'new', 20).slot).toBe(4);
    expect(turnOf([{ ...gone, atMs: NOW - 100 }, ...settled(4, 3)], 'new', 20).slot).toBe(5);
  });

  it('spreads newcomers the more, the more conflicts they met, within bounds', () => {
    const wait = (conflicts: number) => turnMs(settled(8), 'new', { ...moment, conflicts, dice: 1 });
    expect([0, 1, 2, 9].map(wait)).toEqual([2, 4, 8, 8].map((slots) => slots * SLOT_MS));
    expect(turnMs(settled(8), 'new', { ...moment, dice: 0 })).toBe(0);
  });

  it('keeps the length of a slot that the log has, while it fits the round trips', () => {
    expect(turnOf(settled(2), 'w0', 18).slotMs).toBe(SLOT_MS);
    expect(turnOf(settled(2), 'w0', 100).slotMs).toBe(180);
    expect(turnOf(settled(2), 'w0', 2).slotMs).toBe(4);
  });

  it('waits for the writer of the slot before, if that is late', () => {
    // Three cycles of eight; the next is that of w0, and the last commit was w7's.
    const activity = settled(8);
    const cycleMs = 8 * SLOT_MS;
    const start = Math.ceil(NOW / cycleMs) * cycleMs;
    const shifted = activity.map((one) => ({ ...one, atMs: one.atMs - NOW + start }));
    const without = (writer: string) =>
      shifted.filter((one) => one.writer !== writer || one.atMs < start - cycleMs);
    expect(awaitsAnother(shifted, 'w0', start + 5)).toBe(false);
    expect(awaitsAnother(without('w7'), 'w0', start + 5)).toBe(true);
    // Not for one that is not next to it, that did not come last time either, or if it has no slot itself.
    expect(awaitsAnother(without('w6'), 'w0', start + 5)).toBe(false);
    const rare = shifted.filter((one) => one.writer !== 'w7' || one.atMs < start - 2 * cycleMs);
    expect(awaitsAnother(rare, 'w0', start + 5)).toBe(false);
    expect(awaitsAnother(without('w7'), 'new', start + 5)).toBe(false);
    // Few writers are quick to try again, and a lone one waits for nobody.
    const few = settled(4).map((one) => ({ ...one, atMs: one.atMs - NOW + start }));
    expect(awaitsAnother(few.slice(0, -1), 'w0', start + 5)).toBe(false);
    expect(awaitsAnother(settled(1, 8), 'w0', NOW)).toBe(false);
  });
});
