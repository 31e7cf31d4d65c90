import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Activity, AT_ONCE, approach, isTurn, turnOf } from '../../../lib/append/pace.ts';

const NOW = 1_700_000_000_000;
const RTT = 20;
const moment = { nowMs: NOW, roundTripMs: RTT, idleMs: 0 };
const before = { ...moment, tries: 0, refilled: false, dice: 0.5 };
const after = { ...moment, tries: 0, conflicted: false, fresh: true };

const commit = (writer: string, atMs: number, more = 0, roundTripMs = RTT): Activity => ({
  writer,
  atMs,
  turn: { roundTripMs, more },
});

/** Writers that have gone round for `rounds`, one every `everyMs`, until now. */
const rounds = (writers: number, count = 3, everyMs = 2 * RTT): Activity[] =>
  Array.from({ length: writers * count }, (_, n) =>
    commit(`w${n % writers}`, NOW - (writers * count - n) * everyMs),
  );

/** Any history: a few writers, any clocks, any claims. */
const histories = fc.array(
  fc.record({
    writer: fc.constantFrom('me', 'a', 'b', 'c'),
    atMs: fc.integer({ min: NOW - 20_000, max: NOW + 20_000 }),
    turn: fc.record({ roundTripMs: fc.integer({ min: 0, max: 400 }).map((n) => n / 10), more: fc.nat(20) }),
  }),
  { maxLength: 60 },
);
const moments = fc.record({
  nowMs: fc.integer({ min: NOW - 1000, max: NOW + 20_000 }),
  roundTripMs: fc.integer({ min: 1, max: 400 }).map((n) => n / 10),
  idleMs: fc.nat(5000),
  tries: fc.nat(20),
  refilled: fc.boolean(),
  dice: fc.double({ min: 0, max: 1, noNaN: true }),
  conflicted: fc.boolean(),
  fresh: fc.boolean(),
});

describe('pacing', () => {
  it('lets a lone writer go at once, whatever it has done', () => {
    fc.assert(
      fc.property(histories, moments, (history, any) => {
        const activity = history.map((one) => ({ ...one, writer: 'me' }));
        expect(approach(activity, 'me', any)).toEqual(AT_ONCE);
        expect(isTurn(activity, 'me', any)).toBe(true);
      }),
    );
  });

  it('never waits longer than some rounds of all, whatever the clocks and the claims say', () => {
    fc.assert(
      fc.property(histories, moments, (activity, any) => {
        const { waitMs } = approach(activity, 'me', any);
        // Its clock may have gone back within a turn, which counts from its first commit.
        const mineMs = Math.max(
          any.nowMs,
          ...activity.map(({ writer, atMs }) => (writer === 'me' ? atMs : 0)),
        );
        // Four writers with 61 commits and 20 announced, at 40 ms each; later by a quarter at most.
        const roundMs = (4 * 3 + 61 + 20) * 40 * 1.25;
        expect(waitMs).toBeGreaterThanOrEqual(0);
        expect(waitMs).toBeLessThanOrEqual(mineMs - any.nowMs + roundMs);
      }),
    );
  });

  it('lets a writer go that has seen nothing happen for long, whoever should be before it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 64 }), fc.nat(63), (writers, which) => {
        const nowMs = NOW + writers * 200;
        const late = { ...after, nowMs, idleMs: writers * 200 };
        expect(isTurn(rounds(writers), `w${which % writers}`, late)).toBe(true);
      }),
    );
  });

  it('lets writers go at once that rarely meet, or have not met for long', () => {
    const rare = Array.from({ length: 6 }, (_, n) => commit(`w${n % 2}`, NOW - (6 - n) * 900));
    expect(approach(rare, 'w0', before).waitMs).toBe(0);
    expect(isTurn(rare, 'w0', after)).toBe(true);
    expect(approach(rounds(4), 'w0', { ...before, nowMs: NOW + 60_000 }).waitMs).toBe(0);
  });

  it('lets them read first, if something new is likely', () => {
    const rare = [commit('me', NOW - 5000), commit('a', NOW - 4000), commit('me', NOW - 3000)];
    expect(approach([...rare, commit('a', NOW - 2500)], 'me', before).reads).toBe(true);
    expect(approach(rare, 'me', { ...before, nowMs: NOW - 2900 }).reads).toBe(false);
  });

  it('gives writers that go round turns one after the other, all within a round', () => {
    fc.assert(
      fc.property(fc.integer({ min: 4, max: 64 }), (writers) => {
        const activity = rounds(writers, 3, 1.5 * RTT);
        const dues = Array.from({ length: writers }, (_, w) => approach(activity, `w${w}`, before).waitMs);
        for (const [w, waitMs] of dues.entries())
          if (w > 0) expect(waitMs - (dues[w - 1] ?? 0)).toBeGreaterThan(RTT);
        expect(dues.at(-1)).toBeLessThan(writers * 3 * RTT * 1.25);
      }),
    );
  });

  it('spreads turns that are too near to each other', () => {
    // All have committed within half a round, as at a start.
    const near = rounds(16, 2, RTT);
    const [first = 0, , , , , sixth = 0] = Array.from(
      { length: 16 },
      (_, w) => approach(near, `w${w}`, before).waitMs,
    );
    expect(sixth - first).toBeGreaterThan(5 * 1.4 * RTT);
  });

  it('does not let clocks move a turn that cannot be right', () => {
    const here = rounds(16);
    const off = here.map((one) => (one.writer === 'w3' ? { ...one, atMs: one.atMs + 3_600_000 } : one));
    const waits = (activity: Activity[]) => approach(activity, 'w9', before).waitMs;
    expect(waits(off)).toBe(waits(here));
  });

  it('keeps to the order of the commits: who had its turn longest ago is next', () => {
    const activity = rounds(10);
    const nowMs = NOW + 150;
    const goes = (me: string, more: readonly Activity[] = []) =>
      isTurn([...activity, ...more], me, { ...after, nowMs });
    expect([goes('w0'), goes('w1'), goes('w2')]).toEqual([true, false, false]);
    const next = [commit('w0', NOW + 140)];
    expect([goes('w0', next), goes('w1', next), goes('w2', next)]).toEqual([false, true, false]);
  });

  it('holds no writer whose clock stands still, or went back', () => {
    const busy = rounds(10);
    expect(isTurn(busy, 'w5', after)).toBe(false);
    expect(isTurn(busy, 'w5', { ...after, tries: 32 })).toBe(true);
    const back = { nowMs: NOW - 3_600_000, idleMs: 10_000 };
    expect(approach(busy, 'w5', { ...before, ...back }).waitMs).toBe(0);
    expect(isTurn(busy, 'w5', { ...after, ...back })).toBe(true);
  });

  it('passes over a writer once two others have come again since', () => {
    const activity = [...rounds(10), commit('w1', NOW + 130), commit('w2', NOW + 170)];
    const moment = { ...after, nowMs: NOW + 200 };
    expect(isTurn(activity, 'w3', moment)).toBe(true);
    expect(isTurn(activity.slice(0, -1), 'w2', moment)).toBe(false);
  });

  it('watches a late writer closely only if many wait', () => {
    const watches = (writers: number) =>
      approach(rounds(writers), 'w1', { ...before, nowMs: NOW + 3000 }).everyMs !== null;
    expect([watches(10), watches(40)]).toEqual([false, true]);
  });

  it('lets a writer without a turn push in, and spreads it the more, the more often it was in vain', () => {
    const busy = rounds(10);
    expect(isTurn(busy, 'new', after)).toBe(true);
    expect(isTurn(busy, 'new', { ...after, conflicted: true })).toBe(false);
    const waits = (tries: number) => approach(busy, 'new', { ...before, tries, dice: 1 }).waitMs;
    expect(waits(0)).toBe(0);
    expect(waits(2)).toBe(2 * waits(1));
    expect(waits(50)).toBe(waits(3));
  });

  it('lets a writer that always has more commit several times, and others wait for it', () => {
    const busy = { roundTripMs: RTT, refilled: true };
    const activity = rounds(4);
    expect(turnOf(activity, 'w0', { ...busy, refilled: false }).more).toBe(0);
    const turns: Activity[] = [];
    while (turns.length === 0 || (turns.at(-1)?.turn.more ?? 0) > 0) {
      const turn = turnOf([...activity, ...turns], 'w0', busy);
      turns.push({ writer: 'w0', atMs: NOW + turns.length * RTT, turn });
      const nowMs = NOW + turns.length * RTT;
      const all = [...activity, ...turns];
      const goesOn = turn.more > 0;
      const own = approach(all, 'w0', { ...before, nowMs, refilled: true });
      expect(own.waitMs === 0 && !own.reads).toBe(goesOn);
      expect(isTurn(all, 'w1', { ...after, nowMs: NOW + 500 })).toBe(!goesOn);
    }
    expect(turns).toHaveLength(16);
    // One that said it would go on and does not is not waited for.
    expect(
      isTurn([...activity, ...turns.slice(0, 3)], 'w1', { ...after, nowMs: NOW + 500, idleMs: 500 }),
    ).toBe(true);
    // In a round of many, each turn is shorter.
    expect(turnOf(rounds(64), 'w0', busy).more).toBe(3);
  });
});
