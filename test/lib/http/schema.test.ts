/** A log target with a schema, over HTTP. */
import { describe, expect, it } from 'vitest';
import { createHttpApp, NO_PLATFORM } from '../../../lib/http/app.ts';
import { bench } from '../intake/support.ts';
import { JSON_TYPE, NDJSON_TYPE, problem, receipts, withAccess } from './support.ts';

const schema = {
  type: 'object',
  required: ['order'],
  properties: { order: { type: 'integer' }, secret: { type: 'string', maxLength: 3 } },
  additionalProperties: { type: 'array', items: { type: 'integer' } },
} as const;
const CONFIG = {
  targets: {
    orders: { format: 'log', key: 'orders/x', schema },
    words: { format: 'log', key: 'words/x', schema: { type: 'string', pattern: '^a' } },
    events: {
      format: 'log',
      key: 'events/x',
      cloudEvents: 'event',
      schema: { required: ['type'], properties: { type: { const: 'order.made' } } },
    },
    trees: { format: 'log', key: 'trees/x', schema: { items: { $ref: '#' } } },
    none: { format: 'log', key: 'none/x', schema: false },
  },
} as const;

function app() {
  const it = withAccess(bench(CONFIG));
  const http = createHttpApp({ ...it, platform: NO_PLATFORM });
  const post = async (path: string, body: string, headers: Record<string, string> = JSON_TYPE) =>
    http.fetch(new Request(`http://append.example${path}`, { method: 'POST', body, headers }));
  return { ...it, post, logged: it.logged };
}

const EVENT = { specversion: '1.0', id: 'e-1', source: 'urn:shop', type: 'order.made' };

describe('a record that does not fit the schema of its target', () => {
  it('is refused with the place and the keyword, and nothing of its values', async () => {
    const { post, appends, logged } = app();
    const document = await problem(await post('/append/orders', '{"order":17,"secret":"s3cret","x":[1]}'));
    expect(document).toEqual({
      type: 'urn:oss-append:problem:schema-mismatch',
      title: 'Schema mismatch',
      status: 422,
      detail:
        'The record does not fit, and the target takes only what fits its schema. Correct the record, or the schema in append.config.ts.',
      fate: 'not-in',
      errors: [{ pointer: '/secret', keyword: 'maxLength' }],
    });
    expect(appends).toEqual([]);
    expect(logged).toMatchObject([{ status: 422, code: 'SchemaMismatch' }]);
  });

  it('is told by its place in the call, of which nothing is appended', async () => {
    const { post, appends, text } = app();
    const lines = ['{"order":1}', '{"order":2}', '{"order":"3"}', '{"order":"4"}'];
    const document = await problem(await post('/append/orders', lines.join('\n'), NDJSON_TYPE));
    expect(document).toMatchObject({
      status: 422,
      index: 2,
      errors: [{ pointer: '/order', keyword: 'type' }],
      detail: expect.stringMatching(/^Record 3 of 4: The record does not fit/),
    });
    expect(appends).toEqual([]);
    expect(
      await receipts(await post('/append/orders', '{"order":1}\n{"order":2}', NDJSON_TYPE)),
    ).toHaveLength(2);
    expect(await text('orders/x')).toMatch(/^\{"order":1\}\n\{"order":2\}\n\{"\$commit"/);
  });

  it('leaves neither values nor names of the payload in the log', async () => {
    const { post, logged } = app();
    await post('/append/orders', '{"order":1,"secret-name":["secret-value"]}');
    expect(logged).toHaveLength(1);
    expect(JSON.stringify(logged)).not.toContain('secret');
  });

  it.each([
    ['text', '/append/orders', 'hello', { 'content-type': 'text/plain' }, [{ pointer: '', keyword: 'type' }]],
    ['bytes', '/append/orders', '{"order":1}', { 'content-type': 'application/octet-stream' }, undefined],
    [
      'the data of an event',
      '/append/orders',
      JSON.stringify({ ...EVENT, data: { order: '1' } }),
      { 'content-type': 'application/cloudevents+json' },
      [{ pointer: '/order', keyword: 'type' }],
    ],
    [
      'an event as a whole',
      '/append/events',
      JSON.stringify({ ...EVENT, type: 'other', data: 1 }),
      { 'content-type': 'application/cloudevents+json' },
      [{ pointer: '/type', keyword: 'const' }],
    ],
    [
      'an event in headers, as a whole',
      '/append/events',
      '1',
      { ...JSON_TYPE, 'ce-specversion': '1.0', 'ce-id': 'e', 'ce-source': 'urn:a', 'ce-type': 'other' },
      [{ pointer: '/type', keyword: 'const' }],
    ],
    [
      'an object with a key of ours',
      '/append/orders',
      '{"$commit":{}}',
      JSON_TYPE,
      [{ pointer: '/order', keyword: 'required' }],
    ],
    [
      'a value nested deeper than can be followed',
      '/append/trees',
      `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
      JSON_TYPE,
      undefined,
    ],
    [
      'anything, where nothing fits',
      '/append/none',
      '1',
      JSON_TYPE,
      [{ pointer: '', keyword: 'false schema' }],
    ],
  ] as const)('can be %s', async (_what, path, body, headers, errors) => {
    const { post, appends } = app();
    const document = await problem(await post(path, body, headers));
    expect([document['status'], document['type'], document['errors']]).toEqual([
      422,
      'urn:oss-append:problem:schema-mismatch',
      errors,
    ]);
    expect(appends).toEqual([]);
  });

  it('is checked up to 1 MiB', async () => {
    const { post, appends } = app();
    const body = (length: number) => `{${' '.repeat(length - 11)}"order":1}`;
    const document = await problem(await post('/append/orders', body(1024 * 1024 + 1)));
    expect(document).toMatchObject({ status: 413, detail: expect.stringContaining('at most 1048576 bytes') });
    expect(appends).toEqual([]);
    expect((await post('/append/orders', body(1024 * 1024))).status).toBe(200);
  });

  it('is malformed first, if it is no JSON', async () => {
    expect(await problem(await app().post('/append/orders', '{"order":'))).toMatchObject({ status: 400 });
  });
});

describe('a record that fits the schema of its target', () => {
  it.each([
    ['JSON', '/append/orders', ' {"order" : 17 }', JSON_TYPE, '{"order" : 17 }'],
    ['text', '/append/words', 'abc', { 'content-type': 'text/plain' }, '"abc"'],
    [
      'the data of an event',
      '/append/orders',
      JSON.stringify({ ...EVENT, data: { order: 1 } }),
      { 'content-type': 'application/cloudevents+json' },
      '{"order":1}',
    ],
    [
      'an event as a whole',
      '/append/events',
      JSON.stringify(EVENT),
      { 'content-type': 'application/cloudevents+json' },
      JSON.stringify(EVENT),
    ],
    [
      'an object with a key of ours',
      '/append/orders',
      '{"order":1,"$record":[]}',
      JSON_TYPE,
      '{"$record":{"order":1,"$record":[]}}',
    ],
    [
      'a number that is nearest to one that fits',
      '/append/orders',
      '{"order":9007199254740993.0}',
      JSON_TYPE,
      '{"order":9007199254740993.0}',
    ],
  ] as const)('is appended as it came: %s', async (_what, path, body, headers, line) => {
    const { post, lines } = app();
    await receipts(await post(path, body, headers));
    expect(await lines(`${path.slice('/append/'.length)}/x`)).toEqual([line]);
  });
});
