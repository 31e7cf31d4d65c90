/** The functions as they are deployed, on a real store over HTTP: only the environment differs. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type OssServer, startOss } from '../../infra/local/oss/server.ts';
import { systemRuntime } from '../../lib/runtime.ts';
import type { FcContext, FcCredentials, FcHttpResponse } from '../../lib/shim/index.ts';
import { ossStore } from '../../lib/store/oss.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const KEY = { accessKeyId: 'id-1', accessKeySecret: 'secret-1' };
const BUCKET = 'demo';

let dataDir: string;
let oss: OssServer;

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'functions-'));
  oss = await startOss({ dataDir, credentials: [KEY], buckets: [BUCKET] });
  for (const [name, value] of Object.entries(environment())) vi.stubEnv(name, value);
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await oss.close();
  await rm(dataDir, { recursive: true });
});

const environment = () => ({
  OSS_ENDPOINT: oss.url,
  OSS_BUCKET: BUCKET,
  FC_REGION: 'cn-hangzhou',
  APPEND_ACCESS: 'open',
});

function context(credentials: FcCredentials = KEY): FcContext {
  return {
    requestId: '1-2-3',
    credentials,
    function: { name: 'append', handler: 'index.handler', memory: 512, timeout: 60 },
    service: { logProject: '', logStore: '', qualifier: 'LATEST' },
    region: 'cn-hangzhou',
    accountId: '1234567890123456',
    logger: console,
  };
}

const event = (value: unknown) => Buffer.from(JSON.stringify(value));

function httpEvent(rawPath: string, body: string, headers: Record<string, string> = {}, method = 'POST') {
  const http = {
    method,
    path: rawPath,
    protocol: 'HTTP/1.1',
    sourceIp: '203.0.113.9',
    userAgent: 'test',
  };
  return event({
    version: 'v1',
    rawPath,
    headers,
    queryParameters: {},
    body: Buffer.from(body).toString('base64'),
    isBase64Encoded: true,
    requestContext: { domainName: 'append.example', requestId: '1-2-3', timeEpoch: '1795379400000', http },
  });
}

/** What a caller gets of the function's answer. */
const bodyOf = ({ body, isBase64Encoded }: FcHttpResponse) =>
  Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8');

async function stored(key: string): Promise<string | null> {
  const store = ossStore({
    endpoint: oss.url,
    region: 'cn-hangzhou',
    bucket: BUCKET,
    credentials: () => KEY,
    runtime: systemRuntime(),
  });
  const read = await store.read(key, { start: 0, end: 1e6 }, { timeoutMs: 10_000 });
  return read && Buffer.from(read.bytes).toString();
}

describe('the function http', () => {
  it('appends the body of a request', async () => {
    const { handler } = await import('../../functions/http.ts');
    const answer = await handler(httpEvent('/append/notes/http%20a', 'größer'), context());
    expect(answer).toMatchObject({ statusCode: 200 });
    expect(answer.headers).toMatchObject({ etag: '"8"', 'content-type': 'application/json' });
    expect(JSON.parse(bodyOf(answer).toString())).toEqual({
      receipts: [{ object: 'notes/http a', start: 0, end: 8 }],
    });
    expect(await stored('notes/http a')).toBe('größer');
  });

  it('gives back what was appended, byte for byte, also the part of a character', async () => {
    const { handler } = await import('../../functions/http.ts');
    const call = (method: string, headers: Record<string, string> = {}, body = '') =>
      handler(httpEvent('/append/notes/read', body, headers, method), context());
    await call('POST', {}, '\ufeffgrößer');
    const whole = await call('GET');
    expect(whole).toMatchObject({ statusCode: 200, headers: { etag: '"11"' } });
    expect(bodyOf(whole)).toEqual(Buffer.from('\ufeffgrößer'));
    const part = await call('GET', { range: 'bytes=5-5' });
    expect(part).toMatchObject({ statusCode: 206, headers: { 'content-range': 'bytes 5-5/11' } });
    expect(bodyOf(part)).toEqual(Buffer.from([0xc3]));
    const beyond = await call('GET', { range: 'bytes=11-' });
    expect(beyond).toMatchObject({ statusCode: 416, headers: { 'content-range': 'bytes */11' } });
    expect(await call('HEAD')).toMatchObject({ statusCode: 200, headers: { etag: '"11"' }, body: '' });
    expect(await call('GET', { 'if-none-match': '"11"' })).toMatchObject({ statusCode: 304, body: '' });
  });

  it('answers what is wrong with a request by itself', async () => {
    const { handler } = await import('../../functions/http.ts');
    const climbing = await handler(httpEvent('/append/notes/../events', 'x'), context());
    expect(climbing.statusCode).toBe(400);
    expect(JSON.parse(bodyOf(climbing).toString())).toMatchObject({
      type: 'urn:oss-append:problem:invalid-key',
      requestId: '1-2-3',
    });
    const roleless = await handler(httpEvent('/append/notes/a', 'x'), context({}));
    expect(JSON.parse(bodyOf(roleless).toString())).toMatchObject({
      status: 500,
      detail: expect.stringContaining('a role'),
    });
  });

  it('uses the credentials of each call', async () => {
    const { handler } = await import('../../functions/http.ts');
    const send = (credentials: FcCredentials) =>
      handler(httpEvent('/append/notes/keys', 'x'), context(credentials));
    expect((await send({ ...KEY, accessKeySecret: 'wrong' })).statusCode).toBe(502);
    expect((await send(KEY)).statusCode).toBe(200);
    expect(await stored('notes/keys')).toBe('x');
  });
});

describe('the function queue', () => {
  const batch = event([
    {
      id: 'e-1',
      source: 'MNS',
      specversion: '1.0',
      type: 'mns:Queue:SendMessage',
      subject: 'acs:mns:cn-hangzhou:1:queues/events',
      time: '2026-11-22T05:00:00Z',
      data: { requestId: 'r', messageId: 'm-1', messageBody: '{"n":9007199254740993}' },
    },
  ]);

  it('appends a batch once, however often it is delivered', async () => {
    const { handler } = await import('../../functions/queue.ts');
    await handler(batch, context());
    await handler(batch, context());
    expect(await stored('events/2026/11/22/05.ndjson')).toMatch(
      /^\{"n":9007199254740993\}\n\{"\$commit":.*\}\n$/,
    );
  });

  it('fails without a role, and says so', async () => {
    const { handler } = await import('../../functions/queue.ts');
    await expect(handler(batch, context({}))).rejects.toThrowError('Give the function a role');
  });
});

describe('the function schedule', () => {
  it('appends a record when its timer fires', async () => {
    const { handler } = await import('../../functions/schedule.ts');
    const firing = { triggerName: 'heartbeat', triggerTime: '2026-11-22T06:00:00Z', payload: '' };
    await handler(event(firing), context());
    await handler(event(firing), context());
    expect(await stored('events/2026/11/22/06.ndjson')).toMatch(
      /^\{"schedule":"heartbeat","time":"2026-11-22T06:00:00Z"\}\n\{"\$commit":.*\}\n$/,
    );
  });
});

describe('the function web', () => {
  async function started(env: Record<string, string>): Promise<{ child: ChildProcess; port: number }> {
    const child = spawn(process.execPath, ['--import', 'tsx', 'functions/web.ts'], {
      cwd: ROOT,
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    for await (const line of createInterface({ input: child.stdout })) {
      const { event: what, port } = JSON.parse(line);
      if (what === 'listening') return { child, port };
    }
    throw new Error('the web function ended before it listened');
  }

  it('appends over HTTP, and ends when it is told to', async () => {
    const { child, port } = await started({ ...environment(), FC_CUSTOM_LISTEN_PORT: '0' });
    const answer = await fetch(`http://127.0.0.1:${port}/append/events`, {
      method: 'POST',
      body: '{"a":1}',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': '019c7d2e-5f00-7000-8000-000000000000',
        'x-fc-access-key-id': KEY.accessKeyId,
        'x-fc-access-key-secret': KEY.accessKeySecret,
        'x-fc-function-timeout': '60',
      },
    });
    const [{ object }] = JSON.parse(await answer.text()).receipts;
    expect(await stored(object)).toMatch(/^\{"a":1\}\n/);
    const read = (method: string) =>
      fetch(`http://127.0.0.1:${port}/append/events?time=2026-02-20T22:59:00Z`, {
        method,
        headers: { 'x-fc-access-key-id': KEY.accessKeyId, 'x-fc-access-key-secret': KEY.accessKeySecret },
      });
    const back = await read('GET');
    expect([back.status, await back.text()]).toEqual([200, await stored(object)]);
    const head = await read('HEAD');
    expect(head.headers.get('content-length')).toBe(back.headers.get('content-length'));
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  it('lets nobody write unless the deployment or the configuration says so', async () => {
    const { APPEND_ACCESS: _, ...rest } = environment();
    const { port } = await started({ ...rest, FC_CUSTOM_LISTEN_PORT: '0' });
    const answer = await fetch(`http://127.0.0.1:${port}/append/notes/nobody`, { method: 'POST', body: 'x' });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="oss-append"');
    expect(await stored('notes/nobody')).toBeNull();
  });

  it('does not start in an environment that has mistakes, and tells them', async () => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'functions/web.ts'], {
      cwd: ROOT,
      env: { PATH: process.env['PATH'] },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const told: Buffer[] = [];
    child.stderr.on('data', (chunk) => told.push(chunk));
    const [code] = await once(child, 'close');
    expect(code).toBe(1);
    expect(Buffer.concat(told).toString()).toContain('OSS_ENDPOINT: is missing; write');
  });
});
