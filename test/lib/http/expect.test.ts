/** What a web function decides before it has the body, over real connections. */
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { credentialHolder } from '../../../lib/credentials.ts';
import { createAccess } from '../../../lib/http/access/access.ts';
import { createHttpApp } from '../../../lib/http/app.ts';
import { BODY_BYTES_MAX } from '../../../lib/http/body.ts';
import { HEADER_BYTES_MAX, TARGET_BYTES_MAX } from '../../../lib/http/limits.ts';
import { startWebServer, webPlatform } from '../../../lib/http/web.ts';
import { bench } from '../intake/support.ts';
import { BEARER, bearer, signedWebhook, TOKEN, WEBHOOK, WEBHOOK_SECRET } from './access/support.ts';
import { JSON_TYPE } from './support.ts';

const KEYS = { 'x-fc-access-key-id': 'id-1', 'x-fc-access-key-secret': 'secret-1' };
const CONFIG = {
  targets: {
    notes: { format: 'raw', key: 'notes/{path}', access: 'open' },
    events: { format: 'log', key: 'events/x', access: 'open' },
    guarded: { format: 'log', key: 'guarded/x', access: [{ ...BEARER, keys: ['guarded'] }, WEBHOOK] },
  },
} as const;

async function web() {
  const it = bench(CONFIG);
  const { config, runtime } = it;
  const secrets = new Map([[WEBHOOK.secretVariable, WEBHOOK_SECRET]]);
  const access = createAccess({ config, runtime, secrets, fetch, fallback: 'deny' });
  const app = createHttpApp({ ...it, access, platform: webPlatform(runtime, credentialHolder()) });
  const { port, close } = await startWebServer({ fetch: app.fetch, port: 0 });
  onTestFinished(close);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  return { ...it, port, agent };
}

interface Sent {
  readonly path?: string;
  readonly headers?: Record<string, string>;
  /** Sent when it is asked for. */
  readonly body?: string;
}

/** Sends headers, and the body only when the server says so. */
async function waiting(
  { port, agent }: { port: number; agent: Agent },
  { path = '/append/notes/a', headers = {}, body = 'hello' }: Sent,
) {
  const announced = { 'content-length': String(Buffer.byteLength(body)) };
  const sent = request({
    port,
    agent,
    path,
    method: 'POST',
    headers: { expect: '100-continue', ...KEYS, ...announced, ...headers },
  });
  let asked = false;
  sent.once('continue', () => {
    asked = true;
    sent.end(body);
  });
  sent.flushHeaders();
  const [response]: [IncomingMessage] = (await once(sent, 'response')) as [IncomingMessage];
  const text = Buffer.concat(await response.toArray()).toString();
  sent.destroy();
  return {
    asked,
    status: response.statusCode,
    connection: response.headers.connection,
    document: JSON.parse(text),
  };
}

describe('a caller who waits for 100 Continue', () => {
  it('is asked for the body, once, and goes on over the same connection', async () => {
    const it = await web();
    for (const body of ['one', 'two'])
      expect(await waiting(it, { body })).toMatchObject({
        asked: true,
        status: 200,
        connection: 'keep-alive',
      });
    expect(await it.text('notes/a')).toBe('onetwo');
  });

  it('is asked for a body that is signed', async () => {
    const it = await web();
    const headers = { ...JSON_TYPE, ...signedWebhook('{"n":1}') };
    expect(await waiting(it, { path: '/append/guarded', headers, body: '{"n":1}' })).toMatchObject({
      asked: true,
      status: 200,
    });
  });

  const long = (bytes: number) => 'x'.repeat(bytes);
  const token = { ...JSON_TYPE, ...bearer(TOKEN) };
  it.each([
    ['an unknown target', { path: '/append/nothing' }, 404, 'unknown-target'],
    ['no target', { path: '/' }, 405, 'method-not-allowed'],
    ['no credential', { path: '/append/guarded', headers: JSON_TYPE }, 401, 'unauthenticated'],
    ['a wrong credential', { path: '/append/guarded', headers: bearer('other') }, 401, 'unauthenticated'],
    [
      'a body over the limit',
      { headers: { 'content-length': String(BODY_BYTES_MAX + 1) } },
      413,
      'payload-too-large',
    ],
    [
      'a signed body over the limit',
      {
        path: '/append/guarded',
        headers: { ...JSON_TYPE, ...signedWebhook(''), 'content-length': String(1024 * 1024 + 1) },
      },
      413,
      'payload-too-large',
    ],
    [
      'another content type',
      { path: '/append/guarded', headers: { ...token, 'content-type': 'image/png' } },
      415,
      'unsupported-media-type',
    ],
    ['no content type', { path: '/append/events' }, 415, 'unsupported-media-type'],
    [
      'an encoded body',
      { path: '/append/guarded', headers: { ...token, 'content-encoding': 'gzip' } },
      415,
      'unsupported-media-type',
    ],
    [
      'a bad Idempotency-Key',
      { path: '/append/events', headers: { ...JSON_TYPE, 'idempotency-key': 'a/b' } },
      400,
      'invalid-idempotency-key',
    ],
    [
      'an Idempotency-Key in a raw target',
      { headers: { 'idempotency-key': 'a' } },
      400,
      'invalid-idempotency-key',
    ],
    [
      'half a producer',
      { path: '/append/events', headers: { ...JSON_TYPE, 'producer-id': 'a' } },
      400,
      'invalid-producer',
    ],
    ['a bad condition', { headers: { 'if-match': 'a' } }, 400, 'invalid-condition'],
    ['a path that is not UTF-8', { path: '/append/notes/%ff' }, 400, 'invalid-key'],
    ['a long path', { path: `/append/notes/${long(TARGET_BYTES_MAX - 13)}` }, 414, 'uri-too-long'],
    ['a long query', { path: `/append/notes/a?x=${long(TARGET_BYTES_MAX)}` }, 414, 'uri-too-long'],
    ['long headers', { headers: { 'x-a': long(HEADER_BYTES_MAX) } }, 431, 'headers-too-large'],
    ['no role', { headers: { 'x-fc-access-key-id': '' } }, 500, 'missing-credentials'],
  ] as const)('is refused without the body for %s', async (_what, sent, status, type) => {
    const it = await web();
    expect(await waiting(it, sent)).toMatchObject({
      asked: false,
      status,
      connection: 'close',
      document: { type: `urn:oss-append:problem:${type}`, fate: 'not-in' },
    });
    expect(it.appends).toEqual([]);
  });

  it('has the platform’s own headers beside the 8 KB', async () => {
    const it = await web();
    const headers = { 'x-fc-security-token': long(4000), 'x-a': long(HEADER_BYTES_MAX - 300) };
    expect(await waiting(it, { headers })).toMatchObject({ asked: true, status: 200 });
  });
});

describe('a caller who does not wait', () => {
  it('is refused by the announced length while none of the body has come', async () => {
    const it = await web();
    const headers = { ...KEYS, 'content-length': String(BODY_BYTES_MAX + 1) };
    const sent = request({
      port: it.port,
      agent: it.agent,
      path: '/append/notes/a',
      method: 'POST',
      headers,
    });
    sent.flushHeaders();
    const [response]: [IncomingMessage] = (await once(sent, 'response')) as [IncomingMessage];
    const text = Buffer.concat(await response.toArray()).toString();
    expect([response.statusCode, JSON.parse(text).type]).toEqual([
      413,
      'urn:oss-append:problem:payload-too-large',
    ]);
    sent.destroy();
    expect(it.appends).toEqual([]);
  });

  it('is refused with an expectation that nobody knows', async () => {
    const it = await web();
    const { asked, status, document } = await waiting(it, { headers: { expect: '200-ok' } });
    expect([asked, status, document.type]).toEqual([false, 417, 'urn:oss-append:problem:expectation-failed']);
    expect(it.appends).toEqual([]);
  });
});
