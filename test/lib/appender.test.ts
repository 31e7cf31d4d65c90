import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OssServer, startOss } from '../../infra/local/oss/server.ts';
import { jsonLine } from '../../lib/append/record.ts';
import type { LogRecord } from '../../lib/append/types.ts';
import { type Appender, createAppender } from '../../lib/appender.ts';
import { systemRuntime } from '../../lib/runtime.ts';
import { ossStore } from '../../lib/store/oss.ts';
import type { ObjectStore } from '../../lib/store/port.ts';
import { readLog } from './append/reference.ts';

const KEY = { accessKeyId: 'id', accessKeySecret: 'secret' };
const CALL = { remainingMs: () => 20_000 };

let dataDir: string;
let oss: OssServer;
let store: ObjectStore;
let made = 0;

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'appender-'));
  oss = await startOss({ dataDir, credentials: [KEY], buckets: ['bucket'] });
  store = ossStore({
    endpoint: oss.url,
    region: 'cn-hangzhou',
    bucket: 'bucket',
    credentials: () => KEY,
    runtime: systemRuntime(),
  });
});
afterAll(async () => {
  await oss.close();
  await rm(dataDir, { recursive: true });
});

/** An instance: an appender that remembers nothing of the others. Its pauses take no time. */
function instance(options: { requestsMax?: number } = {}): Appender {
  const runtime = { ...systemRuntime(), sleep: async () => {} };
  return createAppender({ store, runtime, writer: `w${made++}`, ...options });
}

const record = (id: string): LogRecord => ({
  line: jsonLine(JSON.stringify({ id })),
  id,
  source: 's',
  timeMs: 1,
});

async function content(key: string): Promise<Buffer> {
  const read = await store.read(key, { start: 0, end: 1e9 }, { timeoutMs: 10_000 });
  return Buffer.from(read?.bytes ?? []);
}

const ids = async (key: string) =>
  readLog(await content(key)).flatMap(({ records }) => records.map(({ id }) => id));

/** What may go wrong between the function and OSS, and how often in a row. */
const FAULTS = [
  'answer-lost',
  'request-lost',
  'reset',
  'error-500',
  'error-500-after',
  'throttle',
  'truncated',
] as const;

describe('an appender over the wire', () => {
  it.each(FAULTS)('puts a raw payload in once when an append meets %s', async (fault) => {
    const key = `raw-${fault}`;
    const appender = instance();
    await appender.appendBytes(key, Buffer.from('one,'), CALL);
    oss.faults.add({ fault, match: { operation: 'append', key }, times: 2 });
    const receipt = await appender.appendBytes(key, Buffer.from('two,'), CALL);
    await appender.appendBytes(key, Buffer.from('three'), CALL);
    expect((await content(key)).toString()).toBe('one,two,three');
    expect(receipt).toEqual({ object: key, start: 4, end: 8 });
  });

  it.each(FAULTS)('puts a record in once when an append meets %s', async (fault) => {
    const key = `log-${fault}`;
    const appender = instance();
    await appender.appendRecords(key, [record('a')], CALL);
    oss.faults.add({ fault, match: { operation: 'append', key }, times: 2 });
    const receipts = await appender.appendRecords(key, [record('b'), record('c')], CALL);
    expect(await ids(key)).toEqual(['a', 'b', 'c']);
    expect(receipts.map(({ repeat }) => repeat)).toEqual([false, false]);
  });

  it('puts both in once when an answer is lost and another writer comes in between', async () => {
    for (const format of ['raw', 'log'] as const) {
      const key = `between-${format}`;
      const [one, other] = [instance(), instance()];
      const append = (appender: Appender, id: string) =>
        format === 'raw'
          ? appender.appendBytes(key, Buffer.from(`${id};`), CALL)
          : appender.appendRecords(key, [record(id)], CALL);
      await append(one, 'a');
      await append(other, 'b');
      // Both know a position that is not the length any more by the time they append.
      oss.faults.add({ fault: 'answer-lost', match: { operation: 'append', key }, times: 3 });
      await Promise.all([append(one, 'c'), append(other, 'd')]);
      const found =
        format === 'raw' ? (await content(key)).toString().split(';').slice(0, -1) : await ids(key);
      expect(found.toSorted()).toEqual(['a', 'b', 'c', 'd']);
    }
  });

  it('asks for the length when a conflict does not tell it', async () => {
    const key = 'no-position';
    const [one, other] = [instance(), instance()];
    await one.appendBytes(key, Buffer.from('a'), CALL);
    await other.appendBytes(key, Buffer.from('b'), CALL);
    oss.faults.add({ fault: 'no-position', match: { operation: 'append', key }, times: 1 });
    await one.appendBytes(key, Buffer.from('c'), CALL);
    expect((await content(key)).toString()).toBe('abc');
  });

  it('makes one request an append when it is warm and alone', async () => {
    const appender = instance();
    await appender.appendRecords('alone', [record('0')], CALL);
    const before = requests();
    for (let n = 1; n <= 10; n++) await appender.appendRecords('alone', [record(`${n}`)], CALL);
    expect(requests() - before).toBe(10);
    expect(await ids('alone')).toHaveLength(11);
  });

  it('recognises what any other instance put in', async () => {
    const first = await instance().appendRecords('repeat', [record('a'), record('b')], CALL);
    const again = await instance().appendRecords('repeat', [record('b'), record('c')], CALL);
    expect(await ids('repeat')).toEqual(['a', 'b', 'c']);
    expect(again[0]).toEqual({ ...first[1], repeat: true });
    expect(again[1]?.repeat).toBe(false);
  });

  it('loses and doubles nothing with many writers on one object, faults on', async () => {
    oss.faults.add({ fault: 'answer-lost', match: { operation: 'append', key: 'many' }, probability: 0.1 });
    oss.faults.add({ fault: 'request-lost', match: { operation: 'append', key: 'many' }, probability: 0.1 });
    try {
      const written = Array.from({ length: 8 }, async (_, writer) => {
        const appender = instance();
        for (let n = 0; n < 15; n++) {
          await appender.appendRecords('many', [record(`${writer}-${n}`)], CALL);
          await appender.appendBytes('many-raw', Buffer.from(`${writer}-${n};`), CALL);
        }
      });
      await Promise.all(written);
    } finally {
      oss.faults.clear();
    }
    const expected = Array.from({ length: 8 }, (_, w) =>
      Array.from({ length: 15 }, (_, n) => `${w}-${n}`),
    ).flat();
    expect((await ids('many')).toSorted()).toEqual(expected.toSorted());
    const raw = (await content('many-raw')).toString().split(';').slice(0, -1);
    expect(raw.toSorted()).toEqual(expected.toSorted());
  });

  it('keeps calls to one object in their order', async () => {
    const appender = instance();
    await Promise.all([1, 2, 3].map((n) => appender.appendBytes('ordered', Buffer.from(`${n}`), CALL)));
    expect((await content('ordered')).toString()).toBe('123');
  });
});

describe('calls for one object that come together', () => {
  it('share appends, and each gets its own receipts', async () => {
    const appender = instance();
    const before = requests();
    const calls = Array.from({ length: 300 }, (_, n) =>
      appender.appendRecords(
        'shared',
        n % 3 === 0 ? [record(`${n}`), record(`${n}+`)] : [record(`${n}`)],
        CALL,
      ),
    );
    const receipts = await Promise.all(calls);
    // The tail, the append of the first call, and the appends of all others.
    expect(requests() - before).toBeLessThanOrEqual(4);
    const commits = readLog(await content('shared'));
    expect(commits.flatMap(({ records }) => records)).toHaveLength(400);
    for (const { object, id, start, end, record: line, repeat } of receipts.flat()) {
      const commit = commits.find((candidate) => candidate.start === start);
      expect([object, commit?.end, commit?.records[line ?? -1]?.id, repeat]).toEqual([
        'shared',
        end,
        id,
        false,
      ]);
    }
    expect(receipts.map((own) => own.map(({ id }) => id))[3]).toEqual(['3', '3+']);
  });

  it('share appends to a raw object, and each knows where its own bytes are', async () => {
    const appender = instance();
    const payloads = Array.from({ length: 300 }, (_, n) => `<${n}>`);
    const before = requests();
    const receipts = await Promise.all(
      payloads.map((payload) => appender.appendBytes('shared-raw', Buffer.from(payload), CALL)),
    );
    expect(requests() - before).toBeLessThanOrEqual(4);
    const whole = await content('shared-raw');
    expect(receipts.map(({ start, end }) => whole.subarray(start, end).toString())).toEqual(payloads);
  });

  it('with one record between them append it once, and only the first call put it in', async () => {
    const appender = instance();
    const calls = [appender.appendRecords('same', [record('first')], CALL)];
    for (let n = 0; n < 3; n++) calls.push(appender.appendRecords('same', [record('x')], CALL));
    const [, ...receipts] = (await Promise.all(calls)).flat();
    expect(receipts.map(({ repeat }) => repeat)).toEqual([false, true, true]);
    expect(await ids('same')).toEqual(['first', 'x']);
  });

  it('do not fail because the time of one of them is up', async () => {
    const appender = instance();
    const calls = [
      appender.appendRecords('hurry', [record('a')], CALL),
      appender.appendRecords('hurry', [record('b')], CALL),
      appender.appendRecords('hurry', [record('late')], { remainingMs: () => 0 }),
      appender.appendRecords('hurry', [record('c')], CALL),
    ];
    const ends = await Promise.allSettled(calls);
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect(ends[2]).toMatchObject({ reason: { code: 'NotAppended', fate: 'not-in' } });
    expect(await ids('hurry')).toEqual(['a', 'b', 'c']);
  });

  it('go in once when the answer to their append is lost', async () => {
    const appender = instance();
    await appender.appendBytes('lost-raw', Buffer.from('0;'), CALL);
    oss.faults.add({ fault: 'answer-lost', match: { operation: 'append', key: 'lost-' }, times: 3 });
    const numbers = Array.from({ length: 20 }, (_, n) => `${n + 1}`);
    await Promise.all([
      ...numbers.map((n) => appender.appendBytes('lost-raw', Buffer.from(`${n};`), CALL)),
      ...numbers.map((n) => appender.appendRecords('lost-log', [record(n)], CALL)),
    ]);
    expect((await content('lost-raw')).toString()).toBe(`0;${numbers.join(';')};`);
    expect(await ids('lost-log')).toEqual(numbers);
  });

  it('go alone if they ask for a position', async () => {
    const appender = instance();
    const calls = [
      appender.appendBytes('alone-at', Buffer.from('a'), CALL),
      appender.appendBytes('alone-at', Buffer.from('b'), { ...CALL, ifPosition: 1 }),
      appender.appendBytes('alone-at', Buffer.from('c'), { ...CALL, ifPosition: 1 }),
      appender.appendBytes('alone-at', Buffer.from('d'), CALL),
    ];
    const ends = await Promise.allSettled(calls);
    expect(ends[2]).toMatchObject({ reason: { code: 'PositionMismatch', length: 2 } });
    expect((await content('alone-at')).toString()).toBe('abd');
  });
});

describe('an appender that cannot append', () => {
  it('ends with NotAppended and nothing written when the time is up before it began', async () => {
    const call = instance().appendRecords('late', [record('a')], { remainingMs: () => 0 });
    await expect(call).rejects.toMatchObject({ code: 'NotAppended', fate: 'not-in' });
    expect(await store.head('late', { timeoutMs: 10_000 })).toBeNull();
  });

  it('ends with OutcomeUnknown when no answer ever comes, and a repeat finds what landed', async () => {
    oss.faults.add({ fault: 'answer-lost', match: { operation: 'append', key: 'unknown' } });
    const call = instance({ requestsMax: 4 }).appendRecords('unknown', [record('a')], CALL);
    await expect(call).rejects.toMatchObject({ code: 'OutcomeUnknown', fate: 'unknown' });
    oss.faults.clear();
    const [receipt] = await instance().appendRecords('unknown', [record('a')], CALL);
    expect(receipt?.repeat).toBe(true);
    expect(await ids('unknown')).toEqual(['a']);
  });

  it('does not wait for a throttle that outlasts its time', async () => {
    oss.faults.add({ fault: 'throttle', match: { operation: 'append', key: 'throttled' }, delayMs: 60_000 });
    const call = instance().appendBytes('throttled', Buffer.from('a'), { remainingMs: () => 50_000 });
    await expect(call).rejects.toMatchObject({ code: 'NotAppended', detail: { retryAfterMs: 60_000 } });
    oss.faults.clear();
  });

  it('is refused at another position than the one it asked for, and is not at the right one', async () => {
    for (const format of ['raw', 'log'] as const) {
      const key = `if-${format}`;
      const append = (n: number, ifPosition: number) =>
        format === 'raw'
          ? instance().appendBytes(key, Buffer.from(`${n}`), { ...CALL, ifPosition })
          : instance()
              .appendRecords(key, [record(`${n}`)], { ...CALL, ifPosition })
              .then(([first]) => first);
      const first = await append(0, 0);
      await expect(append(1, 0)).rejects.toMatchObject({ code: 'PositionMismatch', length: first?.end });
      expect((await append(2, first?.end ?? 0))?.start).toBe(first?.end);
    }
  });
});

function requests(): number {
  return Object.values(oss.stats()).reduce((sum, byStatus) => sum + total(Object.values(byStatus)), 0);
}

const total = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0);
