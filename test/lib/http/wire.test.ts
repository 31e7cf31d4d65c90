/** The web function's server, with bytes on its socket that no client library would send. */
import { once } from 'node:events';
import { connect } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { credentialHolder } from '../../../lib/credentials.ts';
import { createHttpApp } from '../../../lib/http/app.ts';
import { startWebServer, webPlatform } from '../../../lib/http/web.ts';
import { bench } from '../intake/support.ts';
import { CONFIG, withAccess } from './support.ts';

async function listening() {
  const it = withAccess(bench(CONFIG));
  const app = createHttpApp({ ...it, platform: webPlatform(it.runtime, credentialHolder()) });
  const server = await startWebServer({ fetch: app.fetch, port: 0 });
  onTestFinished(() => server.close());

  /** All that is answered on one connection, on which this is all that is sent. */
  async function exchange(bytes: string | Uint8Array): Promise<string> {
    const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    // The server may have hung up before all was sent.
    socket.on('error', () => {});
    socket.end(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    await once(socket, 'close');
    return Buffer.concat(chunks).toString('latin1');
  }
  const statuses = (answer: string) =>
    [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)]
      .map(([, status]) => Number(status))
      .filter((status) => status !== 100);
  return { ...it, exchange, statuses };
}

const KEYS = ['Host: a.example', 'x-fc-access-key-id: id', 'x-fc-access-key-secret: secret'];

/** A request with a body of `body` unless `headers` say otherwise. */
function request(
  {
    path = '/append/notes/a',
    method = 'POST',
    version = 'HTTP/1.1',
    headers = [] as string[],
    end = '\r\n',
  } = {},
  body = 'x',
): string {
  const told = headers.some((header) => /^(content-length|transfer-encoding)/i.test(header));
  const length = told ? [] : [`Content-Length: ${Buffer.byteLength(body, 'latin1')}`];
  return [`${method} ${path} ${version}`, ...KEYS, ...length, ...headers, '', ''].join(end) + body;
}

const CHUNKED = 'Transfer-Encoding: chunked';
const SMUGGLED = request({ path: '/append/notes/smuggled' }, 'stolen');

describe('a request whose end is told in two ways', () => {
  it.each([
    ['a length and chunks', [CHUNKED, 'Content-Length: 5'], `0\r\n\r\n${SMUGGLED}`],
    [
      'a length that covers another request, and chunks',
      ['Content-Length: 4', CHUNKED],
      `1\r\nx\r\n0\r\n\r\n${SMUGGLED}`,
    ],
    ['two lengths', ['Content-Length: 1', 'Content-Length: 200'], `x${SMUGGLED}`],
    ['two lengths in one', ['Content-Length: 1, 200'], `x${SMUGGLED}`],
    ['the same length twice in one', ['Content-Length: 1, 1'], `x${SMUGGLED}`],
    ['a length with a sign', ['Content-Length: +1'], `x${SMUGGLED}`],
    ['a length below nothing', ['Content-Length: -1'], `x${SMUGGLED}`],
    ['a length in hexadecimal', ['Content-Length: 0x1'], `x${SMUGGLED}`],
    ['a length that is no number', ['Content-Length: one'], `x${SMUGGLED}`],
    ['a length beyond all', ['Content-Length: 99999999999999999999999999'], `x${SMUGGLED}`],
    ['a length with a space in its name', ['Content-Length : 1'], `x${SMUGGLED}`],
    ['chunks with a space in the name', ['Transfer-Encoding : chunked', 'Content-Length: 1'], `x${SMUGGLED}`],
    ['an encoding that is not known', ['Transfer-Encoding: xchunked'], `0\r\n\r\n${SMUGGLED}`],
    ['chunks that are not the last', ['Transfer-Encoding: chunked, identity'], `0\r\n\r\n${SMUGGLED}`],
    [
      'chunks on a folded line',
      ['Transfer-Encoding:\r\n chunked', 'Content-Length: 5'],
      `0\r\n\r\n${SMUGGLED}`,
    ],
    ['chunks behind a tab and a vertical one', ['Transfer-Encoding:\t\u000bchunked'], `0\r\n\r\n${SMUGGLED}`],
    ['a length on a folded line', ['X: y\r\n Content-Length: 200', 'Content-Length : 1'], `x${SMUGGLED}`],
  ])('is refused with what comes after it: %s', async (_, headers, body) => {
    const { exchange, statuses, appends } = await listening();
    const answered = statuses(await exchange(request({ headers }, body)));
    expect(answered).toEqual([400]);
    expect(appends).toEqual([]);
  });

  it('is one request where it is told in one way, and the next one is another', async () => {
    const { exchange, statuses, text } = await listening();
    const chunked = request({ headers: [CHUNKED] }, '1\r\na\r\n2;ext="x"\r\nbc\r\n0\r\nTrailer: t\r\n\r\n');
    const last = request({ headers: ['Connection: close'] }, '2');
    expect(statuses(await exchange(`${chunked}${request({}, '1')}${last}`))).toEqual([200, 200, 200]);
    expect(await text('notes/a')).toBe('abc12');
  });
});

describe('chunks', () => {
  it.each([
    ['no size', '\r\nx\r\n0\r\n\r\n'],
    ['a size that is none', 'g\r\nx\r\n0\r\n\r\n'],
    ['a size with a sign', '+1\r\nx\r\n0\r\n\r\n'],
    ['a size below nothing', '-1\r\nx\r\n0\r\n\r\n'],
    ['a size with 0x', '0x1\r\nx\r\n0\r\n\r\n'],
    ['a size that overflows', 'fffffffffffffffff\r\nx\r\n0\r\n\r\n'],
    ['a size too small', '1\r\nxy\r\n0\r\n\r\n'],
    ['a size too large', '5\r\nx\r\n0\r\n\r\n'],
    ['no last one', '1\r\nx\r\n'],
    ['nothing', ''],
    ['only line feeds', '1\nx\n0\n\n'],
    ['a NUL in the size', '1\u0000\r\nx\r\n0\r\n\r\n'],
    ['an extension without end', `1;${'e'.repeat(100_000)}\r\nx\r\n0\r\n\r\n`],
    ['trailers without end', `1\r\nx\r\n0\r\n${'T: t\r\n'.repeat(20_000)}\r\n`],
  ])('are refused, and nothing of them appended, with %s', async (_, body) => {
    const { exchange, statuses, appends } = await listening();
    const answered = statuses(await exchange(request({ headers: [CHUNKED] }, body)));
    // A body that broke off with the connection has nobody to be told.
    for (const status of answered) expect([400, 413, 431]).toContain(status);
    expect(appends).toEqual([]);
  });
});

describe('a head that is none', () => {
  it.each([
    ['nothing', ''],
    ['an empty line', '\r\n\r\n'],
    ['no version', request({ version: '' })],
    ['a version that is none', request({ version: 'HTTP/9.9' })],
    ['a version of old', 'GET /health\r\n\r\n'],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['the beginning of TLS', Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03)],
    ['another method', request({ method: 'P OST' })],
    ['a method in small letters', request({ method: 'post' })],
    ['a path with a space', request({ path: '/append/notes/a b' })],
    ['a path with a NUL', request({ path: '/append/notes/a\u0000' })],
    ['a path with a line feed', request({ path: '/append/notes/a\n' })],
    ['only line feeds', request({ end: '\n' })],
    ['only carriage returns', request({ end: '\r' })],
    ['no host', request().replace('Host: a.example\r\n', '')],
    ['a host that ends like an address, and is none', request().replace('a.example', 'a.0')],
    ['two hosts', request({ headers: ['Host: b.example'] })],
    ['a header without a colon', request({ headers: ['X'] })],
    ['a header without a name', request({ headers: [': x'] })],
    ['a name with a space', request({ headers: ['X Y: z'] })],
    ['a value with a NUL', request({ headers: ['X: a\u0000b'] })],
    ['a value with a carriage return', request({ headers: ['X: a\rb'] })],
    ['a name with a byte that is no text', request({ headers: ['X\u00ff: a'] })],
    ['a header as long as no other', request({ headers: [`X: ${'x'.repeat(100_000)}`] })],
    ['a flood of headers', request({ headers: Array.from({ length: 20_000 }, (_, n) => `X${n}: y`) })],
    ['a path without end', request({ path: `/append/notes/${'x'.repeat(100_000)}` })],
    ['a tunnel', 'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n'],
  ])('is refused, or nobody is answered, and nothing appended: %s', async (_, bytes) => {
    const { exchange, statuses, appends } = await listening();
    for (const status of statuses(await exchange(bytes)))
      expect([400, 404, 405, 413, 414, 431, 505]).toContain(status);
    expect(appends).toEqual([]);
    // Whatever it was, the next one is served.
    expect(statuses(await exchange(request({ headers: ['Connection: close'] })))).toEqual([200]);
  });

  it('is taken for what it says: other forms of a target, versions, and headers that ask for more', async () => {
    const { exchange, statuses, text } = await listening();
    for (const one of [
      request({ path: 'http://b.example/append/notes/a', headers: ['Connection: close'] }, '1'),
      request({ version: 'HTTP/1.0' }, '2'),
      request({ headers: ['Connection: upgrade', 'Upgrade: websocket', 'Connection: close'] }, '3'),
    ])
      expect(statuses(await exchange(one))).toEqual([200]);
    expect(await text('notes/a')).toBe('123');
    expect(statuses(await exchange(request({ method: 'OPTIONS', path: '*' }, '')))).toEqual([400]);
  });
});

describe('whatever bytes come', () => {
  const good = request({ headers: ['Connection: close'] }, 'body-4711');
  const log = request(
    { path: '/append/events', headers: ['Content-Type: application/json', 'Connection: close'] },
    '{"n":4711}',
  );
  const chunked = request(
    { headers: [CHUNKED, 'Connection: close'] },
    '4\r\nbody\r\n5\r\n-4711\r\n0\r\n\r\n',
  );
  const mutation = fc.record({
    at: fc.nat(),
    remove: fc.nat(3),
    insert: fc.oneof(
      fc.constantFrom(
        '',
        '\r\n',
        '\n',
        '\r',
        ' ',
        ':',
        ',',
        '0',
        '\u0000',
        '\u00ff',
        CHUNKED,
        '\r\nContent-Length: 3\r\n',
        '%2e%2e/',
      ),
      fc.string({
        unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
        maxLength: 4,
      }),
    ),
  });
  const mutated = fc
    .tuple(
      fc.constantFrom(good, log, chunked, good + log),
      fc.array(mutation, { minLength: 1, maxLength: 3 }),
    )
    .map(([text, changes]) =>
      changes.reduce((changed, { at, remove, insert }) => {
        const index = at % (changed.length + 1);
        return changed.slice(0, index) + insert + changed.slice(index + remove);
      }, text),
    );
  const arbitrary = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1'));

  const bare = (text: string) => text.replace(/[\r\n\t ]/g, '');

  it('the server goes on, and appends what it says, and what was sent', async () => {
    const { exchange, statuses, appends, store } = await listening();
    const lengths = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(
        fc.oneof({ weight: 6, arbitrary: mutated }, { weight: 1, arbitrary: arbitrary }),
        async (bytes) => {
          const before = appends.length;
          const answer = await exchange(bytes);
          for (const status of statuses(answer))
            if (status >= 500) expect(answer).toContain('missing-credentials');
          const taken = appends.slice(before);
          expect([...answer.matchAll(/"receipts":/g)].length).toBeLessThanOrEqual(taken.length);
          for (const key of new Set(taken)) {
            const read = await store.read(
              key,
              { start: lengths.get(key) ?? 0, end: 1e9 },
              { timeoutMs: 1000 },
            );
            lengths.set(key, read?.length ?? 0);
            const added = Buffer.from(read?.bytes ?? []).toString('latin1');
            // What came in chunks is not in one piece.
            if (/chunked/i.test(bytes)) continue;
            // JSON is on one line in a log, without what was around it.
            if (!key.startsWith('events/')) expect(bytes).toContain(added);
            else expect(bare(bytes)).toContain(bare(added.replace(/\n\{"\$commit":.*/s, '')));
          }
        },
      ),
      { numRuns: 600 },
    );
    expect(appends.length).toBeGreaterThan(0);
    expect(statuses(await exchange(good))).toEqual([200]);
  });
});
