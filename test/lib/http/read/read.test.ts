import { describe, expect, it } from 'vitest';
import { createHttpApp, NO_PLATFORM } from '../../../../lib/http/app.ts';
import { READ_BYTES_MAX } from '../../../../lib/http/read/answer.ts';
import { createRetirer } from '../../../../lib/retirer.ts';
import { StoreError } from '../../../../lib/store/port.ts';
import { entombLog } from '../../entomb.ts';
import { EVENTS, type HttpBench, httpBench, JSON_TYPE, problem } from '../support.ts';

const CALL = { timeoutMs: 1000 };

type Headers = Record<string, string>;

function readBench(): HttpBench & { get(path: string, headers?: Headers): Promise<Response> } {
  const it = httpBench();
  return Object.assign(it, {
    get: (path: string, headers: Headers = {}) => it.send('GET', path, { headers }),
  });
}

async function told(response: Response) {
  const header = (name: string) => response.headers.get(name);
  return [response.status, await response.text(), header('etag'), header('content-range')];
}

describe('GET /append of an object', () => {
  it('answers with its bytes, its type and its length for an ETag, as the append did', async () => {
    const { post, get } = readBench();
    const appended = await post('/append/notes/a%20b', 'größer');
    const response = await get('/append/notes/a%20b');
    expect(Object.fromEntries(response.headers)).toEqual({
      'content-type': 'text/plain',
      'content-length': '8',
      etag: appended.headers.get('etag'),
      'accept-ranges': 'bytes',
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
    });
    expect(await told(response)).toEqual([200, 'größer', '"8"', null]);
  });

  it('gives bytes that are no text as they are', async () => {
    const { store, get } = readBench();
    const bytes = Uint8Array.of(0, 255, 0xc3, 10, 0xef, 0xbb, 0xbf);
    await store.put('notes/a', bytes, CALL);
    expect(new Uint8Array(await (await get('/append/notes/a')).arrayBuffer())).toEqual(bytes);
  });

  it('is not found where nothing is', async () => {
    const { get, send } = readBench();
    for (const headers of [{}, { range: 'bytes=0-' }, { range: 'bytes=-1' }, { 'if-none-match': '"1"' }]) {
      expect(await problem(await get('/append/notes/a', headers))).toMatchObject({
        status: 404,
        type: 'urn:oss-append:problem:not-found',
        detail: expect.stringContaining('"notes/a"'),
      });
    }
    expect((await send('HEAD', '/append/notes/a')).status).toBe(404);
    expect(await problem(await get('/append/nobody'))).toMatchObject({
      type: 'urn:oss-append:problem:unknown-target',
    });
  });

  it('is for targets that are readable', async () => {
    const { post, get, send } = readBench();
    await post('/append/hidden/a', 'secret');
    const response = await get('/append/hidden/a');
    expect(response.status).toBe(403);
    expect(await response.text()).toMatch(/problem:forbidden.*readable: true/);
    expect((await send('HEAD', '/append/hidden/a')).status).toBe(403);
  });

  it('gives an empty object', async () => {
    const { store, get } = readBench();
    await store.put('notes/a', new Uint8Array(), CALL);
    expect(await told(await get('/append/notes/a'))).toEqual([200, '', '"0"', null]);
  });

  it('answers 304 as long as nothing was appended', async () => {
    const { post, get } = readBench();
    await post('/append/notes/a', 'one');
    for (const tag of ['"3"', 'W/"3"', '"2", "3"', '*']) {
      const response = await get('/append/notes/a', { 'if-none-match': tag });
      expect(await told(response), tag).toEqual([304, '', '"3"', null]);
    }
    await post('/append/notes/a', 'two');
    const response = await get('/append/notes/a', { 'if-none-match': '"3"' });
    expect(await told(response)).toEqual([200, 'onetwo', '"6"', null]);
  });

  it('does not pass over If-Match in silence', async () => {
    const { post, get } = readBench();
    await post('/append/notes/a', 'one');
    const response = await get('/append/notes/a', { 'if-match': '"3"' });
    expect(await problem(response)).toMatchObject({
      status: 400,
      type: 'urn:oss-append:problem:invalid-condition',
    });
  });
});

describe('Range', () => {
  it.each([
    ['bytes=0-0', 206, '0', 'bytes 0-0/10'],
    ['bytes=3-5', 206, '345', 'bytes 3-5/10'],
    ['bytes=8-', 206, '89', 'bytes 8-9/10'],
    ['bytes=8-99', 206, '89', 'bytes 8-9/10'],
    ['Bytes=-2', 206, '89', 'bytes 8-9/10'],
    ['bytes=-99', 206, '0123456789', 'bytes 0-9/10'],
    // Passed over, as RFC 9110 has it.
    ['bytes=5-4', 200, '0123456789', null],
    ['bytes=0-1,3-4', 200, '0123456789', null],
    ['records=0-1', 200, '0123456789', null],
    ['bytes=-', 200, '0123456789', null],
  ])('%s is answered with %i %s', async (range, status, bytes, contentRange) => {
    const { post, get } = readBench();
    await post('/append/notes/a', '0123456789');
    const response = await get('/append/notes/a', { range });
    expect(response.headers.get('content-length')).toBe(String(bytes.length));
    expect(await told(response)).toEqual([status, bytes, '"10"', contentRange]);
  });

  it.each(['bytes=10-', 'bytes=10-12', 'bytes=-0', `bytes=${'9'.repeat(30)}-`])(
    '%s is beyond the end, which is told',
    async (range) => {
      const { post, get } = readBench();
      await post('/append/notes/a', '0123456789');
      const response = await get('/append/notes/a', { range });
      expect(response.headers.get('content-range')).toBe('bytes */10');
      expect(await problem(response)).toMatchObject({
        status: 416,
        type: 'urn:oss-append:problem:range-not-satisfiable',
      });
    },
  );

  it('asks the store for positions that are exact, however far it begins', async () => {
    const { store, ...it } = readBench();
    await store.put('notes/a', Buffer.from('x'), CALL);
    const asked: unknown[] = [];
    const read: typeof store.read = (key, range, call) => {
      asked.push(...Object.values(range));
      return store.read(key, range, call);
    };
    const app = createHttpApp({ ...it, store: { head: store.head, read }, platform: NO_PLATFORM });
    for (const first of ['9007199254740993', '1e3', '1'.repeat(22), '9'.repeat(400)])
      await app.request('/append/notes/a', { headers: { range: `bytes=${first}-` } });
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.filter((position) => !Number.isSafeInteger(position))).toEqual([]);
  });

  it('is beyond the end of an empty object', async () => {
    const { store, get } = readBench();
    await store.put('notes/a', new Uint8Array(), CALL);
    for (const range of ['bytes=0-', 'bytes=-1']) {
      const response = await get('/append/notes/a', { range });
      expect([response.status, response.headers.get('content-range')]).toEqual([416, 'bytes */0']);
    }
  });

  it('counts only for the version that If-Range names', async () => {
    const { post, get } = readBench();
    await post('/append/notes/a', '0123');
    const part = { range: 'bytes=1-2', 'if-range': '"4"' };
    expect(await told(await get('/append/notes/a', part))).toEqual([206, '12', '"4"', 'bytes 1-2/4']);
    await post('/append/notes/a', '4');
    expect(await told(await get('/append/notes/a', part))).toEqual([200, '01234', '"5"', null]);
  });

  it('is needed for an object that one answer does not hold, and is cut to what it holds', async () => {
    const { store, get } = readBench();
    const bytes = Buffer.alloc(READ_BYTES_MAX + 10, 'x');
    await store.put('notes/a', bytes, CALL);
    expect(await problem(await get('/append/notes/a'))).toMatchObject({
      status: 413,
      type: 'urn:oss-append:problem:object-too-large',
      detail: expect.stringContaining(`Range: bytes=0-${READ_BYTES_MAX - 1}`),
    });
    const length = bytes.length;
    for (const [range, start, end] of [
      ['bytes=0-', 0, READ_BYTES_MAX],
      ['bytes=5-99999999', 5, READ_BYTES_MAX + 5],
      [`bytes=-${READ_BYTES_MAX + 3}`, 7, READ_BYTES_MAX + 7],
      [`bytes=${READ_BYTES_MAX}-`, READ_BYTES_MAX, length],
    ] as const) {
      const response = await get('/append/notes/a', { range });
      expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/${length}`);
      expect((await response.arrayBuffer()).byteLength).toBe(end - start);
    }
    await store.put('notes/b', bytes.subarray(10), CALL);
    expect((await get('/append/notes/b')).status).toBe(200);
  });
});

describe('HEAD /append', () => {
  it('tells the length, and reads nothing', async () => {
    const { post, send, store, ...it } = readBench();
    await post('/append/notes/a', '0123456789');
    const reads: string[] = [];
    const read = async (key: string) => {
      reads.push(key);
      return null;
    };
    const watched = { head: store.head, read };
    const app = createHttpApp({ ...it, store: watched, platform: NO_PLATFORM });
    const headers = { range: 'bytes=1-2' };
    const response = await app.request('/append/notes/a', { method: 'HEAD', headers });
    expect(await told(response)).toEqual([200, '', '"10"', null]);
    expect(response.headers.get('content-length')).toBe('10');
    expect(response.headers.get('content-type')).toBe('text/plain');
    const known = await send('HEAD', '/append/notes/a', { headers: { 'if-none-match': '"10"' } });
    expect(known.status).toBe(304);
    expect(reads).toEqual([]);
  });
});

describe('the object that is read', () => {
  it('is the one that an append would go to now, or at the time that is asked for', async () => {
    const it = readBench();
    await it.post('/append/events', '1', JSON_TYPE);
    const now = await (await it.get('/append/events')).text();
    expect(now).toBe(await it.text(EVENTS));
    it.nowMs += 3_600_000;
    expect((await it.get('/append/events')).status).toBe(404);
    for (const time of ['2026-11-22T20:59:59.9Z', '2026-11-23T04:10:00%2B08:00'])
      expect(await (await it.get(`/append/events?time=${time}`)).text(), time).toBe(now);
    await it.store.put('events/2026-01-02-00', Buffer.from('midnight'), CALL);
    expect(await (await it.get('/append/events?time=2026-01-02')).text()).toBe('midnight');
  });

  it.each([
    '/append/events?time=',
    '/append/events?time=now',
    '/append/events?time=2026-02-30',
    '/append/events?time=2026-11-22T20:00:00',
    '/append/events?time=2026-01-01&time=2026-01-02',
    '/append/events?segment=-1',
    '/append/events?segment=01',
    '/append/events?segment=1e3',
    '/append/events?segment=99999999999999999999',
    '/append/events/path',
    '/append/notes',
    '/append/notes/a?segment=1',
    '/append/notes/a%2F..%2Fb',
    '/append/tenants',
    '/append/tenants?tenant=a/b',
    '/append/own',
    '/append/own?lane=',
    '/append/own?lane=..',
    '/append/own?lane=a/b',
    '/append/laned',
    '/append/queued',
    '/append/queued?queue=a/b',
  ])('is not made up for %s', async (path) => {
    const { get } = readBench();
    expect(await problem(await get(path))).toMatchObject({
      status: 400,
      type: 'urn:oss-append:problem:invalid-key',
    });
  });

  it.each([
    ['/append/tenants?tenant=acme%20inc', 'tenants/acme inc'],
    ['/append/own?lane=test', 'own/test'],
    ['/append/laned?tenant=acme', 'laned/02'],
    ['/append/laned?lane=02', 'laned/02'],
    ['/append/queued?queue=orders', 'queued/orders'],
    ['/append/fielded?segment=east', 'fielded/east/x'],
    ['/append/whole?segment=0', 'whole/x'],
    ['/append/whole?segment=12', 'whole/x~00012'],
    ['/append/whole?time=2026-01-01&lane=x&utm=x', 'whole/x'],
  ])('is, of %s, %s', async (path, key) => {
    const { store, get } = readBench();
    await store.put(key, Buffer.from(key), CALL);
    const response = await get(path);
    expect(await response.text()).toBe(key);
    expect(response.headers.get('content-type')).toBe('application/x-ndjson');
  });
});

describe('a log that retention has removed', () => {
  it('is gone, whatever is asked of it, and says where it went; what came later is there', async () => {
    const it = readBench();
    await it.post('/append/events', '1', JSON_TYPE);
    const retirer = createRetirer({ store: it.store, runtime: it.runtime, writer: 'retirer' });
    await entombLog(it.store, retirer, EVENTS);
    for (const headers of [{}, { range: 'bytes=3-7' }, { range: 'bytes=-5' }, { 'if-none-match': '"1"' }]) {
      const document = await problem(await it.get('/append/events', headers));
      expect(document).toMatchObject({ status: 410, type: 'urn:oss-append:problem:gone' });
      expect(document['detail']).toContain('tables/rows/ (rows)');
    }
    expect((await it.send('HEAD', '/append/events')).status).toBe(410);
    await it.post('/append/events', '2', JSON_TYPE);
    expect(await (await it.get('/append/events?segment=1')).text()).toMatch(/^2\n/);
  });
});

describe('a read that fails', () => {
  it.each([
    [new StoreError('NoAnswer', 'secret'), 504, 'Try again.'],
    [new StoreError('ServiceUnavailable', 'secret', { status: 503, requestId: 'oss-1' }), 503, 'Try again.'],
    [new StoreError('AccessDenied', 'secret', { status: 403 }), 502, 'Grant oss:'],
  ])('with %s is told by its code, and logged', async (failure, status, advice) => {
    const it = readBench();
    const store = { head: () => Promise.reject(failure), read: () => Promise.reject(failure) };
    const app = createHttpApp({ ...it, store, platform: NO_PLATFORM });
    const document = await problem(await app.request('/append/notes/a'));
    expect(document).toMatchObject({
      status,
      type: 'urn:oss-append:problem:read-failed',
      detail: expect.stringContaining(advice),
      storeCode: failure.code,
    });
    expect(it.logged).toMatchObject([
      { level: 'error', event: 'read-failed', code: 'ReadFailed', storeCode: failure.code },
      { event: 'request', method: 'GET', target: 'notes', status, code: 'ReadFailed' },
    ]);
    expect(JSON.stringify([document, it.logged])).not.toContain('secret');
  });

  it('for want of time asks nothing of the store', async () => {
    const it = readBench();
    const call = () => ({ ...NO_PLATFORM.call({}), remainingMs: () => 200 });
    const app = createHttpApp({ ...it, platform: { ...NO_PLATFORM, call } });
    const response = await app.request('/append/notes/a');
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await problem(response)).toMatchObject({
      status: 503,
      type: 'urn:oss-append:problem:out-of-time',
    });
  });
});
