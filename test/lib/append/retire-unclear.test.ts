/** Requests without an answer, and logs that are ended meanwhile (PROTOCOL.md §3.7). */
import { describe, expect, it } from 'vitest';
import { AppendRefused, OutcomeUnknown } from '../../../lib/append/errors.ts';
import { appendLog } from '../../../lib/append/log.ts';
import type { Ask } from '../../../lib/append/plan.ts';
import { retireLog } from '../../../lib/append/retire.ts';
import { entomb, finish, newWorld, replyTo } from './ends.ts';
import { AT_MS, LIMITS, LOST, LogWriter, logOptions, named } from './logs.ts';
import { KEY, type World } from './world.ts';

describe('an attempt without an answer, and a log that is ended meanwhile', () => {
  /** An append of `id` whose first attempt is sent, and lands or not, and has no answer. */
  function attempted(world: World, id: string, lands: boolean, dedupe = LIMITS.dedupe) {
    const plan = appendLog([named(id)], logOptions({ dedupe }));
    const append = plan.next(replyTo(world, plan.next().value as Ask));
    if (lands) replyTo(world, append.value as Ask);
    plan.next(LOST);
    return { plan, next: plan.next({ kind: 'resumed' }) };
  }
  const small = { records: 1, ageMs: null };

  it('is found to have landed, and was new', () => {
    const world = newWorld();
    const { plan, next } = attempted(world, 'a', true);
    entomb(world);
    expect(finish(world, plan, next).receipts).toMatchObject([
      { object: KEY, start: 0, record: 0, repeat: false },
    ]);
    expect(world.objects().size).toBe(1);
  });

  it.each([true, false])('is in doubt if the tombstone has forgotten it: landed %s', (lands) => {
    const world = newWorld();
    const { plan, next } = attempted(world, 'a', lands, small);
    for (const id of ['b', 'c']) new LogWriter(world, { dedupe: small }).append([named(id)]);
    entomb(world, { dedupe: small });
    expect(() => finish(world, plan, next)).toThrow(OutcomeUnknown);
    expect(world.objects().size).toBe(1);
  });

  it('is not looked for in the bytes of a tombstone', () => {
    const world = newWorld();
    const { plan, next } = attempted(world, 'a', true, small);
    const { length } = world.object();
    // The conflict is told, and when the bytes there are read, a tombstone has them.
    const read = plan.next(replyTo(world, next.value as Ask));
    expect(read.value).toMatchObject({ ask: 'read', start: 0, end: length });
    for (const id of ['b', 'c']) new LogWriter(world, { dedupe: small }).append([named(id)]);
    entomb(world, { dedupe: small });
    expect(world.object().length).toBeGreaterThan(length);
    expect(() => finish(world, plan, read)).toThrow(OutcomeUnknown);
  });
});

describe('an end without an answer, and a log that is ended by another', () => {
  it('cannot be in what cannot be appended to', () => {
    const world = newWorld();
    new LogWriter(world).append([named('a')]);
    const plan = retireLog({ log: logOptions().log, writer: 'retirer', atMs: AT_MS });
    plan.next(replyTo(world, plan.next().value as Ask));
    plan.next(LOST);
    const again = plan.next({ kind: 'resumed' });
    entomb(world);
    new LogWriter(world).append([named('b')]);
    // It goes on to the segment that is open now, and is refused there.
    let step = again;
    while (!step.done && !(step.value.ask === 'append' && step.value.key === 'k~00001'))
      step = plan.next(replyTo(world, step.value));
    const refused = { code: 'AccessDenied', status: 403, requestId: null, delayMs: null };
    expect(() => plan.next({ kind: 'failed', failure: refused })).toThrow(AppendRefused);
  });
});
