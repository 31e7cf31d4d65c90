/** Whatever a caller sends: an answer, nothing behind after a refusal, and after a success exactly what was sent. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EVENTS, type HttpBench, httpBench } from './support.ts';

const asciiByte = fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code));
const headerValue = fc.oneof(
  fc.string({ unit: asciiByte, maxLength: 20 }),
  fc.constantFrom(
    '',
    ' ',
    '"',
    '"0"',
    '0',
    '-1',
    '1e3',
    '*',
    ',',
    '""',
    'a/b',
    '\u00ff',
    'k',
    '9'.repeat(400),
    'x'.repeat(300),
  ),
);
const contentType = fc.oneof(
  headerValue,
  fc.constantFrom(
    'application/json',
    'application/x-ndjson',
    'application/problem+json;charset="utf-8"',
    'text/plain; charset=utf8',
    'text/plain; charset=latin1',
    'text/',
    'application/octet-stream',
    'application/cloudevents+json',
    'application/cloudevents-batch+json; charset=UTF-8',
    'application/cloudevents',
    'APPLICATION/JSON',
    'application/json, application/json',
    'application/+json',
  ),
);
const NAMES = [
  'idempotency-key',
  'producer-id',
  'producer-epoch',
  'producer-seq',
  'if-match',
  'if-none-match',
  'if-range',
  'range',
  'content-encoding',
  'authorization',
  'webhook-id',
  'x-hub-signature-256',
  'accept',
  'origin',
  'ce-id',
  'ce-source',
  'ce-type',
  'ce-specversion',
  'ce-time',
  'ce-x',
] as const;
const otherHeaders = fc.dictionary(fc.constantFrom(...NAMES), headerValue, { maxKeys: 3 });
const producer = fc.record({
  'producer-id': fc.constantFrom('p', 'q', ''),
  'producer-epoch': fc.constantFrom('0', '1', '-1', '01', '9007199254740991'),
  'producer-seq': fc.constantFrom('0', '1', '2', '9007199254740990', '9007199254740991', 'x'),
});
const binaryEvent = fc.record({
  'ce-specversion': fc.constantFrom('1.0', '0.3'),
  'ce-id': fc.oneof(headerValue, fc.constant('1')),
  'ce-source': fc.oneof(headerValue, fc.constant('/s')),
  'ce-type': fc.constantFrom('t', ''),
  'ce-time': fc.oneof(
    headerValue,
    fc.constant('2026-01-01T00:00:00Z'),
    fc.constant('0000-01-01T00:00:00+23:59'),
  ),
});
const headers = fc
  .tuple(
    fc.oneof(
      { weight: 1, arbitrary: fc.option(contentType, { nil: undefined }) },
      {
        weight: 3,
        arbitrary: fc.constantFrom(
          'application/json',
          'application/x-ndjson',
          'text/plain',
          'application/octet-stream',
        ),
      },
    ),
    fc.oneof({ weight: 1, arbitrary: otherHeaders }, { weight: 2, arbitrary: fc.constant({}) }),
    fc.oneof(
      { weight: 4, arbitrary: fc.constant({}) },
      { weight: 1, arbitrary: producer },
      { weight: 1, arbitrary: binaryEvent },
      { weight: 2, arbitrary: fc.constant({ 'idempotency-key': 'k' }) },
    ),
  )
  .map(([type, other, more]) => ({ ...(type !== undefined && { 'content-type': type }), ...other, ...more }));

const jsonish = fc.oneof(
  fc.json(),
  fc.string({ unit: fc.constantFrom(...'{}[]",:\\ \n0123-+.eEtrufalsn$') }),
  fc.constantFrom(
    '{"$commit":{"v":1}}',
    '{"$bytes":"AP8="}',
    '{"$record":1}',
    '{"\\u0024commit":1}',
    '{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"n":1.0}}',
    '{"specversion":"1.0","id":"1","source":"http","type":"t","data":1}',
    '[{"specversion":"1.0","id":"1","source":"s","type":"t","data":1}]',
    '1\n2\n\n3',
    '\ufeff1',
  ),
);
const body = fc.oneof(
  jsonish.map((text) => Uint8Array.from(Buffer.from(text))),
  fc.array(jsonish, { maxLength: 4 }).map((lines) => Uint8Array.from(Buffer.from(lines.join('\n')))),
  fc.uint8Array({ maxLength: 60 }),
);

const segment = fc.oneof(
  fc.constantFrom(
    'a',
    '..',
    '.',
    '',
    '%2e%2e',
    '%00',
    '%ff',
    '%',
    '%25',
    '~00001',
    '\\',
    'größer',
    '%ef%bc%8e',
    'x'.repeat(1100),
  ),
  fc.string({ unit: fc.constantFrom(...'ab.%/~-_ \\:'), maxLength: 6 }),
);
const target = fc.constantFrom(
  'notes',
  'events',
  'whole',
  'tenants',
  'own',
  'laned',
  'spread',
  'fielded',
  'short',
  'queued',
  'hidden',
  'nothing',
  'constructor',
  '__proto__',
);
const query = fc.oneof(
  fc.constantFrom(
    '',
    '?tenant=a',
    '?segment=1',
    '?tenant=..',
    '?lane=0',
    '?queue=q',
    '?time=2026-01-01',
    '?record=0:0',
    '?records=0',
    '?records=0:1',
    '?object=events/x',
    '?object=whole/x&record=0:0',
    '?%',
    '?a=%ff',
    '?tenant=a&tenant=b',
  ),
  fc.webQueryParameters().map((text) => `?${text}`),
);
const anyPath = fc
  .tuple(target, fc.array(segment, { maxLength: 3 }), query)
  .map(([name, segments, search]) => [`/append/${[name, ...segments].join('/')}`, search] as const);
/** Mostly such as there are, so that much of what is sent is taken. */
const path = fc.oneof(
  { weight: 1, arbitrary: anyPath },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      ...(['events', 'whole', 'own', 'spread', 'short', 'notes/a', 'notes/a%2Fb'] as const).map(
        (name) => [`/append/${name}`, ''] as const,
      ),
      ...(['tenants', 'laned'] as const).map((name) => [`/append/${name}`, '?tenant=a'] as const),
    ),
  },
);

const KINDS = [200, 206, 304, 400, 401, 403, 404, 405, 409, 412, 413, 415, 416, 422];

/** The path as it was sent is kept from the request, as by a platform. */
async function sent(
  it: HttpBench,
  method: string,
  [rawPath, search]: readonly [string, string],
  init: RequestInit,
) {
  const safe = encodeURI(`http://append.example${rawPath}${search}`).replace(/%25/g, '%');
  return URL.canParse(safe) ? it.send(method, safe.slice('http://append.example'.length), init) : null;
}

async function everything({ store, appends }: HttpBench): Promise<string> {
  const keys = [...new Set(appends)].sort();
  const bytes = await Promise.all(
    keys.map((key) => store.read(key, { start: 0, end: 1e9 }, { timeoutMs: 1000 })),
  );
  return JSON.stringify(keys.map((key, n) => [key, Buffer.from(bytes[n]?.bytes ?? []).toString('latin1')]));
}

/** Reads every record of a success back by its receipt, beside what was sent as it is. */
async function assertReadsBack(
  it: HttpBench,
  target: string,
  { type = '', body }: { readonly type: string | undefined; readonly body: Uint8Array },
  receipts: readonly Record<string, unknown>[],
) {
  const read: Buffer[] = [];
  for (const { object, start, end, record } of receipts) {
    if (start === null) return;
    const search = new URLSearchParams({ object: `${object}` });
    const headers: Record<string, string> = {};
    if (record === undefined) headers['range'] = `bytes=${start}-${Number(end) - 1}`;
    else search.set('record', `${start}:${record}`);
    const response = await it.send('GET', `/append/${target}?${search}`, { headers });
    expect(response.status).toBe(record === undefined ? 206 : 200);
    read.push(Buffer.from(await response.arrayBuffer()));
  }
  const sent = Buffer.from(body);
  const lines = (text: Buffer) =>
    text
      .toString()
      .split('\n')
      .map((line) => line.trim());
  if (receipts[0]?.['record'] === undefined || type === 'application/octet-stream')
    expect(read).toEqual([sent]);
  else if (type === 'text/plain')
    expect(read.map((text) => JSON.parse(text.toString()))).toEqual([new TextDecoder().decode(sent)]);
  else if (type === 'application/x-ndjson')
    expect(read.map(String)).toEqual(
      lines(sent)
        .filter((line) => line !== '')
        .map((line) => line.replace(/^\ufeff/, '').trim()),
    );
  else if (type === 'application/json')
    expect(JSON.parse(read.join(''))).toEqual(JSON.parse(new TextDecoder().decode(sent)));
  else expect(read.length).toBe(receipts.length);
}

describe('whatever is sent to a target', () => {
  it('is answered, leaves nothing if it is refused, and is read back if it is taken', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(path, headers, body), { minLength: 1, maxLength: 4 }),
        async (calls) => {
          const it = httpBench();
          for (const [where, sentHeaders, bytes] of calls) {
            const before = await everything(it);
            const response = await sent(it, 'POST', where, { headers: sentHeaders, body: bytes });
            if (response === null) continue;
            const text = await response.text();
            expect(KINDS, text).toContain(response.status);
            const answer = JSON.parse(text);
            if (response.status !== 200) {
              expect(answer).toMatchObject({ status: response.status, fate: 'not-in' });
              expect(answer.detail).toMatch(/\.$/);
              expect(await everything(it)).toBe(before);
            } else {
              const [, , name = ''] = where[0].split('/');
              const isEvent = 'ce-id' in sentHeaders || name === 'hidden';
              const type = isEvent ? 'an event' : sentHeaders['content-type'];
              if (name !== 'hidden') await assertReadsBack(it, name, { type, body: bytes }, answer.receipts);
            }
          }
          expect(it.logged.filter(({ level }) => level === 'error')).toEqual([]);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('is answered when it reads, too, and changes nothing', async () => {
    const it = httpBench();
    await it.post('/append/events', '1\n2\n', { 'content-type': 'application/x-ndjson' });
    await it.post('/append/notes/a', 'x');
    const before = await everything(it);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('GET', 'HEAD'), path, headers, async (method, where, sentHeaders) => {
        const response = await sent(it, method, where, { headers: sentHeaders });
        if (response !== null) expect(KINDS, await response.text()).toContain(response.status);
      }),
      { numRuns: 1000 },
    );
    expect(await everything(it)).toBe(before);
    expect(before).toContain(EVENTS);
  });

  it('is a method that is known, or refused', async () => {
    const it = httpBench();
    for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'get', 'POSTS', 'M-SEARCH']) {
      const response = await it.send(method, '/append/events', {});
      expect([method, response.status]).toEqual([method, method === 'get' ? 404 : 405]);
    }
  });
});
