import { describe, expect, it } from 'vitest';
import { BODY_BYTES_MAX } from '../../../lib/http/body.ts';
import { httpBench, JSON_TYPE, NDJSON_TYPE, problem, receipts } from './support.ts';

describe('a bad append leaves nothing behind, and is told what is wrong:', () => {
  const text = (length: number) => 'x'.repeat(length);

  it.each([
    ['an unknown target', '/append/nothing', '1', JSON_TYPE, 404, 'unknown-target'],
    ['no target', '/append/', '1', JSON_TYPE, 404, 'unknown-target'],
    ['a name that every object has', '/append/constructor', '1', JSON_TYPE, 404, 'unknown-target'],
    ['a path that a target does not take', '/append/events/a', '1', JSON_TYPE, 400, 'invalid-key'],
    ['no path where one is needed', '/append/notes', 'x', {}, 400, 'invalid-key'],
    ['only a slash for a path', '/append/notes/', 'x', {}, 400, 'invalid-key'],
    ['an empty segment', '/append/notes/a//b', 'x', {}, 400, 'invalid-key'],
    ['a path that climbs', '/append/notes/..%2Fevents%2Fa', 'x', {}, 400, 'invalid-key'],
    ['a path that climbs, encoded twice', '/append/notes/%252e%252e/a', 'x', {}, 400, 'invalid-key'],
    ['a path with a backslash', '/append/notes/..%5Ca', 'x', {}, 400, 'invalid-key'],
    ['a path with a NUL', '/append/notes/a%00', 'x', {}, 400, 'invalid-key'],
    ['a path that is not UTF-8', '/append/notes/%ff', 'x', {}, 400, 'invalid-key'],
    ['a path that is too long', `/append/notes/${text(1018)}`, 'x', {}, 400, 'invalid-key'],
    ['a target from a queue', '/append/queued', '1', JSON_TYPE, 400, 'invalid-key'],
    ['a field that is missing', '/append/tenants', '1', JSON_TYPE, 400, 'invalid-key'],
    ['a field that comes twice', '/append/tenants?tenant=a&tenant=b', '1', JSON_TYPE, 400, 'invalid-key'],
    ['a field that climbs', '/append/tenants?tenant=..', '1', JSON_TYPE, 400, 'invalid-key'],
    ['a field with a slash', '/append/tenants?tenant=a%2Fb', '1', JSON_TYPE, 400, 'invalid-key'],
    ['an empty body', '/append/notes/a', '', {}, 400, 'empty-payload'],
    ['an empty record', '/append/events', '', JSON_TYPE, 400, 'empty-payload'],
    ['no lines', '/append/events', ' \n\r\n', NDJSON_TYPE, 400, 'empty-payload'],
    ['malformed JSON', '/append/events', '{"a":', JSON_TYPE, 400, 'malformed-payload'],
    ['two JSON documents', '/append/events', '1\n2', JSON_TYPE, 400, 'malformed-payload'],
    ['one bad line among good ones', '/append/events', '1\n{\n3', NDJSON_TYPE, 400, 'malformed-payload'],
    [
      'JSON that is not UTF-8',
      '/append/events',
      Uint8Array.of(0x22, 0xff, 0x22),
      JSON_TYPE,
      400,
      'malformed-payload',
    ],
    [
      'text that is not UTF-8',
      '/append/events',
      Uint8Array.of(0xff),
      { 'content-type': 'text/plain' },
      400,
      'malformed-payload',
    ],
    [
      'another charset',
      '/append/events',
      '1',
      { 'content-type': 'application/json; charset=utf-16' },
      415,
      'unsupported-media-type',
    ],
    [
      'another type',
      '/append/events',
      'a=1',
      { 'content-type': 'application/x-www-form-urlencoded' },
      415,
      'unsupported-media-type',
    ],
    [
      'two types',
      '/append/events',
      '1',
      { 'content-type': 'application/json, text/plain' },
      415,
      'unsupported-media-type',
    ],
    ['no type', '/append/events', Uint8Array.of(0x31), {}, 415, 'unsupported-media-type'],
    [
      'a compressed body',
      '/append/events',
      '1',
      { ...JSON_TYPE, 'content-encoding': 'gzip' },
      415,
      'unsupported-media-type',
    ],
    [
      'an empty Idempotency-Key',
      '/append/events',
      '1',
      { ...JSON_TYPE, 'idempotency-key': '""' },
      400,
      'invalid-idempotency-key',
    ],
    [
      'a long Idempotency-Key',
      '/append/events',
      '1',
      { ...JSON_TYPE, 'idempotency-key': text(201) },
      400,
      'invalid-idempotency-key',
    ],
    [
      'an Idempotency-Key that numbers itself',
      '/append/events',
      '1',
      { ...JSON_TYPE, 'idempotency-key': 'a/0' },
      400,
      'invalid-idempotency-key',
    ],
    [
      'an Idempotency-Key with a space',
      '/append/events',
      '1',
      { ...JSON_TYPE, 'idempotency-key': 'a b' },
      400,
      'invalid-idempotency-key',
    ],
    ['too many records', '/append/events', '1\n'.repeat(10_001), NDJSON_TYPE, 413, 'payload-too-large'],
  ] as const)('%s', async (_what, path, body, headers, status, type) => {
    const { post, appends } = httpBench();
    const document = await problem(await post(path, body, headers));
    expect(document).toMatchObject({ status, type: `urn:oss-append:problem:${type}`, fate: 'not-in' });
    expect(document['detail']).toMatch(/\.$/);
    expect(appends).toEqual([]);
  });

  it('a body over the limit, by its announced length', async () => {
    const { post, appends } = httpBench();
    const response = await post('/append/notes/a', 'x', { 'content-length': String(BODY_BYTES_MAX + 1) });
    expect(await problem(response)).toMatchObject({
      status: 413,
      type: 'urn:oss-append:problem:payload-too-large',
    });
    expect(appends).toEqual([]);
  });

  it('a body over the limit that announces nothing, as soon as it passes the limit', async () => {
    const { send, appends } = httpBench();
    let pulled = 0;
    let cancelled = false;
    const body = new ReadableStream({
      pull(controller) {
        pulled++;
        controller.enqueue(new Uint8Array(1024 * 1024));
        if (pulled === 64) controller.close();
      },
      cancel() {
        cancelled = true;
      },
    });
    const init: RequestInit & { duplex: 'half' } = { body, duplex: 'half' };
    expect((await send('POST', '/append/notes/a', init)).status).toBe(413);
    expect(pulled).toBeLessThan(40);
    expect(cancelled).toBe(true);
    expect(appends).toEqual([]);
  });

  it('a body that breaks off', async () => {
    const { send, appends } = httpBench();
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(Uint8Array.of(1));
        controller.error(new Error('reset'));
      },
    });
    const init: RequestInit & { duplex: 'half' } = { body, duplex: 'half' };
    expect(await problem(await send('POST', '/append/notes/a', init))).toMatchObject({ status: 400 });
    expect(appends).toEqual([]);
  });

  it('names what a log takes when the type is not among it', async () => {
    const { post } = httpBench();
    const response = await post('/append/events', '<a/>', { 'content-type': 'application/xml' });
    expect(response.headers.get('accept')).toContain('application/x-ndjson');
    expect(await problem(response)).toMatchObject({
      detail: expect.stringContaining('application/x-ndjson'),
    });
  });

  it('says which line of several is bad, and never what is in it', async () => {
    const { post, logged } = httpBench();
    const response = await post('/append/events', '1\n{"secret"\n3', NDJSON_TYPE);
    const document = await problem(response);
    expect(document['detail']).toMatch(/^Record 2 of 3: /);
    expect(JSON.stringify([document, logged])).not.toContain('secret');
  });
});

describe('a body of the limit', () => {
  it('is taken whole', async () => {
    const { post } = httpBench();
    const response = await post('/append/notes/a', new Uint8Array(BODY_BYTES_MAX));
    expect(await receipts(response)).toMatchObject([{ start: 0, end: BODY_BYTES_MAX }]);
  });
});
