/** Many requests at a time to the web function, on the local stack: one append for many, and none lost when it ends. */
import { request } from 'node:http';
import type OSS from 'ali-oss';
import { describe, expect, it } from 'vitest';
import type { FcPlatform } from '../../infra/local/fc/platform.ts';
import { until } from '../infra/local/fc/support.ts';
import { readLog } from '../lib/append/reference.ts';
import { appendRequests, signalBusy, startLocal } from './local.ts';
import { clientOf } from './stack.ts';

interface Receipt {
  readonly object: string;
  readonly start: number;
  readonly end: number;
  readonly record: number;
  readonly id: string;
  readonly source: string;
  readonly repeat: boolean;
}

interface Answer {
  /** 0: the connection ended before all of it had come. */
  readonly status: number;
  readonly receipts: readonly Receipt[];
}

interface Post {
  /** Sends the rest of the body. */
  finish(): void;
  readonly answer: Promise<Answer>;
}

/** A request on a connection of its own, whose last byte waits for `finish`. */
function post(fc: FcPlatform, body: string, headers: Record<string, string> = {}): Post {
  const call = request(`${fc.url}/append/events`, {
    method: 'POST',
    agent: false,
    headers: {
      ...headers,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    },
  });
  const answer = new Promise<Answer>((resolve) => {
    const none = () => resolve({ status: 0, receipts: [] });
    call.once('error', none);
    call.once('response', async (response) => {
      try {
        const text = Buffer.concat(await response.toArray()).toString();
        resolve({ status: response.statusCode ?? 0, receipts: JSON.parse(text).receipts ?? [] });
      } catch {
        none();
      }
    });
  });
  call.write(body.slice(0, -1));
  return { finish: () => call.end(body.slice(-1)), answer };
}

const commitsOf = async (client: OSS, key: string) => readLog((await client.get(key)).content as Buffer);

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

describe('a burst to the web function', () => {
  /** As many calls at a time as an instance may have, and as many instances as take them all. */
  const CONCURRENCY = 200;
  const INSTANCES = 10;
  /** The platform lets no more than 1,000 calls wait for an instance. */
  const WAVE = 1000;
  const POSTS = CONCURRENCY * INSTANCES;

  it(`answers each of ${POSTS} requests at once with its own place, and appends for many at a time`, async () => {
    const { fc, oss } = await startLocal({
      resources: ['web'],
      instancesMax: INSTANCES,
      change: (props) => {
        props.instanceConcurrency = CONCURRENCY;
      },
    });
    oss.setRttMs(20);
    const posts: Post[] = [];
    while (posts.length < POSTS) {
      posts.push(...numbers(WAVE).map((n) => post(fc, `{"n":${posts.length + n}}`)));
      await until(() => fc.instances().length * CONCURRENCY >= posts.length);
    }
    // None of them has been answered, because none has been asked to the end.
    for (const { finish } of posts) finish();
    const answers = await Promise.all(posts.map(({ answer }) => answer));
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    expect(appendRequests(oss)).toBeLessThanOrEqual(POSTS / 10);

    const client = clientOf(oss.port);
    /** What is in the objects, by the receipt that it should have. */
    const places = new Map<string, string>();
    const receipts = answers.flatMap((answer) => answer.receipts);
    for (const key of new Set(receipts.map(({ object }) => object))) {
      for (const { start, end, records } of await commitsOf(client, key)) {
        for (const [record, { source, id, line }] of records.entries())
          places.set(JSON.stringify([key, start, end, record, source, id, false]), line);
      }
    }
    const told = receipts.map(({ object, start, end, record, source, id, repeat }) =>
      JSON.stringify([object, start, end, record, source, id, repeat]),
    );
    expect(places.size).toBe(POSTS);
    expect(new Set(told).size).toBe(POSTS);
    expect(told.map((place) => places.get(place))).toEqual(numbers(POSTS).map((n) => `{"n":${n}}`));
  });
});

describe('an instance of the web function that ends', () => {
  /** A UUID of version 7 has a time, 2026-09-21T14:13:20Z, and so the record its object however late it comes. */
  const keyOf = (n: number) => `01a0c450-6c00-7000-8000-${n.toString(16).padStart(12, '0')}`;
  const OBJECT = 'events/2026/09/21/14.ndjson';
  const send = (fc: FcPlatform, n: number) => post(fc, `{"n":${n}}`, { 'idempotency-key': keyOf(n) });
  const idsIn = async (client: OSS) =>
    (await commitsOf(client, OBJECT)).flatMap(({ records }) => records.map(({ id }) => id));
  const sent = (count: number) => numbers(count).map(keyOf);

  it('answers at SIGTERM what it has taken', async () => {
    const { fc, oss } = await startLocal({ resources: ['web'], instancesMax: 1 });
    const CALLS = 50;
    const held = numbers(CALLS).map((n) => send(fc, n));
    // Those before it are with the instance when this one is answered.
    const last = send(fc, CALLS);
    last.finish();
    expect((await last.answer).status).toBe(200);
    const [instance] = fc.instances();
    process.kill(-(instance?.pid ?? 0), 'SIGTERM');
    for (const { finish } of held) finish();
    const answers = await Promise.all(held.map(({ answer }) => answer));
    expect(answers.map(({ status }) => status)).toEqual(held.map(() => 200));
    // It takes no more: the next call is another instance's.
    const next = send(fc, CALLS + 1);
    next.finish();
    expect((await next.answer).status).toBe(200);
    expect(fc.instances().map(({ pid }) => pid)).not.toContain(instance?.pid);
    expect((await idsIn(clientOf(oss.port))).toSorted()).toEqual(sent(CALLS + 2));
  });

  it('leaves nothing answered out, and nothing that is sent again in twice', async () => {
    const SENDERS = 60;
    const KILLS = 20;
    const APPENDS_A_KILL_MAX = 10;
    const { fc, oss } = await startLocal({
      resources: ['web'],
      instancesMax: 4,
      change: (props) => {
        props.instanceConcurrency = SENDERS / 3;
      },
    });
    // Many end when what they have appended is not answered yet.
    oss.faults.add({ fault: 'slow', match: { operation: 'append' }, delayMs: 30 });
    let count = 0;
    let unanswered = 0;
    let repeats = 0;
    let done = false;
    const sender = async () => {
      while (!done) {
        const n = count++;
        for (let status = 0; status !== 200; ) {
          const call = send(fc, n);
          call.finish();
          const answer = await call.answer;
          status = answer.status;
          if (status !== 200) unanswered++;
          else if (answer.receipts[0]?.repeat) repeats++;
        }
      }
    };
    const sending = Promise.all(numbers(SENDERS).map(sender));
    for (let killed = 0, next = 0; killed < KILLS || unanswered === 0 || repeats === 0; killed++) {
      next = Math.max(next, appendRequests(oss)) + 1 + Math.floor(Math.random() * APPENDS_A_KILL_MAX);
      const signal = killed % 2 === 0 ? 'SIGTERM' : 'SIGKILL';
      await until(() => appendRequests(oss) >= next && signalBusy(fc, signal));
    }
    done = true;
    await sending;
    expect((await idsIn(clientOf(oss.port))).toSorted()).toEqual(sent(count));
  }, 120_000);
});
