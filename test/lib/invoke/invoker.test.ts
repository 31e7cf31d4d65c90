import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Invoker } from '../../../lib/aggregate/ports.ts';
import type { Credentials } from '../../../lib/credentials.ts';
import { fc2Invoker } from '../../../lib/invoke/fc2.ts';
import { fc3Invoker } from '../../../lib/invoke/fc3.ts';
import { InvokeError } from '../../../lib/invoke/invoker.ts';
import { type Runtime, systemRuntime } from '../../../lib/runtime.ts';
import { KEY, start } from '../../infra/local/fc/support.ts';

interface Setting {
  readonly endpoint: string;
  readonly functionName?: string;
  readonly credentials?: () => Credentials;
  readonly runtime?: Pick<Runtime, 'after' | 'now'>;
}

const base = ({
  functionName = 'f',
  credentials = () => KEY,
  runtime = systemRuntime(),
  ...rest
}: Setting) => ({
  region: 'cn-hangzhou',
  accountId: '1234567890123456',
  functionName,
  credentials,
  runtime,
  ...rest,
});

const APIS: readonly [string, (setting: Setting) => Invoker][] = [
  ['Function Compute 2.0', (setting) => fc2Invoker({ ...base(setting), serviceName: 'demo' })],
  ['Function Compute 3.0', (setting) => fc3Invoker(base(setting))],
];

/** Prints its event, and with which key it was called. */
const source = `exports.handler = async (event, context) => {
  console.log(JSON.stringify({ event: JSON.parse(event), key: context.credentials.accessKeyId }));
};`;

const call = { job: 'orders-table', group: '2026-11-22T20:00Z' };

async function refused(work: Promise<void>): Promise<InvokeError> {
  const error = await work.then(
    () => null,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(InvokeError);
  return error as InvokeError;
}

async function serving(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`;
}

describe.each(APIS)('the invoker of %s', (_, invokerFor) => {
  it('has the function called asynchronously, with the event of a timer', async () => {
    const lines: string[] = [];
    const fc = await start({ f: { source } }, { onLog: ({ line }) => lines.push(line) });
    const runtime = { ...systemRuntime(), now: () => Date.UTC(2026, 10, 22, 21, 1) };
    const invoker = invokerFor({ endpoint: fc.apiUrl, runtime });
    await invoker.invoke(call);
    // Two calls at once run in two instances, and either may be the first to print.
    await fc.idle();
    await invoker.invoke({ ...call, group: null });
    await fc.idle();
    const payloads = lines.map((line) => JSON.parse(line).event).map(({ payload }) => JSON.parse(payload));
    expect(payloads).toEqual([call, { job: 'orders-table' }]);
    expect(JSON.parse(lines[0] ?? '').event).toMatchObject({
      triggerName: 'hand-over',
      triggerTime: '2026-11-22T21:01:00.000Z',
    });
  });

  it('signs with the credentials of the call under way, token and all', async () => {
    let issued = 0;
    const keys: Credentials[] = [];
    const fc = await start(
      { f: { source } },
      {
        credentials: () => {
          issued += 1;
          const key = {
            accessKeyId: `STS.${issued}`,
            accessKeySecret: `s-${issued}`,
            securityToken: `t-${issued}`,
          };
          keys.push(key);
          return key;
        },
      },
    );
    await fc.invoke('f', Buffer.from('{}'));
    await fc.invoke('f', Buffer.from('{}'));
    const used: Credentials[] = [];
    const credentials = () => {
      const key = keys[used.length] ?? KEY;
      used.push(key);
      return key;
    };
    const invoker = invokerFor({ endpoint: fc.apiUrl, credentials });
    await invoker.invoke(call);
    await invoker.invoke(call);
    expect(used.map(({ accessKeyId }) => accessKeyId)).toEqual(['STS.1', 'STS.2']);
    const mixed = { accessKeyId: 'STS.1', accessKeySecret: 's-1', securityToken: 't-2' };
    const error = await refused(invokerFor({ endpoint: fc.apiUrl, credentials: () => mixed }).invoke(call));
    expect(error).toMatchObject({ code: 'InvalidSecurityToken', status: 403 });
  });

  it.each([
    [
      'a wrong secret',
      { credentials: () => ({ ...KEY, accessKeySecret: 'wrong' }) },
      'SignatureNotMatch',
      403,
    ],
    [
      'an unknown key',
      { credentials: () => ({ ...KEY, accessKeyId: 'LTAIother' }) },
      'InvalidAccessKeyID',
      403,
    ],
    ['an unknown function', { functionName: 'g' }, 'FunctionNotFound', 404],
  ])('tells code, status and request id when %s is refused', async (_what, setting, code, status) => {
    const fc = await start({ f: { source } });
    const error = await refused(invokerFor({ endpoint: fc.apiUrl, ...setting }).invoke(call));
    expect(error).toMatchObject({ code, status, requestId: expect.stringMatching(/^1-/) });
    expect(error.cause).toBeInstanceOf(Error);
    expect(fc.asyncCalls).toEqual({ pending: 0, deadLetters: 0 });
  });

  it('is refused over the 128 KB of an asynchronous event', async () => {
    const fc = await start({ f: { source } });
    const error = await refused(
      invokerFor({ endpoint: fc.apiUrl }).invoke({ ...call, group: 'x'.repeat(128 * 1024) }),
    );
    expect(error).toMatchObject({ code: 'RequestEntityTooLarge', status: 413 });
  });

  it('shows no credential in an error, even if the platform sends them back', async () => {
    const endpoint = await serving((request, response) => {
      const ErrorMessage = `to sign was: ${inspect(request.rawHeaders)} with top-secret`;
      response.writeHead(403, { 'content-type': 'application/json', 'x-fc-request-id': '1-a' });
      const code = 'SignatureNotMatch';
      response.end(
        JSON.stringify({
          ErrorCode: code,
          ErrorMessage,
          Code: code,
          Message: ErrorMessage,
          RequestId: '1-a',
        }),
      );
    });
    const credentials = () => ({
      accessKeyId: 'STS.1',
      accessKeySecret: 'top-secret',
      securityToken: 'a-token',
    });
    const error = await refused(invokerFor({ endpoint, credentials }).invoke(call));
    expect(error).toMatchObject({ code: 'SignatureNotMatch', status: 403, requestId: '1-a' });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/top-secret|a-token/);
    expect(String(error.cause)).toContain('to sign was');
  });

  it('says that there was no answer, and why', async () => {
    const endpoint = await serving((request) => request.socket.destroy());
    const error = await refused(invokerFor({ endpoint }).invoke(call));
    expect(error).toMatchObject({ code: 'NoAnswer', status: null, requestId: null });
    expect(error.cause).toBeInstanceOf(Error);
  });

  it('makes a call again whose connection broke off', async () => {
    let calls = 0;
    const endpoint = await serving((request, response) => {
      calls += 1;
      if (calls === 1) request.socket.destroy();
      else response.writeHead(202).end();
    });
    await invokerFor({ endpoint }).invoke(call);
    expect(calls).toBe(2);
  });

  it('takes an answer that is not of Function Compute for a refusal, whatever it holds', async () => {
    const endpoint = await serving((_request, response) =>
      response.writeHead(502, { 'content-type': 'text/html' }).end('<html>'),
    );
    await refused(invokerFor({ endpoint }).invoke(call));
  });

  it('waits no longer than its time', async () => {
    let late = () => {};
    const endpoint = await serving(() => late());
    const runtime = {
      ...systemRuntime(),
      after: (_ms: number, run: () => void) => {
        late = run;
        return () => {};
      },
    };
    const error = await refused(invokerFor({ endpoint, runtime }).invoke(call));
    expect(error).toMatchObject({ code: 'Timeout', status: null });
  });
});
