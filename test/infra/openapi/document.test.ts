/**
 * The OpenAPI document against what the web function really answers: every answer has to be in it, with its headers and a
 * body that fits its schema, and every type of problem that it lists is seen.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import path from 'node:path';
import { promisify } from 'node:util';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openApiDocument } from '../../../infra/openapi/document.ts';
import { createAppender } from '../../../lib/appender.ts';
import { defineConfig } from '../../../lib/config.ts';
import { credentialHolder } from '../../../lib/credentials.ts';
import { createAccess } from '../../../lib/http/access/access.ts';
import { createHttpApp } from '../../../lib/http/app.ts';
import { startWebServer, type WebServer, webPlatform } from '../../../lib/http/web.ts';
import { createRetirer } from '../../../lib/retirer.ts';
import { type AppendAnswer, StoreError } from '../../../lib/store/port.ts';
import { entombLog } from '../../lib/entomb.ts';
import { BEARER, GITHUB_SECRET, WEBHOOK_SECRET } from '../../lib/http/access/support.ts';
import { bench } from '../../lib/intake/support.ts';
import { CALLS, CONFIG, EVENT } from './calls.ts';

// biome-ignore lint/suspicious/noExplicitAny: a document of any shape
type Json = Record<string, any>;

const document = openApiDocument({
  config: defineConfig(CONFIG),
  access: 'trigger',
  version: '1.0.0',
  server: 'https://append.example',
}) as Json;
const ajv = new Ajv2020({ strict: false, validateFormats: false, validateSchema: false });
ajv.addSchema(document, 'openapi.json');
const escaped = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1');
/** What is wrong with a value by the schema at a place of the document. */
function misfits(place: readonly string[], value: unknown): unknown {
  const validate = ajv.compile({ $ref: `openapi.json#/${place.map(escaped).join('/')}` });
  return validate(value) ? null : validate.errors;
}

const failing = (code: string, status: number | null, delayMs: number | null = null): AppendAnswer => ({
  kind: 'failed',
  failure: new StoreError(code, 'no', { status, delayMs }),
});

let server: WebServer;

beforeAll(async () => {
  const it = bench(CONFIG);
  it.intercept = (key) => {
    switch (key) {
      case 'notes/denied':
        return failing('AccessDenied', 403);
      case 'notes/throttled':
        return failing('TotalQpsLimitExceeded', 503, 60_000);
      case 'notes/silent':
        return failing('NoAnswer', null);
      case 'notes/broken':
        throw new Error('a mistake of ours');
      default:
        return undefined;
    }
  };
  const store: typeof it.store = {
    ...it.store,
    read: async (key, ...rest) => {
      if (key === 'notes/denied') throw new StoreError('AccessDenied', 'no', { status: 403 });
      if (key === 'notes/broken') throw new Error('a mistake of ours');
      return it.store.read(key, ...rest);
    },
  };
  await it.store.append('notes/large', 0, new Uint8Array(9 * 1024 * 1024), {
    contentType: 'text/plain',
    timeoutMs: 1000,
  });
  const { config, runtime } = it;
  const gone = { line: Buffer.from('{}'), id: 'a', source: 's', timeMs: runtime.now() };
  const writer = { store: it.store, runtime, writer: 'retirer' };
  await createAppender(writer).appendRecords('orders/gone/x', [gone], { remainingMs: () => 1000 });
  await entombLog(it.store, createRetirer(writer), 'orders/gone/x');
  const secrets = new Map([
    ['HOOK', WEBHOOK_SECRET],
    ['GIT', GITHUB_SECRET],
  ]);
  const nowhere: typeof fetch = () => Promise.reject(new Error('out of reach'));
  const access = createAccess({ config, runtime, secrets, fetch: nowhere, fallback: 'deny' });
  const app = createHttpApp({ ...it, store, access, platform: webPlatform(runtime, credentialHolder()) });
  server = await startWebServer({ fetch: app.fetch, port: 0 });
});

afterAll(() => server.close());

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

const KEYS = { 'x-fc-access-key-id': 'id-1', 'x-fc-access-key-secret': 'secret-1' };

async function call(
  method: string,
  target: string,
  headers: Readonly<Record<string, string>> = {},
  body = '',
): Promise<Answer> {
  const sent = request({
    port: server.port,
    agent: false,
    path: target,
    method,
    headers: { ...KEYS, 'x-fc-request-id': 'r-1', ...headers },
  });
  sent.end(body);
  const [response]: [IncomingMessage] = (await once(sent, 'response')) as [IncomingMessage];
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(await response.toArray()),
  };
}

/** The place of the operation in the document, or null. */
function operationOf(method: string, target: string): string[] | null {
  const [, name = ''] = /^\/append\/([^/?]*)/.exec(target) ?? [];
  const wanted = target.startsWith('/append/') ? [`/append/${name}`, `/append/${name}/{path}`] : [target];
  const place = wanted.find((one) => Object.hasOwn(document['paths'], one));
  if (place === undefined || !Object.hasOwn(document['paths'][place], method.toLowerCase())) return null;
  return ['paths', place, method.toLowerCase()];
}

const at = (place: readonly string[]): Json => place.reduce((value: Json, name) => value?.[name], document);

/** Headers that every answer may have, whatever it is about (RFC 9110, and of the server). */
const USUAL =
  /^(content-(type|length)|date|connection|keep-alive|transfer-encoding|vary|access-control-.*|x-content-type-options)$/;

const seen = new Set<string>();

/** All that an answer has and the document does not, or the other way round. */
function strange(method: string, target: string, { status, headers, body }: Answer): unknown[] {
  const operation = operationOf(method, target);
  const place = operation
    ? [...operation, 'responses', String(status)]
    : ['components', 'responses', `Elsewhere${status}`];
  const response = at(place);
  if (response === undefined) return [`${place.join(' ')} is not there`];
  const documented = Object.entries<Json>(response['headers'] ?? {});
  const names = new Set(documented.map(([name]) => name.toLowerCase()));
  const wrong: unknown[] = [
    ...Object.keys(headers).filter((name) => !USUAL.test(name) && !names.has(name)),
    ...documented
      .filter(([name, { required }]) => required && headers[name.toLowerCase()] === undefined)
      .map(([name]) => `no ${name}`),
  ];
  const [type = ''] = headers['content-type']?.split(';') ?? [];
  const isProblem = type === 'application/problem+json';
  if (isProblem && method !== 'HEAD') seen.add(JSON.parse(body.toString()).type.replace(/.*:/, ''));
  if (method === 'HEAD' || status === 304 || status === 204) return wrong;
  const content = response['content'];
  if (!Object.hasOwn(content ?? {}, type)) return [...wrong, `no ${type}`];
  if (content[type].schema === undefined) return wrong;
  const misfit = misfits([...place, 'content', type, 'schema'], JSON.parse(body.toString()));
  return misfit === null ? wrong : [...wrong, misfit];
}

describe('the OpenAPI document', () => {
  it('is one, by a validator of others', async () => {
    const { valid, errors } = await new Validator().validate(structuredClone(document));
    expect([valid, errors]).toEqual([true, undefined]);
  });

  it('has every answer of the app, and of every type of problem there is one', async () => {
    const wrong: unknown[] = [];
    for (const [expected, method, target, headers, body] of CALLS) {
      const answer = await call(method, target, headers, body);
      const told = answer.body.toString('latin1', 0, 2000);
      const is =
        Number(expected) > 0
          ? String(answer.status)
          : (/problem:([\w-]+)/.exec(told)?.[1] ?? (method === 'HEAD' ? expected : ''));
      if (is !== expected) wrong.push([method, target.slice(0, 80), expected, answer.status, told]);
      for (const what of strange(method, target, answer))
        wrong.push([method, target.slice(0, 80), answer.status, what]);
    }
    expect(wrong).toEqual([]);
    const types: string[] = document['components'].schemas.Problem.properties.type.enum;
    expect(types.map((type) => type.replace(/.*:/, '')).filter((type) => !seen.has(type))).toEqual([]);
  });

  it('has the schemas of the records, whose references stay in them', () => {
    const record = ['components', 'schemas', 'Record.orders'];
    expect(misfits(record, { items: [{ sku: 1 }] })).toBeNull();
    expect(misfits(record, { items: [{}] })).toMatchObject([
      { instancePath: '/items/0', keyword: 'required' },
    ]);
    expect(misfits(['components', 'schemas', 'Record.whole'], { n: '1' })).toMatchObject([
      { instancePath: '/n' },
    ]);
    const bodies = at(['paths', '/append/orders', 'post', 'requestBody', 'content']);
    expect(Object.keys(bodies)).toEqual([
      'application/json',
      'application/x-ndjson',
      'text/*',
      'application/cloudevents+json',
      'application/cloudevents-batch+json',
    ]);
    const event = [
      'paths',
      '/append/orders',
      'post',
      'requestBody',
      'content',
      'application/cloudevents+json',
      'schema',
    ];
    expect(misfits(event, JSON.parse(EVENT))).toBeNull();
    expect(misfits(event, { ...JSON.parse(EVENT), data: { items: [{}] } })).toMatchObject([
      { instancePath: '/data/items/0' },
    ]);
  });

  it('says what makes the key, who may call, and what cannot be called is not there', () => {
    const { paths } = document as Json;
    expect(Object.keys(paths)).toEqual([
      '/',
      '/health',
      '/append/notes/{path}',
      '/append/events',
      '/append/orders',
      '/append/whole',
      '/append/laned',
      '/append/queued',
      '/append/guarded',
    ]);
    const named = (method: string, path: string) =>
      paths[path][method].parameters.map(
        ({ name, required = false }: Json) => `${name}${required ? '' : '?'}`,
      );
    expect(named('post', '/append/notes/{path}')).toEqual(['path', 'If-Match?']);
    expect(named('post', '/append/orders')).toEqual(
      expect.arrayContaining(['tenant', 'If-Match?', 'Idempotency-Key?', 'Producer-Id?']),
    );
    expect(named('post', '/append/laned')).not.toContain('Producer-Id?');
    expect(named('get', '/append/laned')).toEqual(
      expect.arrayContaining(['lane?', 'segment?', 'record?', 'object?']),
    );
    expect(named('get', '/append/events')).toEqual(expect.arrayContaining(['time?', 'segment?', 'Range?']));
    expect(named('get', '/append/queued')).toContain('queue?');
    expect(Object.keys(paths['/append/queued'])).toEqual(['get', 'head', 'options']);
    const security = (method: string, path: string) =>
      paths[path][method].security.flatMap((one: Json) => Object.keys(one));
    expect(security('post', '/append/notes/{path}')).toEqual([]);
    expect(security('post', '/append/whole')).toEqual(['trigger']);
    expect(security('post', '/append/guarded')).toEqual(['bearer', 'jwt', 'webhook', 'github']);
    expect(security('get', '/append/guarded')).toEqual(['bearer', 'jwt']);
    const statuses = (path: string) => Object.keys(paths[path].post.responses);
    expect(statuses('/append/notes/{path}')).not.toEqual(expect.arrayContaining(['401']));
    expect(statuses('/append/guarded')).toEqual(expect.arrayContaining(['401', '403', '503']));
  });

  it('tells neither names nor hashes of credentials', () => {
    const text = JSON.stringify(document);
    for (const hidden of [BEARER.sha256, '"ci"', 'fleet', '"HOOK"', 'id.example'])
      expect(text).not.toContain(hidden);
  });
});

describe('npm run openapi', () => {
  const run = (...args: string[]) =>
    promisify(execFile)(process.execPath, ['--import', 'tsx', 'infra/openapi/main.ts', ...args], {
      cwd: path.join(import.meta.dirname, '../../..'),
    });

  it('writes the document of append.config.ts', async () => {
    const { stdout } = await run('--server', 'https://append.example');
    const written = JSON.parse(stdout);
    expect(written).toMatchObject({
      openapi: '3.1.1',
      servers: [{ url: 'https://append.example' }],
      info: { version: '0.1.0' },
    });
    expect((await new Validator().validate(written)).valid).toBe(true);
    expect(Object.keys(JSON.parse((await run('--access', 'deny')).stdout).paths)).toEqual(['/', '/health']);
  });

  it('says what is wrong with how it was called', async () => {
    await expect(run('--access', 'all')).rejects.toMatchObject({
      code: 2,
      stderr: '--access all: write open, trigger, deny.\n',
    });
    await expect(run('--server', 'here')).rejects.toMatchObject({ code: 2 });
  });
});
