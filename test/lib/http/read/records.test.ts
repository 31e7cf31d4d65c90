import { describe, expect, it } from 'vitest';
import { createHttpApp, NO_PLATFORM } from '../../../../lib/http/app.ts';
import { READ_BYTES_MAX } from '../../../../lib/http/read/answer.ts';
import { EVENTS, httpBench, JSON_TYPE, NDJSON_TYPE, problem, receipts } from '../support.ts';
import { nextOf, pages } from './pages.ts';

const BYTES_TYPE = { 'content-type': 'application/octet-stream' };
const TEXT_TYPE = { 'content-type': 'text/plain' };

interface Place {
  readonly object: string;
  readonly start: number;
  readonly record: number;
}

/** Where a receipt leads to. */
const pathOf = (target: string, { object, start, record }: Place) =>
  `/append/${target}?${new URLSearchParams({ object, record: `${start}:${record}` })}`;

const placesOf = async (response: Response) => (await receipts(response)) as unknown as Place[];

describe('a record', () => {
  it.each([
    ['JSON', JSON_TYPE, '{"n": 9007199254740993.10, "n":1e400,"s":"\\u00e9\\ud800"}'],
    ['JSON with a key of ours', JSON_TYPE, '{"$commit":{"v":1}}'],
    ['JSON that looks like bytes', JSON_TYPE, '{"$bytes":"AP8="}'],
    ['JSON that looks like a record of ours', JSON_TYPE, '{"$record":{"$record":1}}'],
    ['bytes', BYTES_TYPE, '\u0000\n\r"größer'],
  ])('is what came in, of %s', async (_, type, body) => {
    const { post, send } = httpBench();
    const [place] = await placesOf(await post('/append/events', body, type));
    const response = await send('GET', pathOf('events', place as Place));
    expect(await response.text()).toBe(body);
    expect(Object.fromEntries(response.headers)).toEqual({
      'content-type': type === BYTES_TYPE ? 'application/octet-stream' : 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      etag: expect.stringMatching(/^"\d+:0"$/),
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
    });
  });

  it('of text is a JSON string', async () => {
    const { post, send } = httpBench();
    const [place] = await placesOf(await post('/append/events', 'a "größer"\n', TEXT_TYPE));
    const response = await send('GET', pathOf('events', place as Place));
    expect(await response.json()).toBe('a "größer"\n');
  });

  it('is found by the path, the time and the segment, too', async () => {
    const { post, send, ...it } = httpBench();
    const [{ start = 0 } = {}] = await placesOf(await post('/append/events', '1', JSON_TYPE));
    it.nowMs += 3_600_000;
    const query = `time=2026-11-22T20:00:00Z&segment=0&record=${start}:0`;
    expect(await (await send('GET', `/append/events?${query}`)).text()).toBe('1');
  });

  it('stays the same, as its ETag does', async () => {
    const { post, send } = httpBench();
    const [place] = await placesOf(await post('/append/events', '1\n2\n', NDJSON_TYPE));
    const path = pathOf('events', { ...(place as Place), record: 1 });
    const etag = (await send('GET', path)).headers.get('etag') ?? '';
    await post('/append/events', '3', JSON_TYPE);
    const again = await send('GET', path, { headers: { 'if-none-match': etag } });
    expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag]);
    const head = await send('HEAD', path);
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '1', '']);
    const other = await send('GET', pathOf('events', place as Place), { headers: { 'if-none-match': etag } });
    expect(await other.text()).toBe('1');
  });

  it('is not found where none is', async () => {
    const { post, send, store } = httpBench();
    const [place] = await placesOf(await post('/append/events', '1\n2\n', NDJSON_TYPE));
    await post('/append/events', '3', JSON_TYPE);
    await store.append(
      EVENTS,
      (await store.head(EVENTS, { timeoutMs: 1 }))?.length ?? 0,
      Buffer.from('{}\n'),
      {
        timeoutMs: 1,
      },
    );
    const start = (place as Place).start;
    for (const record of ['0:2', '1:0', '2:0', '3:0', '99999:0', `${start}:999999999`]) {
      const response = await send('GET', `/append/events?record=${record}`);
      expect(await problem(response), record).toMatchObject({
        status: 404,
        type: 'urn:oss-append:problem:not-found',
        detail: expect.stringContaining(`There is no record ${record} in "${EVENTS}"`),
      });
    }
    expect((await send('GET', '/append/whole?record=0:0')).status).toBe(404);
  });

  it('of an append that takes several requests is had too, up to what an answer holds', async () => {
    const { post, send } = httpBench();
    const fits = JSON.stringify('x'.repeat(READ_BYTES_MAX - 2));
    const body = `1\n${fits}\n"${fits.slice(1)}`.replace(/"$/, 'y"\n4\n');
    const places = await placesOf(await post('/append/events', body, NDJSON_TYPE));
    const [one, whole, longer, last] = await Promise.all(
      places.map((place) => send('GET', pathOf('events', place))),
    );
    expect(await one?.text()).toBe('1');
    expect((await whole?.text()) === fits).toBe(true);
    expect(await last?.text()).toBe('4');
    expect(await problem(longer as Response)).toMatchObject({
      status: 413,
      type: 'urn:oss-append:problem:object-too-large',
      detail: expect.stringMatching(
        /The record 0:2 takes 8388609 bytes.*bytes=0-\d+, and go on with records=0:3/,
      ),
    });
  });
});

describe('the records from a place on', () => {
  it('are their data lines, without commits, checkpoints and bytes of others', async () => {
    const { post, send, store } = httpBench();
    await store.append(EVENTS, 0, Buffer.from('{"other":1}\ntorn'), { timeoutMs: 1000 });
    const [first] = await placesOf(await post('/append/events', '1\n {"$record":2}\n', NDJSON_TYPE));
    await post('/append/events', Uint8Array.of(0, 255), BYTES_TYPE);
    const response = await send('GET', '/append/events?records=0');
    expect(await response.text()).toBe('1\n{"$record":{"$record":2}}\n{"$bytes":"AP8="}\n');
    const { length = 0 } = (await store.head(EVENTS, { timeoutMs: 1000 })) ?? {};
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/x-ndjson',
      etag: `"${length}"`,
      link: `</append/events?object=${encodeURIComponent(EVENTS)}&records=${length}%3A0>; rel="next"`,
    });
    const rest = await send('GET', `/append/events?records=${first?.start}:1`);
    expect(await rest.text()).toBe('{"$record":{"$record":2}}\n{"$bytes":"AP8="}\n');
  });

  it('go on as the log grows', async () => {
    const { post, send } = httpBench();
    await post('/append/events', '1', JSON_TYPE);
    const first = await send('GET', '/append/events?records=0');
    const empty = await send('GET', nextOf(first));
    expect([empty.status, await empty.text(), nextOf(empty)]).toEqual([200, '', nextOf(first)]);
    const etag = empty.headers.get('etag') ?? '';
    const init = { headers: { 'if-none-match': etag } };
    expect((await send('GET', nextOf(empty), init)).status).toBe(304);
    await post('/append/events', '2', JSON_TYPE);
    expect(await (await send('GET', nextOf(empty), init)).text()).toBe('2\n');
  });

  it('are not told by HEAD, but their ETag is', async () => {
    const { post, send } = httpBench();
    const appended = await post('/append/events', '1', JSON_TYPE);
    const head = await send('HEAD', '/append/events?records=0');
    expect([head.status, head.headers.get('etag'), await head.text()]).toEqual([
      200,
      appended.headers.get('etag'),
      '',
    ]);
    expect((await send('HEAD', '/append/whole?records=0')).status).toBe(404);
  });

  it('begin within the object', async () => {
    const { post, send } = httpBench();
    await post('/append/events', '1', JSON_TYPE);
    const { length } = await (await send('GET', '/append/events')).text();
    expect((await send('GET', `/append/events?records=${length}`)).status).toBe(200);
    const response = await send('GET', `/append/events?records=${length + 1}`);
    expect(response.headers.get('content-range')).toBe(`bytes */${length}`);
    expect(await problem(response)).toMatchObject({ status: 416 });
    expect((await send('GET', '/append/whole?records=0')).status).toBe(404);
  });

  it('come in answers of what one holds, cut between records, also within an append', async () => {
    const it = httpBench();
    const line = (n: number) => JSON.stringify(`${n}`.padEnd(3_000_000, 'x'));
    const body = Array.from({ length: 6 }, (_, n) => `${line(n)}\n`).join('');
    await it.post('/append/events', body, NDJSON_TYPE);
    await it.post('/append/events', '"last"', JSON_TYPE);
    const found = await pages(it, '/append/events?records=0:1');
    expect(found.join('')).toBe(`${body.slice(3_000_003)}"last"\n`);
    expect(found.map((page) => page.length <= READ_BYTES_MAX)).toEqual(found.map(() => true));
    expect(found.length).toBeGreaterThan(2);
  });

  it('are told where one is longer than that, and go on after it', async () => {
    const { post, send } = httpBench();
    const long = `"${'x'.repeat(READ_BYTES_MAX)}"`;
    await post('/append/events', `1\n${long}\n3\n`, NDJSON_TYPE);
    const first = await send('GET', '/append/events?records=0');
    expect(await first.text()).toBe('1\n');
    expect(await problem(await send('GET', nextOf(first)))).toMatchObject({
      status: 413,
      detail: expect.stringContaining('go on with records=0:2'),
    });
    expect(await (await send('GET', '/append/events?records=0:2')).text()).toBe('3\n');
  });

  it('go on in the next segment, also for whoever has read all of this one', async () => {
    const it = httpBench();
    const all = [];
    for (let n = 0; n < 12; n++)
      all.push(...(await placesOf(await it.post('/append/short', `"${'x'.repeat(200)}${n}"`, JSON_TYPE))));
    const found = await pages(it, '/append/short?records=0');
    expect(found.length).toBeGreaterThan(2);
    expect(found.join('').match(/\d+(?="\n)/g)).toEqual(all.map((_, n) => `${n}`));
    const closing = all.findLast(({ object }) => object === 'short/x') as Place & { end: number };
    expect((await pages(it, `/append/short?records=${closing.end}`)).join('')).toBe(found.slice(1).join(''));
    const later = all.at(-1) as Place;
    expect(later.object).toMatch(/~\d{5}$/);
    expect(await (await it.send('GET', pathOf('short', later))).text()).toContain('11"');
  });
});

describe('what asks for records', () => {
  it.each([
    '/append/events?record=',
    '/append/events?record=0',
    '/append/events?record=-1:0',
    '/append/events?record=00:0',
    '/append/events?record=0:01',
    '/append/events?record=0:0:0',
    '/append/events?record=9007199254740993:0',
    '/append/events?record=1e3:0',
    '/append/events?record=0:0&record=0:1',
    '/append/events?record=0:0&records=0',
    '/append/events?records=',
    '/append/events?records=all',
    '/append/events?records=0:',
    '/append/notes/a?record=0:0',
    '/append/notes/a?records=0',
    '/append/events?object=',
    '/append/events?object=events/',
    '/append/events?object=whole/x&record=0:0',
    '/append/events?object=events/../whole/x&record=0:0',
    '/append/events?object=events/%252e%252e/whole/x&record=0:0',
    '/append/events?object=events/a%00&record=0:0',
    '/append/events?object=events/a&segment=1',
    '/append/events?object=events/a&time=2026-01-01',
    '/append/whole?object=whole/xy&record=0:0',
    '/append/notes/a?object=notes/a',
  ])('is refused, of %s', async (path) => {
    const { send } = httpBench();
    expect(await problem(await send('GET', path))).toMatchObject({
      status: 400,
      type: 'urn:oss-append:problem:invalid-key',
    });
  });

  it('takes no If-Match', async () => {
    const { post, send } = httpBench();
    await post('/append/events', '1', JSON_TYPE);
    for (const query of ['record=0:0', 'records=0'])
      expect((await send('GET', `/append/events?${query}`, { headers: { 'if-match': '"1"' } })).status).toBe(
        400,
      );
  });

  it('asks nothing of the store once the time is up', async () => {
    const it = httpBench();
    const call = () => ({ ...NO_PLATFORM.call({}), remainingMs: () => 200 });
    const store = { head: () => Promise.reject(new Error()), read: () => Promise.reject(new Error()) };
    const app = createHttpApp({ ...it, store, platform: { ...NO_PLATFORM, call } });
    for (const query of ['record=0:0', 'records=0'])
      expect((await app.request(`/append/events?${query}`)).status).toBe(503);
  });

  it('leaves a parameter to the target that has a field of its name', async () => {
    const { store, send } = httpBench();
    await store.put('objects/o/r', Buffer.from('bytes'), { timeoutMs: 1000 });
    expect(await (await send('GET', '/append/objects?object=o&records=r')).text()).toBe('bytes');
  });

  it('takes objects of raw targets by their keys, too', async () => {
    const { post, send } = httpBench();
    await post('/append/notes/a~00001', 'x');
    expect(await (await send('GET', '/append/notes?object=notes/a~00001')).text()).toBe('x');
  });
});
