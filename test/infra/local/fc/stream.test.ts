import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ApiError } from '../../../../infra/local/fc/errors.ts';
import type { PlatformEventType } from '../../../../infra/local/fc/events.ts';
import type { Invocation } from '../../../../infra/local/fc/invoke.ts';
import { ASYNC_EVENT_BYTES_MAX } from '../../../../infra/local/fc/limits.ts';
import { collect } from '../../../../infra/local/fc/queue/batch.ts';
import { DeadLetters } from '../../../../infra/local/fc/queue/dead-letters.ts';
import { type Accept, Stream } from '../../../../infra/local/fc/queue/stream.ts';
import type { FunctionConfig, StreamTrigger } from '../../../../infra/local/fc/template/function.ts';
import { tempDir, until } from './support.ts';
import { MemorySource, VirtualClock } from './virtual.ts';

const HOUR_MS = 3_600_000;
const fn = { name: 'f', region: 'r' } as FunctionConfig;
const aTrigger: StreamTrigger = {
  triggerName: 'stream',
  source: 'SMQ',
  queueName: 'q',
  batchCountMax: 1,
  batchWindowMs: 0,
  concurrency: 1,
  asynchronous: false,
  eventSchema: 'CloudEvents',
  retryStrategy: 'BACKOFF_RETRY',
  errorsTolerance: 'ALL',
  deadLetter: true,
};

/** `fails`: how a call ends, by its number from 0. */
interface World {
  readonly trigger?: Partial<StreamTrigger>;
  readonly answer?: (call: number) => 'ok' | 'error' | 'throttled' | Promise<'ok' | 'error'>;
  readonly clock?: VirtualClock;
}

async function world({ trigger = {}, answer = () => 'ok', clock = new VirtualClock() }: World) {
  const source = new MemorySource();
  const deadLetters = await DeadLetters.open(join(tempDir(), 'dead'));
  const reports: PlatformEventType[] = [];
  const calls: (Invocation & { readonly atMs: number; readonly bodies: string[] })[] = [];
  const accepted: string[][] = [];
  const bodiesOf = (event: Uint8Array): string[] => JSON.parse(String(event));
  const invoke = async (invocation: Invocation) => {
    const call = calls.push({ ...invocation, atMs: clock.now(), bodies: bodiesOf(invocation.event) }) - 1;
    const how = await answer(call);
    if (how === 'throttled') throw new ApiError(429, 'ResourceExhausted', 'busy');
    const errorType = how === 'ok' ? null : 'UnhandledInvocationError';
    return { requestId: invocation.requestId, errorType, body: Buffer.alloc(0), logTail: '' };
  };
  const accept: Accept = async (_name, event) => accepted.push(bodiesOf(event));
  const stream = new Stream({
    fn,
    trigger: { ...aTrigger, ...trigger },
    source,
    deadLetters,
    facts: { functionName: 'f', region: 'r', accountId: '1', itemsAsStrings: false },
    clock,
    retryDelayScale: 1,
    report: (type) => reports.push(type),
    onSettled: () => undefined,
  });
  const start = () => stream.start(invoke, accept);
  onTestFinished(async () => {
    await stream.stop();
    await deadLetters.close();
  });
  return { source, deadLetters, reports, calls, accepted, stream, clock, start };
}

describe('the window of a batch', () => {
  const collected = async (bodies: string[], window: { countMax: number; bytesMax: number; ms: number }) => {
    const source = new MemorySource();
    source.publish(...bodies);
    const itemOf = ({ body }: { body: Buffer }) => JSON.stringify(String(body));
    const batches: string[][] = [];
    while (source.depth > source.inFlight) {
      const batch = await collect(source, window, itemOf, new VirtualClock(), new AbortController().signal);
      batches.push(batch?.messages.map(({ id }) => id) ?? []);
    }
    return batches;
  };

  it('closes at its count', async () => {
    expect(await collected(['a', 'b', 'c'], { countMax: 2, bytesMax: 1000, ms: 0 })).toEqual([
      ['a', 'b'],
      ['c'],
    ]);
  });

  it('closes before the event would be too large, to the byte', async () => {
    // ["a","b"] has nine bytes.
    expect(await collected(['a', 'b', 'c'], { countMax: 9, bytesMax: 9, ms: 1000 })).toEqual([
      ['a', 'b'],
      ['c'],
    ]);
    expect(await collected(['a', 'b'], { countMax: 9, bytesMax: 8, ms: 1000 })).toEqual([['a'], ['b']]);
    expect(await collected(['large', 'b'], { countMax: 9, bytesMax: 5, ms: 0 })).toEqual([['large'], ['b']]);
  });

  it('closes some time after its first message came, whatever came then', async () => {
    const { source, calls, clock, start } = await world({
      trigger: { batchCountMax: 10, batchWindowMs: 5_000 },
    });
    start();
    await clock.at(60_000);
    source.publish('a');
    await clock.at(64_000);
    source.publish('b');
    await clock.at(66_000);
    source.publish('c');
    await until(() => source.removed.length === 3);
    expect(calls.map(({ atMs, bodies }) => [atMs, bodies])).toEqual([
      [65_000, ['a', 'b']],
      [71_000, ['c']],
    ]);
  });

  it('gives its messages back when the stream stops in between', async () => {
    const { source, calls, stream, start } = await world({
      trigger: { batchCountMax: 10, batchWindowMs: 5_000 },
    });
    source.publish('a', 'b');
    start();
    expect(source.inFlight).toBe(0);
    await new Promise(setImmediate);
    expect(source.inFlight).toBe(2);
    await stream.stop();
    expect([source.take()?.id, source.take()?.id, calls.length]).toEqual(['a', 'b', 0]);
  });
});

describe('an event stream', () => {
  it('retries three times, 10 to 20 s apart, under BACKOFF_RETRY', async () => {
    const { source, calls, deadLetters, start } = await world({ answer: () => 'error' });
    source.publish('a');
    start();
    await until(() => source.removed.length === 1);
    expect(calls.map(({ atMs }) => atMs)).toEqual([0, 15_000, 30_000, 45_000]);
    expect(calls.map(({ retryCount }) => retryCount)).toEqual([0, 1, 2, 3]);
    expect(deadLetters.count).toBe(1);
  });

  it('retries 176 times within a day under EXPONENTIAL_DECAY_RETRY, and keeps the batch whole', async () => {
    const trigger = { retryStrategy: 'EXPONENTIAL_DECAY_RETRY', batchCountMax: 2 } as const;
    const { source, calls, deadLetters, reports, start } = await world({ trigger, answer: () => 'error' });
    source.publish('a', 'b');
    start();
    await until(() => source.removed.length === 2);
    expect(calls).toHaveLength(177);
    expect(calls.every(({ bodies }) => bodies.join() === 'a,b')).toBe(true);
    const lastMs = calls.at(-1)?.atMs ?? 0;
    expect(lastMs).toBeGreaterThan(23 * HOUR_MS);
    expect(lastMs).toBeLessThan(24 * HOUR_MS);
    expect(deadLetters.count).toBe(2);
    expect(reports.at(-1)).toBe('batch-dead-lettered');
  });

  it('stops at the batch where errors are not tolerated, and lets go of the source', async () => {
    const trigger = { errorsTolerance: 'NONE' } as const;
    const { source, stream, deadLetters, start } = await world({ trigger, answer: () => 'error' });
    source.publish('a', 'b');
    start();
    await until(() => stream.stopped && source.left);
    expect([source.removed, source.depth, source.inFlight, deadLetters.count]).toEqual([[], 2, 0, 0]);
  });

  it('gives a call five minutes', async () => {
    const { source, calls, start } = await world({});
    source.publish('a');
    start();
    await until(() => source.removed.length === 1);
    expect(calls[0]?.timeoutMsMax).toBe(300_000);
  });

  it('does not count a call that no instance took as a try', async () => {
    const answer = (call: number) => (call < 50 ? 'throttled' : 'ok');
    const { source, calls, start } = await world({ answer });
    source.publish('a');
    start();
    await until(() => source.removed.length === 1);
    expect(calls).toHaveLength(51);
    expect(calls.every(({ retryCount }) => retryCount === 0)).toBe(true);
  });

  it('delivers as many batches at a time as its concurrency, and a failing one holds up no other', async () => {
    const release: (() => void)[] = [];
    const answer = (call: number) =>
      new Promise<'ok' | 'error'>((resolve) => release.push(() => resolve(call === 0 ? 'error' : 'ok')));
    const { source, calls, start } = await world({ trigger: { concurrency: 3 }, answer });
    source.publish('a', 'b', 'c', 'd', 'e');
    start();
    await until(() => calls.length === 3);
    await new Promise(setImmediate);
    expect(calls.map(({ bodies }) => bodies[0])).toEqual(['a', 'b', 'c']);
    for (const finish of release.splice(0)) finish();
    await until(() => calls.length >= 5 && release.length > 0);
    while (source.removed.length < 5) {
      for (const finish of release.splice(0)) finish();
      await new Promise(setImmediate);
    }
    expect(source.removed.toSorted()).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(source.removed.at(-1)).toBe('a');
  });

  it('counts a batch as delivered when its asynchronous call is queued, 128 KB at a time', async () => {
    const { source, calls, accepted, start } = await world({
      trigger: { asynchronous: true, batchCountMax: 10 },
    });
    const body = 'x'.repeat(50_000);
    source.publish(`${body}1`, `${body}2`, `${body}3`);
    start();
    await until(() => source.removed.length === 3);
    expect(accepted.map((bodies) => bodies.map((text) => text.at(-1)))).toEqual([['1', '2'], ['3']]);
    expect(calls).toEqual([]);
  });

  it('makes no call for a message that is larger than any event, and gives it up in the end', async () => {
    const { source, accepted, deadLetters, start } = await world({
      trigger: { asynchronous: true, batchCountMax: 10 },
    });
    source.publish('a', 'x'.repeat(ASYNC_EVENT_BYTES_MAX), 'b');
    start();
    await until(() => source.removed.length === 3);
    expect(accepted).toEqual([['a'], ['b']]);
    expect(deadLetters.count).toBe(1);
  });
});
