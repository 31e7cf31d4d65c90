/** Whatever a queue delivers: nothing of it is lost, and no letter is one that cannot be sent again. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { letterJson, parseLetter, recordOfLetter } from '../../../lib/intake/letter.ts';
import { createQueueHandler } from '../../../lib/intake/queue.ts';
import { fcQueue, queueNameOf, undecodableOf } from '../../../lib/shim/index.ts';
import { readLog } from '../append/reference.ts';
import { changed, QUEUE_EVENTS } from '../shim/mutations.ts';
import { eventOf } from '../shim/support.ts';
import { FC } from './delivery.ts';
import { type Bench, bench } from './support.ts';

/** Every queue that has a name like those of the recorded events goes into one log, or into a log by an attribute. */
const NAMES = ['orders', 'events', 'demo', 'TestTopic', 'test', 'T_guoxin'];

function takes(queue: string | undefined) {
  const names = [...new Set([...NAMES, queue ?? 'orders'])];
  const it = bench({
    targets: {
      log: { format: 'log', key: 'log/x' },
      tenants: { format: 'log', key: 'tenants/{field.tenant}' },
    },
    queues: Object.fromEntries(
      names.map((name, n) => [name, { target: n % 3 === 2 ? ('tenants' as const) : ('log' as const) }]),
    ),
  });
  let delivered = 0;
  const { config, intake, runtime } = it;
  const handler = createQueueHandler({ config, intake, runtime, queueNameOf, undecodableOf, queue });
  const platform = fcQueue(
    (event, context) => {
      delivered = event.Records.length;
      return handler(event, context);
    },
    { now: runtime.monotonic, undecodable: 'is-record' },
  );
  return {
    it,
    async deliver(event: Buffer): Promise<number> {
      await platform(event, FC);
      return delivered;
    },
  };
}

/** The records of all objects, those of dead letters apart. */
async function stored({ store, appends }: Bench) {
  const taken: string[] = [];
  const parked: string[] = [];
  for (const key of new Set(appends)) {
    const read = await store.read(key, { start: 0, end: 1e9 }, { timeoutMs: 1000 });
    const lines = readLog(read?.bytes ?? new Uint8Array()).flatMap(({ records }) =>
      records.map(({ line }) => line),
    );
    (key.startsWith('dead-letters/') ? parked : taken).push(...lines);
  }
  return { taken, parked };
}

const events = changed(...QUEUE_EVENTS.map((name) => () => eventOf(name)));

describe('whatever a queue delivers', () => {
  it('is appended or parked, item by item, and parked ones hold what came', async () => {
    await fc.assert(
      fc.asyncProperty(events, fc.constantFrom(undefined, 'orders'), async (event, queue) => {
        const { it, deliver } = takes(queue);
        const count = await deliver(event);
        const { taken, parked } = await stored(it);
        // Records of one batch with one id are one; the mutations make such.
        const dropped = it.logged.filter(({ event: what }) => what === 'message-not-appended').length;
        expect(taken.length + parked.length + dropped).toBeLessThanOrEqual(count);
        if (count > 0) expect(taken.length + parked.length + dropped).toBeGreaterThan(0);
        expect(it.logged.some(({ code }) => code === 'InternalError')).toBe(false);
        for (const line of parked) {
          const letter = parseLetter(line);
          expect(letter).not.toBeNull();
          if (letter === null) continue;
          if (letter.form === 'event') expect(event.includes(Buffer.from(letter.body))).toBe(true);
          expect(letterJson(letter)).toBe(line);
        }
        // Delivered again, what has an id is recognised.
        await deliver(event);
        const again = await stored(it);
        expect(again.taken.length).toBeGreaterThanOrEqual(taken.length);
        if (event.equals(eventOf('smq'))) expect(again).toEqual({ taken, parked });
      }),
      { numRuns: 300 },
    );
  });
});

describe('whatever a dead-letter log holds', () => {
  const letters = fc.record(
    {
      queue: fc.oneof(fc.string(), fc.constant(null), fc.jsonValue()),
      source: fc.oneof(fc.string(), fc.jsonValue()),
      id: fc.oneof(fc.string(), fc.jsonValue()),
      messageId: fc.oneof(fc.string(), fc.jsonValue()),
      time: fc.oneof(
        fc.date().map(String),
        fc.constantFrom('2026-01-01T00:00:00Z', 'never', '+275760-09-13T00:00:00.000Z'),
        fc.jsonValue(),
      ),
      form: fc.constantFrom('message', 'event', 'x'),
      from: fc.oneof(fc.string(), fc.jsonValue()),
      reason: fc.oneof(fc.record({ code: fc.string(), message: fc.string() }), fc.jsonValue()),
      attributes: fc.oneof(fc.dictionary(fc.string(), fc.string()), fc.jsonValue()),
      body: fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.record({ base64: fc.oneof(fc.base64String(), fc.string()) }),
        fc.record({ utf8: fc.oneof(fc.base64String(), fc.string()) }),
        fc.jsonValue(),
      ),
    },
    { requiredKeys: ['source', 'id', 'time', 'form', 'reason'] },
  );

  it('is a letter that says the same when it is written again, or none', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          letters.map((letter) => JSON.stringify(letter)),
          fc.json(),
          fc.string(),
        ),
        (json) => {
          const letter = parseLetter(json);
          if (letter === null) return;
          expect(parseLetter(letterJson(letter))).toEqual(letter);
          const record = recordOfLetter(letter);
          expect(typeof record.body).toBe('string');
          expect(record.messageId).toBe(letter.messageId);
        },
      ),
      { numRuns: 3000 },
    );
  });
});
