import { setMaxListeners } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { http, isAlive, parse, processState, send, start, tempDir, until } from './support.ts';

const echo = `exports.handler = async (event) => ({ statusCode: 200, body: event.toString() });`;
const returning = (value: unknown) => `exports.handler = async () => (${JSON.stringify(value)});`;

describe('the HTTP trigger of the built-in runtime', () => {
  it('gives the request as an event, with joined values, raw and decoded path', async () => {
    const fc = await start({ f: { source: echo, triggers: [http()] } });
    const answer = await send(fc.url, {
      method: 'POST',
      path: '/append/audit%2Flogin?tenant=acme&tag=a&tag=b%20c',
      headers: {
        'content-type': 'application/json',
        'x-key': ['1', '2'],
        'x-fc-forged': '1',
        'user-agent': 'test',
      },
      body: '{"n":1}',
    });
    const event = parse(answer.body);
    expect(event).toMatchObject({
      version: 'v1',
      rawPath: '/append/audit%2Flogin',
      headers: { 'Content-Type': 'application/json', 'X-Key': '1,2', 'User-Agent': 'test' },
      queryParameters: { tenant: 'acme', tag: 'a,b c' },
      body: '{"n":1}',
      isBase64Encoded: false,
      requestContext: {
        accountId: '1234567890123456',
        domainPrefix: 'f',
        requestId: answer.headers['x-fc-request-id'],
        http: { method: 'POST', path: '/append/audit/login', protocol: 'HTTP/1.1', userAgent: 'test' },
      },
    });
    expect(event).not.toHaveProperty(['headers', 'X-Fc-Forged']);
    expect(event).not.toHaveProperty(['headers', 'Connection']);
  });

  it('gives bodies of binary types, and text that is not UTF-8, as base64', async () => {
    const fc = await start({ f: { source: echo, triggers: [http()] } });
    const bodyOf = async (type: string | null, body: Uint8Array) => {
      const headers: Record<string, string> = type === null ? {} : { 'content-type': type };
      return parse((await send(fc.url, { method: 'POST', headers, body })).body);
    };
    const text = Buffer.from('grüße');
    for (const type of ['text/csv', 'application/json; charset=utf-8', 'application/cloudevents+json', null])
      expect(await bodyOf(type, text)).toMatchObject({ body: 'grüße', isBase64Encoded: false });
    const base64 = { body: text.toString('base64'), isBase64Encoded: true };
    expect(await bodyOf('application/octet-stream', text)).toMatchObject(base64);
    expect(await bodyOf('text/plain', Buffer.from([0xff]))).toMatchObject({
      body: '/w==',
      isBase64Encoded: true,
    });
    expect(await bodyOf(null, Buffer.from([0xff]))).toMatchObject({ body: '/w==', isBase64Encoded: true });
  });

  it('turns the answer struct into a response, without reserved headers', async () => {
    const struct = {
      statusCode: 201,
      headers: { 'Content-Type': 'image/png', 'X-Fc-Mine': '1', Server: 'x', Location: '/a' },
      body: Buffer.from([1, 2, 255]).toString('base64'),
      isBase64Encoded: true,
    };
    const fc = await start({ f: { source: returning(struct), triggers: [http()] } });
    const answer = await send(fc.url);
    expect(answer.status).toBe(201);
    expect([...answer.body]).toEqual([1, 2, 255]);
    expect(answer.headers).toMatchObject({
      'content-type': 'image/png',
      location: '/a',
      'content-length': '3',
    });
    expect(answer.headers).not.toHaveProperty('x-fc-mine');
    expect(answer.headers).not.toHaveProperty('server');
  });

  it('answers 200 with the value itself when it is no struct', async () => {
    const fc = await start({ f: { source: returning('plain'), triggers: [http()] } });
    const answer = await send(fc.url);
    expect([answer.status, answer.body.toString()]).toEqual([200, 'plain']);
  });

  it.each([
    { statusCode: 'many' },
    { statusCode: 200, body: { not: 'text' } },
    { statusCode: 200, headers: { 'Set-Cookie': ['a', 'b'] } },
    { statusCode: 200, headers: { 'X-Split': 'a\r\nb: c' } },
    { statusCode: 200, headers: { 'X-Long': 'x'.repeat(8192) } },
  ])('answers 502 to the impossible response %j', async (struct) => {
    const fc = await start({ f: { source: returning(struct), triggers: [http()] } });
    const answer = await send(fc.url);
    expect(answer.status).toBe(502);
    expect(parse(answer.body)).toMatchObject({ ErrorCode: 'BadResponse' });
  });

  it('answers 502 with the error when the function throws', async () => {
    const source = 'exports.handler = async () => { throw new RangeError("too far"); };';
    const fc = await start({ f: { source, triggers: [http()] } });
    const answer = await send(fc.url);
    expect(answer.status).toBe(502);
    expect(answer.headers['x-fc-error-type']).toBe('UnhandledInvocationError');
    expect(parse(answer.body)).toMatchObject({ errorType: 'RangeError', errorMessage: 'too far' });
  });

  it('keeps the limits on methods, headers, target and body', async () => {
    const fc = await start({ f: { source: echo, triggers: [http(['POST'])] } });
    const status = async (options: Parameters<typeof send>[1]) =>
      (await send(fc.url, { method: 'POST', ...options })).status;
    expect(await status({ method: 'GET' })).toBe(405);
    expect(await status({ headers: { 'x-long': 'x'.repeat(8192) } })).toBe(431);
    expect(await status({ path: `/${'x'.repeat(4096)}` })).toBe(414);
    expect(await status({ body: Buffer.alloc(33 * 1024 * 1024) })).toBe(413);
    expect(
      await status({ headers: { 'transfer-encoding': 'chunked' }, body: Buffer.alloc(33 * 1024 * 1024) }),
    ).toBe(413);
    expect(await status({ body: 'x' })).toBe(200);
  });

  it('chooses the function by host name, else the default one', async () => {
    const functions = {
      one: { source: returning('1'), triggers: [http()] },
      two: { source: returning('2'), triggers: [http()] },
      hidden: { source: returning('3') },
    };
    const fc = await start(functions);
    const at = async (host: string, url = fc.url) => {
      const { status, body } = await send(url, { headers: { host } });
      return status === 200 ? body.toString() : status;
    };
    expect(await at('two.localhost:80')).toBe('2');
    expect(await at('127.0.0.1')).toBe('1');
    expect(await at('hidden.localhost')).toBe(404);
    const other = await start(functions, { defaultHttpFunction: 'two' });
    expect(await at('127.0.0.1', other.url)).toBe('2');
    expect(fc.httpFunctions).toMatchObject([{ name: 'one', authType: 'anonymous' }, { name: 'two' }]);
  });

  it('accepts an asynchronous request with 202 and runs it afterwards', async () => {
    const lines: string[] = [];
    const source = 'exports.handler = async (event) => { console.log(JSON.parse(event).body); };';
    const fc = await start({ f: { source, triggers: [http()] } }, { onLog: ({ line }) => lines.push(line) });
    const headers = { 'x-fc-invocation-type': 'Async' };
    const answer = await send(fc.url, { method: 'POST', headers, body: 'later' });
    expect([answer.status, answer.body.length]).toEqual([202, 0]);
    await fc.idle();
    expect(lines).toEqual(['later']);
    expect((await send(fc.url, { method: 'POST', headers, body: Buffer.alloc(128 * 1024 + 1) })).status).toBe(
      413,
    );
    const misspelt = await send(fc.url, { headers: { 'x-fc-invocation-type': 'async' } });
    expect(misspelt.status).toBe(400);
    expect(misspelt.body.toString()).toContain("Sync or Async, not 'async'");
  });

  it('answers 429 when too many calls wait for an instance, and drops those whose clients hang up', async () => {
    const source = `const fs = require('node:fs');
      exports.handler = async (event) => {
        fs.appendFileSync(process.env.OUT, 'x');
        while (!fs.existsSync(process.env.OUT + '.go')) await new Promise((resolve) => setTimeout(resolve, 5));
      };`;
    const out = join(tempDir(), 'out');
    const fc = await start({ f: { source, triggers: [http()] } }, { instancesMax: 1, env: { OUT: out } });
    const running = fc.invoke('f', Buffer.alloc(0));
    await until(() => existsSync(out));
    const hangUp = new AbortController();
    setMaxListeners(0, hangUp.signal);
    const waiting = Array.from({ length: 1000 }, () =>
      fc.invoke('f', Buffer.alloc(0), { signal: hangUp.signal }),
    );
    const answer = await send(fc.url);
    expect([answer.status, parse(answer.body)]).toMatchObject([429, { ErrorCode: 'ResourceExhausted' }]);
    hangUp.abort();
    const settled = await Promise.allSettled(waiting);
    expect(new Set(settled.map(({ status }) => status))).toEqual(new Set(['rejected']));
    writeFileSync(`${out}.go`, '');
    await running;
    expect(readFileSync(out, 'utf8')).toBe('x');
  });

  it('lets a call that has begun finish when its client hangs up', async () => {
    const lines: string[] = [];
    const source = `exports.handler = async () => {
      console.log('begun');
      await new Promise((resolve) => setTimeout(resolve, 100));
      console.log('finished');
    };`;
    const fc = await start({ f: { source, triggers: [http()] } }, { onLog: ({ line }) => lines.push(line) });
    const socket = connect(fc.httpPort, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(() => lines.includes('begun'));
    socket.destroy();
    await fc.idle();
    expect(lines).toEqual(['begun', 'finished']);
  });
});

/** A web function: echoes requests, streams events, counts what runs at a time. */
const web = `const http = require('node:http');
let running = 0; let most = 0;
http.createServer(async (request, response) => {
  if (request.url === '/initialize') { globalThis.ready = request.headers['x-fc-control-path']; return response.end(); }
  if (request.url === '/crash') return process.exit(1);
  if (request.url === '/hang') return;
  if (request.url === '/stream') {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: 1\\n\\n');
    request.once('close', () => console.log('hung up'));
    return;
  }
  most = Math.max(most, ++running);
  if (request.url === '/slow') await new Promise((resolve) => setTimeout(resolve, 50));
  const chunks = [];
  try { for await (const chunk of request) chunks.push(chunk); } catch { return; }
  running--;
  if (request.url === '/invoke' && chunks.length === 0) response.setHeader('x-fc-status', '404');
  response.setHeader('x-most', most);
  response.setHeader('x-fc-secret', 'no');
  response.setHeader('set-cookie', ['a=1', 'b=2']);
  const { method, url, headers } = request;
  response.end(JSON.stringify({ pid: process.pid, method, url, headers, body: Buffer.concat(chunks).toString('base64'), ready: globalThis.ready }));
}).listen(Number(process.env.FC_CUSTOM_LISTEN_PORT), '127.0.0.1');`;

const webFunction = (more: Record<string, unknown> = {}) => ({
  source: web,
  runtime: 'custom.debian12',
  customRuntimeConfig: { command: ['node'], args: ['index.cjs'], port: 9000 },
  instanceConcurrency: 4,
  triggers: [http(['GET', 'POST', 'DELETE'])],
  ...more,
});

describe('a custom runtime', () => {
  it('gets the request as it is, plus FC’s headers, and its response comes back', async () => {
    const fc = await start({ f: webFunction() });
    const bytes = Buffer.from([0, 1, 254, 255]);
    const answer = await send(fc.url, {
      method: 'DELETE',
      path: '/a%2Fb?x=1&x=2',
      headers: { host: 'f.localhost', 'x-fc-request-id': 'forged', 'transfer-encoding': 'chunked' },
      body: bytes,
    });
    expect(parse(answer.body)).toMatchObject({
      method: 'DELETE',
      url: '/a%2Fb?x=1&x=2',
      body: bytes.toString('base64'),
      headers: {
        host: 'f.localhost',
        'x-fc-request-id': answer.headers['x-fc-request-id'],
        'x-fc-control-path': 'http-invoke',
        'x-fc-access-key-id': 'STS.local',
        'x-fc-access-key-secret': 'role-secret',
        'x-fc-security-token': 'token',
        'x-fc-function-name': 'f',
      },
    });
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2']);
    expect(answer.headers).not.toHaveProperty('x-fc-secret');
  });

  it('serves as many requests at a time as it declares, and freezes when it has none', async () => {
    const fc = await start({ f: webFunction() }, { instancesMax: 1 });
    const answers = await Promise.all(Array.from({ length: 8 }, () => send(fc.url, { path: '/slow' })));
    expect(Math.max(...answers.map(({ headers }) => Number(headers['x-most'])))).toBe(4);
    await fc.idle();
    const [instance] = fc.instances();
    await until(() => processState(instance?.pid ?? 0) === 'T');
    expect((await send(fc.url)).status).toBe(200);
  });

  it('streams its response, and learns that the client has hung up', async () => {
    const lines: string[] = [];
    const fc = await start({ f: webFunction() }, { onLog: ({ line }) => lines.push(line) });
    // Another request keeps the instance from being frozen when the first ends.
    const socket = connect(fc.httpPort, '127.0.0.1');
    const other = connect(fc.httpPort, '127.0.0.1');
    let received = '';
    let kept = '';
    socket.on('data', (chunk) => (received += chunk));
    other.on('data', (chunk) => (kept += chunk));
    for (const each of [socket, other]) each.write('GET /stream HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(() => received.includes('data: 1') && kept.includes('data: 1'));
    socket.destroy();
    await until(() => lines.includes('hung up'));
    other.destroy();
    await fc.idle();
  });

  it('gets events at /invoke; it reports failures by x-fc-status', async () => {
    const fc = await start({ f: webFunction() });
    const good = await fc.invoke('f', Buffer.from('event'));
    expect(good.errorType).toBeNull();
    expect(parse(good.body)).toMatchObject({
      method: 'POST',
      url: '/invoke',
      body: Buffer.from('event').toString('base64'),
      headers: { 'x-fc-control-path': 'invoke' },
    });
    expect((await fc.invoke('f', Buffer.alloc(0))).errorType).toBe('UnhandledInvocationError');
  });

  it('is initialized at /initialize if it declares the hook', async () => {
    const fc = await start({ f: webFunction({ instanceLifecycleConfig: { initializer: { timeout: 5 } } }) });
    expect(parse((await send(fc.url)).body)).toMatchObject({ ready: 'initialize' });
  });

  it('is replaced unnoticed when it died idle, and answers 502 when it dies in a request', async () => {
    const fc = await start({ f: webFunction() });
    const pidOf = async () => JSON.parse((await send(fc.url)).body.toString()).pid;
    const before = await pidOf();
    process.kill(before, 'SIGKILL');
    await until(() => !isAlive(before));
    expect(await pidOf()).not.toBe(before);
    const crashed = await send(fc.url, { path: '/crash' });
    expect(crashed.status).toBe(502);
    expect(parse(crashed.body)).toMatchObject({
      errorMessage: expect.stringContaining('Process exited unexpectedly'),
    });
    expect((await send(fc.url)).status).toBe(200);
  });

  it('is killed when a request runs out of time', async () => {
    const fc = await start({ f: webFunction({ timeout: 1 }) });
    const answer = await send(fc.url, { path: '/hang' });
    expect(answer.status).toBe(502);
    expect(parse(answer.body)).toMatchObject({ errorType: 'FunctionTimeoutError' });
    expect((await send(fc.url)).status).toBe(200);
  });

  it('that never listens fails the call with what it should have done', async () => {
    const fc = await start({ f: webFunction({ source: 'process.exit(3)' }) });
    const answer = await send(fc.url);
    expect(answer.status).toBe(502);
    expect(parse(answer.body)).toMatchObject({
      errorMessage: expect.stringContaining('FC_CUSTOM_LISTEN_PORT'),
    });
  });

  it('may answer before it has read the body', async () => {
    const source = `require('node:http').createServer((request, response) => {
      response.statusCode = 400;
      response.end('enough');
    }).listen(process.env.FC_CUSTOM_LISTEN_PORT);`;
    const fc = await start({ f: webFunction({ source }) });
    const body = Buffer.alloc(30_000_000);
    for (const headers of [{}, { 'transfer-encoding': 'chunked' }, {}, { 'transfer-encoding': 'chunked' }]) {
      const answer = await send(fc.url, { method: 'POST', headers, body });
      expect([answer.status, answer.body.toString()]).toEqual([400, 'enough']);
      expect((await fc.invoke('f', body)).body.toString()).toBe('enough');
    }
    expect(fc.instances()).toHaveLength(1);
  });

  it('that closes the connection instead of answering gives 502, and goes on', async () => {
    const source = `require('node:http').createServer((request, response) => {
      if (request.url === '/cut') request.socket.destroy();
      else response.end(String(process.pid));
    }).listen(process.env.FC_CUSTOM_LISTEN_PORT);`;
    const fc = await start({ f: webFunction({ source }) });
    const pid = (await send(fc.url)).body.toString();
    const answer = await send(fc.url, { path: '/cut' });
    expect(answer.status).toBe(502);
    expect(parse(answer.body)).toEqual({
      ErrorCode: 'BadGateway',
      ErrorMessage: 'f closed the connection before it answered',
    });
    expect((await send(fc.url)).body.toString()).toBe(pid);
  });

  it('does not get more than FC’s largest body', async () => {
    const fc = await start({ f: webFunction() });
    const body = Buffer.alloc(33 * 1024 * 1024);
    expect((await send(fc.url, { method: 'POST', body })).status).toBe(413);
    expect(fc.instances()).toEqual([]);
    expect(
      (await send(fc.url, { method: 'POST', body, headers: { 'transfer-encoding': 'chunked' } })).status,
    ).toBe(413);
  });
});
