import middy from '@middy/core';
import jsonBodyParser from '@middy/http-json-body-parser';
import type { APIGatewayProxyEventV2, APIGatewayProxyHandlerV2, Handler } from 'aws-lambda';
import fc from 'fast-check';
import { Hono } from 'hono';
import { handle } from 'hono/aws-lambda';
import { describe, expect, it } from 'vitest';
import { type FcHttpResponse, fcHttp, MalformedEventError } from '../../../lib/shim/index.ts';
import { bytesOf, eventOf, fcContext, manualClock, rejection } from './support.ts';

const recorded: { requestContext: { http: object } } = JSON.parse(eventOf('http').toString());

/** The recorded event with other members. */
function httpEvent(changes: object, method = 'POST'): Buffer {
  const http = { ...recorded.requestContext.http, method };
  return bytesOf({ ...recorded, requestContext: { ...recorded.requestContext, http }, ...changes });
}

async function received(event: Buffer): Promise<APIGatewayProxyEventV2> {
  const seen: APIGatewayProxyEventV2[] = [];
  const handler = fcHttp(async (arrived) => {
    seen.push(arrived);
  }, manualClock());
  await handler(event, fcContext());
  const [first] = seen;
  if (first === undefined) throw new Error('the handler was not called');
  return first;
}

function answered(result: unknown): Promise<FcHttpResponse> {
  return fcHttp(async () => result, manualClock())(eventOf('http'), fcContext());
}

describe('the event of fcHttp', () => {
  it('is payload format 2.0 of the request', async () => {
    expect(await received(eventOf('http'))).toEqual({
      version: '2.0',
      routeKey: '$default',
      rawPath: '/append/audit%2Flogin',
      rawQueryString: 'tenant=acme%20%26%20co&tag=a%2Cb&plus=1%2B1%3D%C3%BC',
      cookies: ['a=1', 'b=x,y'],
      headers: {
        'content-type': 'application/json',
        'x-relay-key': 'k-17',
        accept: 'text/plain,application/json',
      },
      queryStringParameters: { tenant: 'acme & co', tag: 'a,b', plus: '1+1=ü' },
      requestContext: {
        accountId: '1234567890123456',
        apiId: '0b6a1f1e-0000-4000-8000-4f3a2b1c0d9e',
        domainName: 'relay-intake-abcdefg.cn-hangzhou.fcapp.run',
        domainPrefix: 'relay-intake-abcdefg',
        http: {
          method: 'POST',
          path: '/append/audit/login',
          protocol: 'HTTP/1.1',
          sourceIp: '203.0.113.9',
          userAgent: 'curl/8.5.0',
        },
        requestId: '1-6742a1f0-15c0ffee-0123456789ab',
        routeKey: '$default',
        stage: '$default',
        time: '22/Nov/2026:20:30:00 +0000',
        timeEpoch: 1795379400000,
      },
      body: '{"user":42,"ok":true}',
      isBase64Encoded: false,
    });
  });

  it('leaves out body, cookies and query where the request has none', async () => {
    const event = await received(httpEvent({ body: '', headers: {}, queryParameters: {} }, 'GET'));
    expect(Object.keys(event)).not.toEqual(expect.arrayContaining(['body']));
    expect(event).not.toHaveProperty('cookies');
    expect(event).not.toHaveProperty('queryStringParameters');
    expect(event.rawQueryString).toBe('');
  });

  it('passes base64 bodies on with their flag', async () => {
    const event = await received(httpEvent({ body: '/wCB', isBase64Encoded: true }));
    expect(event).toMatchObject({ body: '/wCB', isBase64Encoded: true });
  });

  it('has a query string that reads back as the parameters', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })),
        async (query) => {
          const { rawQueryString } = await received(httpEvent({ queryParameters: query }));
          expect([...new URLSearchParams(rawQueryString)].sort()).toEqual(Object.entries(query).sort());
          expect(rawQueryString).toMatch(/^[\w%&=.~!*'()-]*$/);
        },
      ),
    );
  });

  it.each([
    ['version', { version: 'v9' }],
    ['rawPath', { rawPath: 'append' }],
    ['headers', { headers: { a: ['b'] } }],
    ['queryParameters', { queryParameters: 'a=b' }],
    ['body', { body: { user: 42 } }],
    ['isBase64Encoded', { isBase64Encoded: 'yes' }],
    ['requestContext', { requestContext: null }],
    ['requestContext.http', { requestContext: { timeEpoch: '1' } }],
    ['requestContext.timeEpoch', { requestContext: { http: { method: 'GET' }, timeEpoch: 'now' } }],
    ['requestContext.http.method', { requestContext: { http: {}, timeEpoch: '1' } }],
  ])('is refused for a malformed %s, by name and without its value', async (field, changes) => {
    const error = await rejection(received(httpEvent(changes)));
    expect(error).toBeInstanceOf(MalformedEventError);
    expect(error).toMatchObject({ trigger: 'http', field });
  });

  it.each([Buffer.from(''), Buffer.from([0xff, 0xfe]), Buffer.from('[1]'), Buffer.from('secret-4711')])(
    'is refused if it is no JSON object',
    async (event) => {
      const error = await rejection(received(event));
      expect(error).toMatchObject({ name: 'MalformedEventError', field: 'event' });
      expect(String(error)).not.toContain('4711');
    },
  );
});

describe('the answer of fcHttp', () => {
  it('is the whole struct, also where the handler says only the status', async () => {
    expect(await answered({ statusCode: 204 })).toEqual({
      statusCode: 204,
      headers: {},
      body: '',
      isBase64Encoded: false,
    });
  });

  it('keeps a base64 body and its flag', async () => {
    const result = { statusCode: 200, body: '/wCB', isBase64Encoded: true };
    expect(await answered(result)).toEqual({ ...result, headers: {} });
  });

  it.each([
    ['a string', 'hello', 'hello'],
    ['an object', { user: 42 }, '{"user":42}'],
    ['an array', [1], '[1]'],
    ['null', null, 'null'],
    ['nothing', undefined, 'null'],
  ])('is a JSON 200 for %s', async (_name, result, body) => {
    const headers = { 'content-type': 'application/json' };
    expect(await answered(result)).toEqual({ statusCode: 200, headers, body, isBase64Encoded: false });
  });

  it('has one string a header: numbers and booleans written out, lists joined, absent ones left out', async () => {
    const { headers } = await answered({
      statusCode: 200,
      headers: { 'X-Count': 3, 'X-Done': true, Vary: ['accept', 'origin'], 'X-None': undefined },
      multiValueHeaders: { vary: ['cookie'] },
      cookies: ['a=1; Path=/'],
    });
    expect(headers).toEqual({
      'x-count': '3',
      'x-done': 'true',
      vary: 'accept, origin, cookie',
      'set-cookie': 'a=1; Path=/',
    });
  });

  it.each([
    ['two cookies, since FC would send one', { statusCode: 200, cookies: ['a=1', 'b=2'] }],
    [
      'a cookie and a set-cookie header',
      { statusCode: 200, cookies: ['a=1'], headers: { 'Set-Cookie': 'b=2' } },
    ],
    ['a status that is none', { statusCode: 99 }],
    ['a status in words', { statusCode: 'OK' }],
    ['a body that is no string', { statusCode: 200, body: { user: 42 } }],
    ['a flag that is no boolean', { statusCode: 200, isBase64Encoded: 'no' }],
    ['a header that is an object', { statusCode: 200, headers: { a: {} } }],
    ['a header with a line break', { statusCode: 200, headers: { a: 'b\r\nset-cookie: c=1' } }],
    ['headers that are none', { statusCode: 200, headers: 'a: b' }],
  ])('is a logged 500 for %s', async (_name, result) => {
    const context = fcContext();
    const response = await fcHttp(async () => result, manualClock())(eventOf('http'), context);
    expect(response.statusCode).toBe(500);
    expect(context.logged).toHaveLength(1);
    expect(context.logged[0]).toMatch(/^The HTTP handler failed: InvalidResultError: .+\.$/);
  });

  it.each([
    ['an error', new TypeError('secret-4711'), 'TypeError'],
    ['no error', 'secret-4711', 'string'],
  ])('is a problem document that keeps what was thrown to itself, for %s', async (_name, thrown, logged) => {
    const context = fcContext();
    const handler = fcHttp(async () => {
      throw thrown;
    }, manualClock());
    const response = await handler(eventOf('http'), context);
    expect(response.statusCode).toBe(500);
    expect(response.headers).toEqual({ 'content-type': 'application/problem+json' });
    expect(JSON.parse(response.body)).toEqual({
      type: 'about:blank',
      title: 'Internal Server Error',
      status: 500,
      requestId: '1-6742a1f0-15c0ffee-0123456789ab',
    });
    expect(context.logged).toEqual([`The HTTP handler failed: ${logged}`]);
  });

  it('is a 500 for what JSON cannot say', async () => {
    expect((await answered({ n: 1n })).statusCode).toBe(500);
  });
});

describe('what is made for Lambda', () => {
  it('runs a handler of the type APIGatewayProxyHandlerV2', async () => {
    const handler: APIGatewayProxyHandlerV2 = async (event, context) => ({
      statusCode: 200,
      body: `${event.rawPath} ${context.functionName}`,
    });
    const response = await fcHttp(handler, manualClock())(eventOf('http'), fcContext());
    expect(response.body).toBe('/append/audit%2Flogin relay-intake');
  });

  it('runs middy with its JSON body parser', async () => {
    const handler = middy(async (event: Omit<APIGatewayProxyEventV2, 'body'> & { body?: unknown }) => ({
      statusCode: 200,
      body: JSON.stringify({ parsed: event.body }),
    })).use(jsonBodyParser());
    const entry = fcHttp(async (event, context) => handler(event, context), manualClock());
    expect((await entry(eventOf('http'), fcContext())).body).toBe('{"parsed":{"user":42,"ok":true}}');
    const base64 = Buffer.from('{"user":43}').toString('base64');
    expect((await entry(httpEvent({ body: base64, isBase64Encoded: true }), fcContext())).body).toBe(
      '{"parsed":{"user":43}}',
    );
  });

  describe('a Hono app', () => {
    const app = new Hono()
      .get('/search', (c) => c.json({ query: c.req.query(), cookie: c.req.header('cookie') }))
      .post('/json', async (c) => c.json({ got: await c.req.json() }, 201))
      .post('/bytes', async (c) => {
        const bytes = new Uint8Array(await c.req.arrayBuffer()).reverse();
        return c.body(bytes, 200, { 'content-type': 'application/octet-stream' });
      })
      .get('/path/:key', (c) => c.text(c.req.param('key')))
      .get('/cookies', (c) => {
        c.header('set-cookie', 'a=1');
        return c.text('one');
      })
      .get('/fails', () => {
        throw new Error('secret-4711');
      })
      .onError((_error, c) => c.text('failed', 503));
    const handler: Handler = handle(app);
    const entry = fcHttp(handler, manualClock());
    const get = (rawPath: string, changes: object = {}): Promise<FcHttpResponse> =>
      entry(httpEvent({ rawPath, body: '', ...changes }, 'GET'), fcContext());

    it('reads query, cookies and encoded paths', async () => {
      const response = await get('/search');
      expect(response).toMatchObject({ statusCode: 200, isBase64Encoded: false });
      expect(JSON.parse(response.body)).toEqual({
        query: { tenant: 'acme & co', tag: 'a,b', plus: '1+1=ü' },
        cookie: 'a=1; b=x,y',
      });
      expect((await get('/path/audit%2Flogin')).body).toBe('audit/login');
    });

    it('takes JSON and answers JSON', async () => {
      const response = await entry(httpEvent({ rawPath: '/json' }), fcContext());
      expect(response).toMatchObject({ statusCode: 201, headers: { 'content-type': 'application/json' } });
      expect(JSON.parse(response.body)).toEqual({ got: { user: 42, ok: true } });
    });

    it('takes bytes and answers bytes, whatever they are', async () => {
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ minLength: 1 }), async (bytes) => {
          const body = Buffer.from(bytes).toString('base64');
          const response = await entry(
            httpEvent({ rawPath: '/bytes', body, isBase64Encoded: true }),
            fcContext(),
          );
          expect(response.isBase64Encoded).toBe(true);
          expect([...Buffer.from(response.body, 'base64')]).toEqual([...bytes].reverse());
        }),
      );
    });

    it('sets a cookie, and answers its own errors', async () => {
      expect((await get('/cookies')).headers).toMatchObject({ 'set-cookie': 'a=1' });
      expect(await get('/fails')).toMatchObject({ statusCode: 503, body: 'failed' });
      expect((await get('/nowhere')).statusCode).toBe(404);
    });
  });
});
