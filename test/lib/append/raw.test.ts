import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppendError, NotAppended, OutcomeUnknown, PositionMismatch } from '../../../lib/append/errors.ts';
import type { Plan, Reply } from '../../../lib/append/plan.ts';
import { appendRaw, type RawState } from '../../../lib/append/raw.ts';
import { type Position, position } from '../../../lib/append/types.ts';
import { Actor, CALM, dice, type Faults, World } from './world.ts';

type RawPlan = Plan<{ start: Position; state: RawState }>;

const STORM: Faults = {
  requestLost: 0.1,
  answerLost: 0.2,
  late: 0.15,
  error500: 0.05,
  throttled: 0.05,
  noLength: 0.2,
  later: 0.3,
  stop: 0.05,
  foreign: 0.05,
};

const plan = (payload: string, known: RawState | null = null, ifPosition: number | null = null): RawPlan =>
  appendRaw('k', Buffer.from(payload), {
    known,
    ifPosition: ifPosition === null ? null : position(ifPosition),
  });

interface Call {
  readonly payload: string;
  fate: 'in' | 'not-in' | 'unknown';
  start: number;
}

function simulate(seed: number, faults: Faults, writers: number): { world: World; calls: Call[] } {
  const roll = dice(seed);
  const world = new World(faults, roll);
  const calls: Call[] = [];
  const actors = Array.from({ length: writers }, (_, writer) => {
    let made = 0;
    let call: Call | null = null;
    return new Actor((last) => {
      let known: RawState | null = null;
      if (call !== null && last !== null) {
        if ('value' in last) {
          const { start, state } = last.value as { start: Position; state: RawState };
          Object.assign(call, { fate: 'in', start });
          known = state;
        } else {
          if (!(last.error instanceof AppendError)) throw last.error;
          call.fate = last.error.fate;
        }
      }
      if (made === 5) return null;
      // Payloads of equal and of different lengths, none a part of another.
      call = {
        payload: `<${writer}-${made++}${'x'.repeat(Math.floor(roll() * 3))}>`,
        fate: 'unknown',
        start: -1,
      };
      calls.push(call);
      return plan(call.payload, known);
    });
  });
  world.run(actors);
  return { world, calls };
}

describe('appending to a raw object', () => {
  it('puts a payload in once if it says so, never if it says not, and never twice', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 4 }), (seed, writers) => {
        const { world, calls } = simulate(seed, STORM, writers);
        const text = world.object().toString();
        for (const { payload, fate, start } of calls) {
          const times = text.split(payload).length - 1;
          if (fate === 'in') {
            expect(times).toBe(1);
            expect(text.indexOf(payload)).toBe(start);
          } else expect(times).toBeLessThanOrEqual(fate === 'not-in' ? 0 : 1);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('gives the concatenation of the payloads when nothing else writes', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const { world, calls } = simulate(seed, { ...STORM, foreign: 0 }, 3);
        const inOrder = calls
          .map((call) => call.payload)
          .filter((payload) => world.object().includes(payload));
        inOrder.sort((a, b) => world.object().indexOf(a) - world.object().indexOf(b));
        expect(inOrder.join('')).toBe(world.object().toString());
      }),
    );
  });

  it('asks for the length once and then makes one request a payload', () => {
    const asked: string[] = [];
    let state: RawState | null = null;
    const world = new World(CALM, dice(1));
    let made = 0;
    world.run([
      new Actor((last) => {
        if (last !== null && 'value' in last) state = (last.value as { state: RawState }).state;
        if (made === 3) return null;
        const inner = plan(`p${made++}`, state);
        return (function* (): RawPlan {
          let step = inner.next();
          while (!step.done) {
            asked.push(step.value.ask);
            step = inner.next(yield step.value);
          }
          return step.value;
        })();
      }),
    ]);
    expect(asked).toEqual(['head', 'append', 'append', 'append']);
    expect(world.object().toString()).toBe('p0p1p2');
  });
});

function outcome(steps: RawPlan, replies: readonly Reply[]): unknown {
  try {
    let step = steps.next();
    for (const reply of replies) step = steps.next(reply);
    return step.value;
  } catch (error) {
    return error;
  }
}

describe('a raw append', () => {
  const lost: Reply = {
    kind: 'failed',
    failure: { code: 'NoAnswer', status: null, requestId: null, delayMs: null },
  };
  const resumed: Reply = { kind: 'resumed' };
  const conflict = (length: number | null): Reply => ({ kind: 'conflict', length });

  it('goes on at the length that the conflict carries, without asking for it', () => {
    const ask = outcome(plan('abc', { length: position(5), crc64: null }), [conflict(9)]);
    expect(ask).toMatchObject({ ask: 'append', position: 9 });
  });

  it('asks for the length if the conflict does not carry it', () => {
    const replies = [conflict(null), { kind: 'info', info: { length: 9, crc64: null } } as const];
    const ask = outcome(plan('abc', { length: position(5), crc64: null }), replies);
    expect(ask).toMatchObject({ ask: 'append', position: 9 });
  });

  it('compares the bytes after an unclear attempt, and a neighbour of equal length is not taken for it', () => {
    const ask = outcome(plan('abc', { length: position(5), crc64: null }), [
      lost,
      resumed,
      conflict(8),
      { kind: 'bytes', read: { bytes: Buffer.from('xyz'), start: 5, length: 8, crc64: null, type: null } },
    ]);
    expect(ask).toMatchObject({ ask: 'append', position: 8 });
  });

  it('knows that it is not in once other bytes stand where an unclear attempt would be', () => {
    const error = outcome(plan('abc', { length: position(5), crc64: null }), [
      lost,
      resumed,
      conflict(6),
      { kind: 'stop', reason: 'time' },
    ]);
    expect(error).toBeInstanceOf(NotAppended);
    expect(error).toMatchObject({ fate: 'not-in' });
  });

  it('at a position of the caller is refused with the length if that is another', () => {
    const error = outcome(plan('abc', null, 4), [conflict(9)]);
    expect(error).toBeInstanceOf(PositionMismatch);
    expect(error).toMatchObject({ length: 9, fate: 'not-in' });
  });

  it('at a position of the caller is done if its unclear attempt turns out to be there', () => {
    const done = outcome(plan('abc', null, 4), [
      lost,
      resumed,
      conflict(7),
      { kind: 'bytes', read: { bytes: Buffer.from('abc'), start: 4, length: 7, crc64: null, type: null } },
    ]);
    expect(done).toMatchObject({ start: 4, state: { length: 7 } });
  });

  it('cannot tell if the object shrank under an unclear attempt', () => {
    const known = { length: position(5), crc64: null };
    expect(outcome(plan('abc', known), [lost, resumed, conflict(2)])).toBeInstanceOf(OutcomeUnknown);
  });

  it('does not trust an answer whose next position or checksum is not that of its bytes', () => {
    const known = { length: position(5), crc64: 77n };
    expect(outcome(plan('abc', known), [{ kind: 'appended', nextPosition: 9, crc64: null }])).toBeInstanceOf(
      OutcomeUnknown,
    );
    expect(outcome(plan('abc', known), [{ kind: 'appended', nextPosition: 8, crc64: 5n }])).toBeInstanceOf(
      OutcomeUnknown,
    );
  });
});
