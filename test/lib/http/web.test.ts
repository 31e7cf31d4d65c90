import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { credentialHolder } from '../../../lib/credentials.ts';
import { createHttpApp } from '../../../lib/http/app.ts';
import { startWebServer, type WebServerOptions, webPlatform } from '../../../lib/http/web.ts';
import { bench } from '../intake/support.ts';
import { CONFIG, withAccess } from './support.ts';

const KEYS = { 'x-fc-access-key-id': 'id-1', 'x-fc-access-key-secret': 'secret-1' };

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Sends the path as it is: `fetch` would tidy it up. */
async function send(
  port: number,
  path: string,
  { headers = {}, body, agent }: { headers?: Record<string, string>; body?: string; agent?: Agent } = {},
): Promise<Answer> {
  const sent = request({ port, path, method: 'POST', headers, ...(agent && { agent }) });
  sent.end(body);
  const [response]: [IncomingMessage] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const { statusCode: status, headers: answered } = response;
  return { status, headers: answered, body: Buffer.concat(chunks).toString() };
}

async function listening(fetch: WebServerOptions['fetch']) {
  const server = await startWebServer({ fetch, port: 0 });
  onTestFinished(() => server.close());
  return server;
}

async function webBench() {
  const it = withAccess(bench(CONFIG));
  const credentials = credentialHolder();
  const app = createHttpApp({ ...it, platform: webPlatform(it.runtime, credentials) });
  const { port } = await listening(app.fetch);
  return { ...it, credentials, port };
}

describe('the app as a web function', () => {
  it('appends, with the credentials that each request brings', async () => {
    const { port, text, credentials, logged } = await webBench();
    const headers = { ...KEYS, 'x-fc-security-token': 'token-1', 'x-fc-request-id': '1-2-3' };
    expect(await send(port, '/append/notes/a', { headers, body: 'one' })).toMatchObject({ status: 200 });
    expect(credentials.current()).toEqual({
      accessKeyId: 'id-1',
      accessKeySecret: 'secret-1',
      securityToken: 'token-1',
    });
    await send(port, '/append/notes/a', { headers: { ...KEYS, 'x-fc-access-key-id': 'id-2' }, body: 'two' });
    expect(credentials.current()).toEqual({ accessKeyId: 'id-2', accessKeySecret: 'secret-1' });
    expect(await text('notes/a')).toBe('onetwo');
    expect(logged).toMatchObject([{ requestId: '1-2-3' }, { requestId: null }]);
    expect(JSON.stringify(logged)).not.toMatch(/secret-1|token-1/);
  });

  it('says that the function has no role when a request brings no credentials', async () => {
    const { port, appends } = await webBench();
    const { status, body } = await send(port, '/append/notes/a', { body: 'x' });
    expect(status).toBe(500);
    expect(JSON.parse(body)).toMatchObject({
      type: 'urn:oss-append:problem:missing-credentials',
      detail: expect.stringContaining('Give the function a role'),
      fate: 'not-in',
    });
    expect(appends).toEqual([]);
  });

  it.each([
    '/append/notes/../events',
    '/append/notes/a/../../b',
    '/append/notes/./a',
    '/append/notes/%2e%2e/b',
    '/append/notes/%2E%2e%2fb',
    '/append/notes//b',
    'http://other.example/append/notes/../b',
  ])('refuses %s instead of tidying it up', async (path) => {
    const { port, appends } = await webBench();
    const { status, body } = await send(port, path, { headers: KEYS, body: 'x' });
    expect([status, JSON.parse(body).type]).toEqual([400, 'urn:oss-append:problem:invalid-key']);
    expect(appends).toEqual([]);
  });

  it('refuses what is no URL, in the same form', async () => {
    const { port, appends } = await webBench();
    for (const [path, host] of [
      ['/append/notes/..\\b', 'a.example'],
      ['/append/notes/b', 'a b'],
    ] as const) {
      const { status, body } = await send(port, path, { headers: { ...KEYS, host }, body: 'x' });
      expect([status, JSON.parse(body).type]).toEqual([400, 'urn:oss-append:problem:malformed-request']);
    }
    expect(appends).toEqual([]);
  });

  it('ends an append within the time-out that the request tells', async () => {
    const { port, appends } = await webBench();
    const headers = { ...KEYS, 'x-fc-function-timeout': '0.1' };
    const { status, body } = await send(port, '/append/notes/a', { headers, body: 'x' });
    expect([status, JSON.parse(body).fate]).toEqual([503, 'not-in']);
    expect(appends).toEqual([]);
  });

  it('answers the hooks of the platform', async () => {
    const { port, logged } = await webBench();
    for (const hook of ['/initialize', '/pre-stop']) expect((await send(port, hook)).status).toBe(200);
    expect(logged).toEqual([]);
  });
});

describe('the web server', () => {
  it('keeps connections', async () => {
    const { port } = await listening(() => new Response('ok'));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const first = await send(port, '/', { agent });
    expect(first.headers.connection).toBe('keep-alive');
    expect(first.headers['keep-alive']).toBe('timeout=900');
  });

  it('answers what is under way before it ends, and takes nothing more', async () => {
    let release = () => {};
    let arrive = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const server = await startWebServer({
      port: 0,
      fetch: async () => {
        arrive();
        await held;
        return new Response('done');
      },
    });
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    const answer = send(server.port, '/', { agent });
    await arrived;
    const closed = server.close();
    await expect(send(server.port, '/')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    release();
    expect(await answer).toMatchObject({ status: 200, body: 'done' });
    await closed;
  });
});
