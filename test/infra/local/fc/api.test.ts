import { createHash, createHmac } from 'node:crypto';
import Client from '@alicloud/fc2';
import { describe, expect, it } from 'vitest';
import type { FcPlatform } from '../../../../infra/local/fc/platform.ts';
import { KEY, parse, send, start } from './support.ts';

const source = `exports.handler = async (event, context) => {
  const text = event.toString();
  if (text === 'throw') throw new RangeError('too far');
  if (text === 'json') return { retry: context.retryCount };
  console.log('got ' + text);
  return event;
};`;

const client = (fc: FcPlatform, accessKeySecret = KEY.accessKeySecret, accessKeyID = KEY.accessKeyId) =>
  new Client('1234567890123456', {
    accessKeyID,
    accessKeySecret,
    region: 'cn-hangzhou',
    endpoint: fc.apiUrl,
  });

describe('the invoke API, as @alicloud/fc2 speaks it', () => {
  it('calls a function with bytes and answers with bytes', async () => {
    const fc = await start({ f: { source } });
    const bytes = Buffer.from([0, 1, 255]);
    const { data, headers } = await client(fc).invokeFunction('demo', 'f', bytes, {}, undefined, {
      rawBuf: true,
    });
    expect(data).toEqual(bytes);
    expect(headers['x-fc-request-id']).toMatch(/^1-/);
    expect((await client(fc).invokeFunction('demo', 'f', 'LATEST too', {}, 'LATEST')).data).toBe(
      'LATEST too',
    );
    expect((await client(fc).invokeFunction('demo', 'f', '')).data).toBe('');
  });

  it('answers 200 with the error type when the function fails', async () => {
    const fc = await start({ f: { source } });
    const { data, headers } = await client(fc).invokeFunction('demo', 'f', 'throw');
    expect(headers['x-fc-error-type']).toBe('UnhandledInvocationError');
    expect(data).toMatchObject({ errorMessage: 'too far', errorType: 'RangeError' });
  });

  it('gives the end of the call’s log on request, 4 KB of it', async () => {
    const fc = await start({ f: { source } });
    const tail = async (text: string) => {
      const { headers } = await client(fc).invokeFunction('demo', 'f', text, { 'x-fc-log-type': 'Tail' });
      return Buffer.from(headers['x-fc-log-result'] ?? '', 'base64').toString();
    };
    expect(await tail('first')).toMatch(/^FC Invoke Start.*\ngot first\nFC Invoke End RequestId: .*\n$/);
    expect(await tail('second')).not.toContain('first');
    expect(Buffer.byteLength(await tail('x'.repeat(10_000)))).toBe(4096);
    expect((await client(fc).invokeFunction('demo', 'f', 'x')).headers).not.toHaveProperty('x-fc-log-result');
  });

  it('accepts asynchronous calls with 202 and runs them', async () => {
    const lines: string[] = [];
    const fc = await start({ f: { source } }, { onLog: ({ line }) => lines.push(line) });
    const { data } = await client(fc).invokeFunction('demo', 'f', 'later', {
      'x-fc-invocation-type': 'Async',
    });
    expect(data).toBe('');
    await fc.idle();
    expect(lines).toEqual(['got later']);
    const large = client(fc).invokeFunction('demo', 'f', 'x'.repeat(128 * 1024 + 1), {
      'x-fc-invocation-type': 'Async',
    });
    await expect(large).rejects.toMatchObject({ code: 'RequestEntityTooLarge' });
  });

  it('refuses wrong secrets, keys, services, functions and versions', async () => {
    const fc = await start({ f: { source } });
    const code = (work: Promise<unknown>) =>
      work.then(
        () => 'accepted',
        (error) => error.code,
      );
    expect(await code(client(fc, 'wrong').invokeFunction('demo', 'f', 'x'))).toBe('SignatureNotMatch');
    expect(await code(client(fc, 'x', 'LTAIother').invokeFunction('demo', 'f', 'x'))).toBe(
      'InvalidAccessKeyID',
    );
    expect(await code(client(fc).invokeFunction('other', 'f', 'x'))).toBe('ServiceNotFound');
    expect(await code(client(fc).invokeFunction('demo', 'g', 'x'))).toBe('FunctionNotFound');
    expect(await code(client(fc).invokeFunction('demo', 'f', 'x', {}, 'prod'))).toBe('AliasNotFound');
  });

  it('lists the functions', async () => {
    const fc = await start({ f: { source }, g: { source } });
    const { data } = await client(fc).listFunctions('demo');
    expect(data).toMatchObject({
      functions: [{ functionName: 'f', runtime: 'nodejs20' }, { functionName: 'g' }],
    });
  });

  it('refuses unsigned requests, old ones, and bodies that were not signed', async () => {
    const fc = await start({ f: { source } });
    const path = '/2016-08-15/services/demo/functions/f/invocations';
    const md5 = Buffer.from(createHash('md5').update('signed').digest('hex')).toString('base64');
    const call = async (date: Date, body: string, signed = true) => {
      const text = `POST\n${md5}\ntext/plain\n${date.toUTCString()}\nx-fc-account-id:1\n${path}`;
      const signature = createHmac('sha256', KEY.accessKeySecret).update(text).digest('base64');
      const authorization = signed ? { authorization: `FC ${KEY.accessKeyId}:${signature}` } : {};
      const headers = {
        ...authorization,
        date: date.toUTCString(),
        'content-md5': md5,
        'content-type': 'text/plain',
        'x-fc-account-id': '1',
      };
      return (await send(fc.apiUrl, { method: 'POST', path, headers, body })).status;
    };
    const now = new Date();
    expect(await call(now, 'signed')).toBe(200);
    expect(await call(now, 'forged')).toBe(400);
    expect(await call(now, 'signed', false)).toBe(403);
    expect(await call(new Date(now.getTime() - 16 * 60_000), 'signed')).toBe(403);
  });
});

interface Acs3 {
  readonly body?: string;
  readonly query?: string;
  readonly signedQuery?: string;
  readonly secret?: string;
  readonly at?: Date;
  readonly extra?: Record<string, string>;
  readonly method?: string;
  readonly path?: string;
}

/** Signs as the help page of the signature, version 3, says. */
function acs3(fc: FcPlatform, options: Acs3 = {}) {
  const { body = 'event', query = '', secret = KEY.accessKeySecret, at = new Date(), extra = {} } = options;
  const { method = 'POST', path = '/2023-03-30/functions/f/invocations', signedQuery = query } = options;
  const digest = createHash('sha256').update(body).digest('hex');
  const headers: Record<string, string> = {
    host: new URL(fc.apiUrl).host,
    'x-acs-action': 'InvokeFunction',
    'x-acs-content-sha256': digest,
    'x-acs-date': at.toISOString().replace(/\.\d+/, ''),
    'x-acs-signature-nonce': String(Math.random()),
    'x-acs-version': '2023-03-30',
  };
  const names = Object.keys(headers).sort();
  const lines = names.map((name) => `${name}:${headers[name]}\n`).join('');
  const canonical = [method, path, signedQuery, lines, names.join(';'), digest].join('\n');
  const text = `ACS3-HMAC-SHA256\n${createHash('sha256').update(canonical).digest('hex')}`;
  const signature = createHmac('sha256', secret).update(text).digest('hex');
  const authorization = `ACS3-HMAC-SHA256 Credential=${KEY.accessKeyId},SignedHeaders=${names.join(';')},Signature=${signature}`;
  const target = query ? `${path}?${query}` : path;
  return send(fc.apiUrl, { method, path: target, body, headers: { ...headers, ...extra, authorization } });
}

describe('the invoke API of FC 3.0', () => {
  it('calls a function that is asked for with a valid signature', async () => {
    const fc = await start({ f: { source } });
    const answer = await acs3(fc, { query: 'qualifier=LATEST' });
    expect([answer.status, answer.body.toString()]).toEqual([200, 'event']);
    expect((await acs3(fc, { extra: { 'x-fc-invocation-type': 'Async' } })).status).toBe(202);
    const list = await acs3(fc, { method: 'GET', path: '/2023-03-30/functions', body: '' });
    expect(parse(list.body)).toMatchObject({ functions: [{ functionName: 'f' }] });
  });

  it('refuses what is not signed, or signed otherwise', async () => {
    const fc = await start({ f: { source } });
    const unsigned = await send(fc.apiUrl, { method: 'POST', path: '/2023-03-30/functions/f/invocations' });
    expect(unsigned.status).toBe(403);
    expect(parse(unsigned.body)).toMatchObject({ Code: 'AccessDenied', RequestId: expect.any(String) });
    expect((await acs3(fc, { secret: 'wrong' })).status).toBe(403);
    expect((await acs3(fc, { query: 'qualifier=LATEST', signedQuery: '' })).status).toBe(403);
    expect((await acs3(fc, { at: new Date(Date.now() - 16 * 60_000) })).status).toBe(403);
    expect((await acs3(fc, { extra: { 'x-acs-content-sha256': 'f'.repeat(64) } })).status).toBe(400);
    expect((await acs3(fc, { extra: { 'x-acs-security-token': 'unsigned' } })).status).toBe(403);
  });

  it('says what is not there', async () => {
    const fc = await start({ f: { source } });
    const missing = await acs3(fc, { path: '/2023-03-30/functions/g/invocations' });
    expect(missing.status).toBe(404);
    expect(parse(missing.body)).toMatchObject({ Code: 'FunctionNotFound' });
    expect((await acs3(fc, { query: 'qualifier=prod' })).status).toBe(404);
    expect((await send(fc.apiUrl, { path: '/nothing' })).status).toBe(404);
  });
});

describe('an asynchronous call', () => {
  const failing =
    'exports.handler = async (event, context) => { console.log(context.retryCount); throw new Error(); };';

  it('is retried as often as the function says, its request id the same', async () => {
    const log: string[] = [];
    const events: string[] = [];
    const fc = await start(
      {
        standard: { source: failing },
        once: {
          source: 'exports.handler = async (e, context) => { console.log(context.requestId); throw 1; };',
          asyncInvokeConfig: {
            maxAsyncRetryAttempts: 1,
            destinationConfig: { onFailure: { destination: 'acs:mns:x' } },
          },
        },
      },
      {
        onLog: ({ functionName, line }) => log.push(`${functionName} ${line}`),
        onEvent: ({ type }) => events.push(type),
      },
    );
    await fc.invokeAsync('standard', Buffer.alloc(0));
    await fc.idle();
    expect(log).toEqual(['standard 0', 'standard 1', 'standard 2', 'standard 3']);
    expect(events).toContain('async-dropped');
    log.length = 0;
    const requestId = await fc.invokeAsync('once', Buffer.alloc(0));
    await fc.idle();
    expect(log).toEqual([`once ${requestId}`, `once ${requestId}`]);
    expect(fc.asyncCalls).toEqual({ pending: 0, deadLetters: 1 });
  });
});
