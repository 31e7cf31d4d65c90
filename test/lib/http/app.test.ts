import { describe, expect, it } from 'vitest';
import { createHttpApp, NO_PLATFORM } from '../../../lib/http/app.ts';
import { StoreError } from '../../../lib/store/port.ts';
import { EVENTS, httpBench, JSON_TYPE, NDJSON_TYPE, problem, receipts } from './support.ts';

describe('POST /append to a raw target', () => {
  it('appends the body as it is, and tells where', async () => {
    const { post, store, text } = httpBench();
    expect(await receipts(await post('/append/notes/a/b.txt', 'one\r\n', { 'content-type': 'x/y' }))).toEqual(
      [{ object: 'notes/a/b.txt', start: 0, end: 5 }],
    );
    const second = await post('/append/notes/a/b.txt', '{two');
    expect(second.headers.get('etag')).toBe('"9"');
    expect(await receipts(second)).toEqual([{ object: 'notes/a/b.txt', start: 5, end: 9 }]);
    expect(await text('notes/a/b.txt')).toBe('one\r\n{two');
    expect(await store.head('notes/a/b.txt', { timeoutMs: 1000 })).toMatchObject({
      contentType: 'text/plain',
    });
  });

  it('decodes the path once', async () => {
    const { post } = httpBench();
    for (const [path, object] of [
      ['/append/notes/a%20b/%E6%97%A5', 'notes/a b/日'],
      ['/append/notes/a%2Fb', 'notes/a/b'],
      ['/append/n%6Ftes/a?b=c', 'notes/a'],
      ['/append/notes/50%25', 'notes/50%'],
    ] as const) {
      expect(await receipts(await post(path, 'x')), path).toMatchObject([{ object }]);
    }
  });

  it('has no room for an Idempotency-Key, and says so', async () => {
    const { post, appends } = httpBench();
    const response = await post('/append/notes/a', 'x', { 'idempotency-key': 'k' });
    expect(await problem(response)).toMatchObject({
      status: 400,
      type: 'urn:oss-append:problem:invalid-idempotency-key',
      detail: expect.stringContaining('use a log target'),
    });
    expect(appends).toEqual([]);
  });
});

describe('POST /append to a log', () => {
  it('takes a JSON document for one record, also an array', async () => {
    const { post, lines } = httpBench();
    const [receipt] = await receipts(await post('/append/events', '{"n":9007199254740993}', JSON_TYPE));
    expect(receipt).toMatchObject({ object: EVENTS, start: 0, source: 'http', record: 0, repeat: false });
    await post('/append/events/', '[1,\n 2]', {
      'content-type': 'Application/Vnd.Api+JSON; charset="UTF-8"',
    });
    expect(await lines(EVENTS)).toEqual(['{"n":9007199254740993}', '[1,2]']);
  });

  it.each(['application/x-ndjson', 'application/ndjson', 'application/jsonl; charset=utf8'])(
    'takes the lines of %s for records, in one append',
    async (type) => {
      const { post, lines, appends } = httpBench();
      const body = '{"n":1e400}\r\n\n  \n"two"\n3';
      const response = await post('/append/events', body, { 'content-type': type });
      expect((await receipts(response)).map(({ record }) => record)).toEqual([0, 1, 2]);
      expect(await lines(EVENTS)).toEqual(['{"n":1e400}', '"two"', '3']);
      expect(appends).toHaveLength(1);
    },
  );

  it('takes text for a string, and other bytes for bytes', async () => {
    const { post, lines } = httpBench();
    await post('/append/events', 'größer\n', { 'content-type': 'text/csv' });
    await post('/append/events', Uint8Array.of(0, 255), { 'content-type': 'application/octet-stream' });
    expect(await lines(EVENTS)).toEqual(['"größer\\n"', '{"$bytes":"AP8="}']);
  });

  it('takes fields of the key from the query', async () => {
    const { post, lines } = httpBench();
    await post('/append/tenants?tenant=acme%20inc&utm=x', '1', JSON_TYPE);
    expect(await lines('tenants/acme inc')).toEqual(['1']);
  });

  it('takes the field of the lane from the query', async () => {
    const { post, lines } = httpBench();
    await post('/append/laned?tenant=acme', '1', JSON_TYPE);
    expect(await lines('laned/02')).toEqual(['1']);
    expect(await problem(await post('/append/laned', '1', JSON_TYPE))).toMatchObject({
      status: 400,
      type: 'urn:oss-append:problem:invalid-key',
      detail: expect.stringContaining('tenant'),
    });
  });

  it('takes the same Idempotency-Key once, with or without quotes', async () => {
    const { post, lines } = httpBench();
    const first = await receipts(
      await post('/append/events', '1', { ...JSON_TYPE, 'idempotency-key': 'k-1' }),
    );
    const again = await post('/append/events', '1', { ...JSON_TYPE, 'idempotency-key': '"k-1"' });
    expect(first).toMatchObject([{ id: 'k-1', repeat: false }]);
    expect(await receipts(again)).toEqual([{ ...first[0], repeat: true }]);
    expect(await lines(EVENTS)).toEqual(['1']);
  });

  it('numbers the records of one Idempotency-Key', async () => {
    const { post, lines } = httpBench();
    const headers = { ...NDJSON_TYPE, 'idempotency-key': 'k' };
    expect(await receipts(await post('/append/events', '1\n2\n', headers))).toMatchObject([
      { id: 'k/0', repeat: false },
      { id: 'k/1', repeat: false },
    ]);
    expect(await receipts(await post('/append/events', '1\n2\n', headers))).toMatchObject([
      { id: 'k/0', repeat: true },
      { id: 'k/1', repeat: true },
    ]);
    expect(await lines(EVENTS)).toEqual(['1', '2']);
  });

  it('puts records where the time in their Idempotency-Key says', async () => {
    const { post, runtime } = httpBench();
    for (const body of ['1', '1\n2']) {
      const key = runtime.uuid(Date.UTC(2026, 0, 2, 3));
      const sent = await receipts(
        await post('/append/events', body, { ...NDJSON_TYPE, 'idempotency-key': key }),
      );
      for (const receipt of sent) expect(receipt).toMatchObject({ object: 'events/2026-01-02-03' });
    }
  });
});

describe('If-Match', () => {
  it('appends at that position only, and tells the present one otherwise', async () => {
    const { post, text, appends } = httpBench();
    expect((await post('/append/notes/a', 'one', { 'if-match': '"0"' })).headers.get('etag')).toBe('"3"');
    const response = await post('/append/notes/a', 'two', { 'if-match': '"0"' });
    expect(response.status).toBe(412);
    expect(response.headers.get('etag')).toBe('"3"');
    expect(await problem(response)).toMatchObject({
      type: 'urn:oss-append:problem:position-mismatch',
      title: 'Position mismatch',
      fate: 'not-in',
      position: 3,
    });
    expect((await post('/append/notes/a', 'two', { 'if-match': '"3"' })).status).toBe(200);
    expect(await text('notes/a')).toBe('onetwo');
    expect(appends.length).toBeLessThanOrEqual(3);
  });

  it.each(['3', '*', '"3", "4"', 'W/"3"', '"-1"', '"1.5"', '"99999999999999999999"', '""', 'x'])(
    'is refused when it is %s',
    async (condition) => {
      const { post, appends } = httpBench();
      const response = await post('/append/notes/a', 'x', { 'if-match': condition });
      expect(await problem(response)).toMatchObject({
        status: 400,
        type: 'urn:oss-append:problem:invalid-condition',
      });
      expect(appends).toEqual([]);
    },
  );

  it('is the only condition: If-None-Match is not passed over in silence', async () => {
    const { post, appends } = httpBench();
    const response = await post('/append/notes/a', 'x', { 'if-none-match': '*' });
    expect(await problem(response)).toMatchObject({
      status: 400,
      detail: expect.stringContaining('If-Match: "0"'),
    });
    expect(appends).toEqual([]);
  });

  it('is refused where records go to several objects', async () => {
    const { post, appends } = httpBench();
    const event = (id: string, time: string) => ({
      specversion: '1.0',
      id,
      source: 's',
      type: 't',
      time,
      data: 1,
    });
    const batch = [event('1', '2026-01-01T00:00:00Z'), event('2', '2026-01-01T01:00:00Z')];
    const response = await post('/append/events', JSON.stringify(batch), {
      'content-type': 'application/cloudevents-batch+json',
      'if-match': '"0"',
    });
    expect(await problem(response)).toMatchObject({
      status: 400,
      type: 'urn:oss-append:problem:invalid-condition',
    });
    expect(appends).toEqual([]);
  });
});

describe('an append that fails', () => {
  it('tells what became of the payload, what was tried, and when to try again', async () => {
    const it = httpBench();
    const failure = new StoreError('QosThing', 'no', { status: 503, requestId: 'oss-1', delayMs: 90_000 });
    it.intercept = () => ({ kind: 'failed', failure });
    const response = await it.post('/append/notes/a', 'secret');
    const document = await problem(response);
    expect(document).toMatchObject({
      status: 503,
      type: 'urn:oss-append:problem:not-appended',
      title: 'Not appended',
      fate: 'not-in',
      attempts: 1,
      positions: [0],
      object: 'notes/a',
      storeCode: 'QosThing',
      storeRequestId: 'oss-1',
    });
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(it.logged).toMatchObject([
      { level: 'error', event: 'append-failed', code: 'NotAppended', storeCode: 'QosThing' },
      { event: 'request', status: 503, code: 'NotAppended', target: 'notes' },
    ]);
    expect(JSON.stringify([document, it.logged])).not.toContain('secret');
  });

  it('tells which records are in when only some objects took theirs', async () => {
    const it = httpBench();
    const failure = new StoreError('AccessDenied', 'no', { status: 403 });
    it.intercept = (key) => (key.endsWith('-01') ? { kind: 'failed', failure } : undefined);
    const event = (id: string, hour: number) => ({
      specversion: '1.0',
      id,
      source: 's',
      type: 't',
      time: `2026-01-01T0${hour}:00:00Z`,
      data: id,
    });
    const response = await it.post('/append/events', JSON.stringify([event('a', 0), event('b', 1)]), {
      'content-type': 'application/cloudevents-batch+json',
    });
    expect(await problem(response)).toMatchObject({
      status: 502,
      type: 'urn:oss-append:problem:append-refused',
      receipts: [{ id: 'a', object: 'events/2026-01-01-00' }, null],
    });
  });

  it('that nobody foresaw says nothing of itself, and leaves its name and place in the log', async () => {
    const it = httpBench();
    const intake = { take: () => Promise.reject(new TypeError('secret')) };
    const app = createHttpApp({ ...it, intake, platform: NO_PLATFORM });
    const response = await app.request('/append/notes/a', { method: 'POST', body: 'x' });
    const document = await problem(response);
    expect(document).toEqual({
      type: 'urn:oss-append:problem:internal-error',
      title: 'Internal error',
      status: 500,
      fate: 'unknown',
    });
    expect(it.logged).toMatchObject([
      { event: 'append-failed', errorName: 'TypeError', at: expect.stringContaining('app.test.ts') },
      { event: 'request', status: 500, code: 'InternalError' },
    ]);
    expect(JSON.stringify(it.logged)).not.toContain('secret');
  });
});

describe('other requests', () => {
  it.each([
    ['PATCH', '/append/notes/a', 'GET, HEAD, POST'],
    ['PUT', '/append/events', 'GET, HEAD, POST'],
    ['DELETE', '/append/', 'GET, HEAD, POST'],
    ['OPTIONS', '/append/events', 'GET, HEAD, POST'],
    ['POST', '/', 'GET, HEAD'],
    ['PUT', '/health', 'GET, HEAD'],
  ])('%s %s is not allowed, and told what is', async (method, path, allow) => {
    const response = await httpBench().send(method, path);
    expect(response.headers.get('allow')).toBe(allow);
    expect(await problem(response)).toMatchObject({
      status: 405,
      type: 'urn:oss-append:problem:method-not-allowed',
    });
  });

  it('are not found where there is nothing', async () => {
    const { send } = httpBench();
    for (const path of ['/x', '/appendix/notes', '/Append/notes/a', '//append/notes/a']) {
      expect(await problem(await send('POST', path)), path).toMatchObject({
        status: 404,
        type: 'urn:oss-append:problem:not-found',
      });
    }
  });

  it('learn that the service runs', async () => {
    const { send } = httpBench();
    expect(await (await send('GET', '/health')).json()).toEqual({ status: 'ok' });
    expect(await (await send('GET', '/')).json()).toMatchObject({ service: 'oss-append' });
    expect((await send('HEAD', '/health')).status).toBe(200);
  });
});

describe('the log', () => {
  it('has one line a request, with nothing that the caller made up', async () => {
    const { post, logged } = httpBench();
    await post('/append/notes/my-path?token=my-token', 'my-body', { authorization: 'my-header' });
    await post('/append/my-target', 'x');
    await post('/my-route', 'x');
    expect(logged).toMatchObject([
      {
        event: 'request',
        method: 'POST',
        route: '/append/:target',
        target: 'notes',
        status: 200,
        ms: expect.any(Number),
      },
      { route: '/append/:target', status: 404, code: 'UnknownTarget' },
      { route: '*', status: 404, code: 'NotFound' },
    ]);
    expect(JSON.stringify(logged)).not.toContain('my-');
  });
});
