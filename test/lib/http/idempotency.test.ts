import { describe, expect, it } from 'vitest';
import type { LogRecord } from '../../../lib/append/types.ts';
import { createAppender } from '../../../lib/appender.ts';
import { createHttpApp, NO_PLATFORM } from '../../../lib/http/app.ts';
import { createRetirer } from '../../../lib/retirer.ts';
import { type ObjectStore, type ReadAnswer, StoreError } from '../../../lib/store/port.ts';
import { entombLog } from '../entomb.ts';
import { EVENTS, httpBench, JSON_TYPE, NDJSON_TYPE, problem, receipts } from './support.ts';

const TEXT = { 'content-type': 'text/plain' };
const BYTES = { 'content-type': 'application/octet-stream' };
const named = (key: string, type: Record<string, string> = JSON_TYPE) => ({
  ...type,
  'idempotency-key': key,
});

/** An app whose reads for comparison are counted, and answered by `read` instead if that is set. */
function watched() {
  const bench = httpBench();
  const it = { ...bench, reads: 0, read: undefined as ObjectStore['read'] | undefined };
  const store: ObjectStore = {
    ...bench.store,
    read: (...args) => {
      it.reads++;
      return it.read ? it.read(...args) : bench.store.read(...args);
    },
  };
  const app = createHttpApp({ ...bench, store, platform: NO_PLATFORM });
  const post = async (path: string, body: string, headers: Record<string, string>) =>
    app.request(path, { method: 'POST', body, headers });
  return Object.assign(it, { post });
}

describe('an Idempotency-Key that comes again', () => {
  it.each([
    [JSON_TYPE, '{"a":1}', '{"a":1.0}'],
    [JSON_TYPE, '{"$commit":{}}', '{"$commit":{ }}'],
    [JSON_TYPE, '[1]', '[1,2]'],
    [TEXT, 'größer', 'größe'],
    [BYTES, 'x', 'y'],
    [NDJSON_TYPE, '1\n', '2\n'],
  ])('is refused with another body, of %o', async (type, first, second) => {
    const { post, text } = httpBench();
    const [receipt] = await receipts(await post('/append/events', first, named('k', type)));
    const before = await text(EVENTS);
    const response = await post('/append/events', second, named('k', type));
    expect(await problem(response)).toMatchObject({
      status: 422,
      type: 'urn:oss-append:problem:idempotency-mismatch',
      detail: expect.stringContaining('"k" was used for another body'),
      fate: 'not-in',
      receipts: [{ ...receipt, repeat: true }],
    });
    const [again] = await receipts(await post('/append/events', first, named('k', type)));
    expect(again).toEqual({ ...receipt, repeat: true });
    expect(await text(EVENTS)).toBe(before);
  });

  it('is the same where the records are, however they came', async () => {
    const { post } = httpBench();
    await post('/append/events', '{"a":\r\n  1}', named('k'));
    expect((await post('/append/events', '{"a":1}', named('k'))).status).toBe(200);
    // JSON that says the same in other words is another record.
    expect((await post('/append/events', '{"a": 1}', named('k'))).status).toBe(422);
    expect((await post('/append/events', '{"a":1}', named('k', TEXT))).status).toBe(422);
  });

  it('is compared with its own record in an append of many calls', async () => {
    const { post, appends } = httpBench();
    const keys = ['a', 'b', 'c', 'd'];
    const send = (key: string, body: string) => post('/append/events', body, named(key));
    const first = await Promise.all(keys.map((key) => send(key, `"${key}"`)));
    const places = await Promise.all(
      first.map(async (response) => (await receipts(response))[0]?.['record']),
    );
    expect(places).toEqual([0, 0, 1, 2]);
    expect(appends).toHaveLength(2);
    for (const key of keys) {
      expect((await send(key, `"${key}"`)).status, key).toBe(200);
      for (const other of keys.filter((one) => one !== key))
        expect((await send(key, `"${other}"`)).status, `${key} ${other}`).toBe(422);
    }
  });

  it('is compared within one append, too', async () => {
    const { post } = httpBench();
    const sent = [post('/append/events', '0', named('x'))];
    for (const body of ['1', '2', '1']) sent.push(post('/append/events', body, named('k')));
    const answers = await Promise.all(sent);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 422, 200]);
  });

  it('is found after bytes of others that end no line, by a writer that knows nothing', async () => {
    const { store, post, cold } = httpBench();
    await store.append(EVENTS, 0, Buffer.from('junk'), { timeoutMs: 1000 });
    await post('/append/events', '"mine"', named('k'));
    const send = cold();
    expect(await receipts(await send('/append/events', '"mine"', named('k')))).toMatchObject([
      { start: 4, record: 0, repeat: true },
    ]);
    expect((await send('/append/events', '"other"', named('k'))).status).toBe(422);
  });

  it('is found in an earlier and in a later segment, also by a writer that knows them from a checkpoint', async () => {
    const { post, cold } = httpBench();
    const long = JSON.stringify('x'.repeat(1000));
    await post('/append/short', long, named('a'));
    const [receipt] = await receipts(await post('/append/short', '1', named('b')));
    expect(receipt?.['object']).toBe('short/x~00001');
    for (const [key, body] of [
      ['a', long],
      ['b', '1'],
    ] as const) {
      for (const send of [post, cold()]) {
        expect((await send('/append/short', body, named(key))).status, key).toBe(200);
        expect((await send('/append/short', '2', named(key))).status, key).toBe(422);
      }
    }
  });
});

const lines = (...values: unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('');
const THREE = lines({ n: 0 }, { n: 1 }, { n: 2 });

describe('an Idempotency-Key of several records that comes again', () => {
  it.each([
    ['one record that is another', lines({ n: 0 }, { n: 1 }, { n: 9 }), 3],
    ['the records in another order', lines({ n: 1 }, { n: 0 }, { n: 2 }), 3],
    ['one record more', `${THREE}${lines({ n: 3 })}`, 3],
    ['one record less', lines({ n: 0 }, { n: 1 }), 2],
    ['the first alone', lines({ n: 0 }), 1],
    ['one that is another, alone', lines(9), 1],
    ['many more, all of them others', lines(...Array.from({ length: 50 }, (_, n) => -n)), 3],
  ])('is refused with %s, and leaves nothing behind', async (_, body, told) => {
    const { post, cold, text, appends } = httpBench();
    const first = await receipts(await post('/append/events', THREE, named('k', NDJSON_TYPE)));
    const before = await text(EVENTS);
    for (const send of [post, cold()]) {
      const document = await problem(await send('/append/events', body, named('k', NDJSON_TYPE)));
      expect(document).toMatchObject({
        status: 422,
        type: 'urn:oss-append:problem:idempotency-mismatch',
        fate: 'not-in',
      });
      const known = first.slice(0, told).map((receipt) => ({ ...receipt, repeat: true }));
      const receiptsTold = document['receipts'] as unknown[];
      expect(receiptsTold.filter((receipt) => receipt !== null)).toEqual(known);
      expect(receiptsTold.slice(told).every((receipt) => receipt === null)).toBe(true);
    }
    const again = await receipts(await post('/append/events', THREE, named('k', NDJSON_TYPE)));
    expect(again).toEqual(first.map((receipt) => ({ ...receipt, repeat: true })));
    expect([await text(EVENTS), appends.length]).toEqual([before, 1]);
  });

  it('is refused with several where it named one', async () => {
    const { post, lines: linesOf } = httpBench();
    const [receipt] = await receipts(await post('/append/events', '{"n":0}', named('k')));
    const response = await post('/append/events', THREE, named('k', NDJSON_TYPE));
    expect(await problem(response)).toMatchObject({ status: 422, receipts: [{ ...receipt, repeat: true }] });
    expect(await linesOf(EVENTS)).toEqual(['{"n":0}']);
  });

  // The first call goes out at once; the others share the next append, or try to.
  it.each([
    [
      [
        ['x', '1'],
        ['k', '1\n2'],
        ['k', '1\n2\n3'],
        ['k', '1\n4'],
        ['k', '1\n2'],
        ['y', '5\n6'],
      ],
      [200, 200, 422, 422, 200, 200],
    ],
    [
      [
        ['x', '1'],
        ['k', '1'],
        ['k', '1\n2'],
      ],
      [200, 200, 422],
    ],
    [
      [
        ['x', '1'],
        ['k', '1\n2'],
        ['k', '1'],
      ],
      [200, 200, 422],
    ],
  ])('is, of bodies that come at once, the one that was first: %j', async (bodies, expected) => {
    const { post, lines: linesOf } = httpBench();
    const sent = bodies.map(([key = '', body = '']) => post('/append/events', body, named(key, NDJSON_TYPE)));
    expect((await Promise.all(sent)).map(({ status }) => status)).toEqual(expected);
    const taken = bodies.filter((_, n) => expected[n] === 200).map(([key, body]) => `${key} ${body}`);
    const once = [...new Set(taken)].flatMap((call) => call.split(' ')[1]?.split('\n') ?? []);
    expect(await linesOf(EVENTS)).toEqual(once);
  });

  it('is one body in each of its objects, also of two that share an append there', async () => {
    const { appender } = httpBench();
    const body = (ids: readonly string[], strangers: readonly string[]) => {
      const together = { strangers };
      return ids.map((id) => ({ line: Buffer.from('1'), id, source: 'http', timeMs: 0, body: together }));
    };
    const send = (records: LogRecord[]) =>
      appender.appendRecords('spread/0', records, { remainingMs: () => 1000 }).then(
        (all) => all.map(({ id }) => id),
        (error) => error.code,
      );
    // What else there is of the two is in other lanes.
    const sent = [send(body(['x'], [])), send(body(['k/0'], ['k/3'])), send(body(['k/0', 'k/5'], ['k/9']))];
    expect(await Promise.all(sent)).toEqual([['x'], ['k/0'], 'IdempotencyMismatch']);
  });

  it('is in whole after an append whose answer was lost, and then no other', async () => {
    const it = httpBench();
    let lost = 0;
    const append: ObjectStore['append'] = async (...args) => {
      const answer = await it.store.append(...args);
      return lost++ === 0 ? { kind: 'failed', failure: new StoreError('NoAnswer', 'lost') } : answer;
    };
    const appender = createAppender({ ...it, store: { ...it.store, append }, writer: 'lossy' });
    const app = createHttpApp({ ...it, intake: it.intakeOver(appender), platform: NO_PLATFORM });
    const init = { method: 'POST', body: THREE, headers: named('k', NDJSON_TYPE) };
    expect((await receipts(await app.request('/append/events', init))).map(({ repeat }) => repeat)).toEqual([
      false,
      false,
      false,
    ]);
    expect(await it.lines(EVENTS)).toHaveLength(3);
    expect(lost).toBe(2);
  });

  it('goes in as far as it is missing where its records have lanes, and what is there is compared', async () => {
    const it = httpBench();
    const body = lines(...Array.from({ length: 12 }, (_, n) => ({ n })));
    const refused = new Set<string>();
    it.intercept = (key) => {
      if (refused.size > 0 && !refused.has(key)) return undefined;
      refused.add(key);
      return { kind: 'failed', failure: new StoreError('AccessDenied', 'no', { status: 403 }) };
    };
    const partly = await problem(await it.post('/append/spread', body, named('k', NDJSON_TYPE)));
    const there = (partly['receipts'] as ({ object: string } | null)[]).filter((receipt) => receipt !== null);
    expect(there.length).toBeGreaterThan(0);
    expect(there.length).toBeLessThan(12);
    it.intercept = undefined;

    const all = await receipts(await it.post('/append/spread', body, named('k', NDJSON_TYPE)));
    expect(all.filter(({ repeat }) => repeat)).toHaveLength(there.length);
    const stored = await Promise.all(['0', '1', '2', '3'].map((lane) => it.lines(`spread/${lane}`)));
    expect(stored.flat().sort()).toEqual(body.trim().split('\n').sort());
    const other = body.replace('{"n":7}', '{"n":70}');
    expect((await it.post('/append/spread', other, named('k', NDJSON_TYPE))).status).toBe(422);
    expect((await it.post('/append/spread', body, named('k', NDJSON_TYPE))).status).toBe(200);
  });
});

describe('the comparison', () => {
  it('is not made where retention has removed the record: its id is all that is known', async () => {
    const it = httpBench();
    const [first] = await receipts(await it.post('/append/events', '"mine"', named('k')));
    const retirer = createRetirer({ store: it.store, runtime: it.runtime, writer: 'retirer' });
    await entombLog(it.store, retirer, EVENTS);
    for (const send of [it.post, it.cold()])
      expect(await receipts(await send('/append/events', '"other"', named('k')))).toEqual([
        { ...first, repeat: true },
      ]);
  });

  it('reads nothing for a record that is new, or that has no key', async () => {
    const it = watched();
    await it.post('/append/events', '1', named('k'));
    await it.post('/append/events', '1', JSON_TYPE);
    const event = { specversion: '1.0', id: 'e', source: 's', type: 't', data: 1 };
    for (const data of [1, 2]) {
      const body = JSON.stringify({ ...event, data });
      const answer = await it.post('/append/whole', body, { 'content-type': 'application/cloudevents+json' });
      expect(answer.status).toBe(200);
    }
    expect(it.reads).toBe(0);
    await it.post('/append/events', '1', named('k'));
    expect(it.reads).toBe(1);
  });

  it('reads an append once, however many of the records are in it', async () => {
    const it = watched();
    const body = '1\n2\n3\n4\n5\n6\n7\n8\n';
    await it.post('/append/events', body, named('k', NDJSON_TYPE));
    expect(it.reads).toBe(0);
    expect((await it.post('/append/events', body, named('k', NDJSON_TYPE))).status).toBe(200);
    expect(it.reads).toBe(1);
    const sent = await receipts(await it.post('/append/spread', body, named('k', NDJSON_TYPE)));
    it.reads = 0;
    expect((await it.post('/append/spread', body, named('k', NDJSON_TYPE))).status).toBe(200);
    expect(it.reads).toBe(new Set(sent.map(({ object }) => object)).size);
  });

  it('is not made where the number of records tells it', async () => {
    const it = watched();
    await it.post('/append/events', '1\n2\n', named('k', NDJSON_TYPE));
    expect((await it.post('/append/events', '1\n', named('k', NDJSON_TYPE))).status).toBe(422);
    expect((await it.post('/append/events', '1\n2\n3\n', named('k', NDJSON_TYPE))).status).toBe(422);
    expect(it.reads).toBe(0);
  });

  it.each<[string, () => Promise<ReadAnswer | null>, string | undefined]>([
    ['fails', () => Promise.reject(new StoreError('NoAnswer', 'secret')), 'NoAnswer'],
    ['finds no object', async () => null, undefined],
    ['finds less', async () => answerOf('"mine"\n'), undefined],
    ['finds another append', async () => answerOf(`"mine"\n${COMMIT}\n`), undefined],
  ])('that %s leaves the outcome open', async (_, read, storeCode) => {
    const it = watched();
    const sent = await receipts(await it.post('/append/events', '"mine"', named('k')));
    it.read = read;
    const response = await it.post('/append/events', '"mine"', named('k'));
    expect(response.headers.has('retry-after')).toBe(true);
    const document = await problem(response);
    expect(document).toMatchObject({
      status: 504,
      type: 'urn:oss-append:problem:outcome-unknown',
      fate: 'unknown',
      receipts: [{ ...sent[0], repeat: true }],
    });
    expect(document['storeCode']).toBe(storeCode);
    expect(JSON.stringify([document, it.logged])).not.toContain('secret');
    it.read = undefined;
    expect((await it.post('/append/events', '"mine"', named('k'))).status).toBe(200);
  });
});

/** A sound commit of one record, with another id. */
const COMMIT =
  '{"$commit":{"v":1,"at":"2026-11-22T20:30:00.000Z","writer":"test","turn":{"roundTripMs":20,"more":0},"start":0,"records":1,"bytes":7,"crc64":"1","sources":[{"source":"http","ids":["other"],"ageMs":[0]}],"checkpoint":0}}';

function answerOf(text: string): ReadAnswer {
  return { bytes: Buffer.from(text), start: 0, length: text.length, crc64: null, type: null };
}
