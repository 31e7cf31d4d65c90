/**
 * The HTTP trigger: one port for all functions that have one. The host name `<function>.localhost` chooses the
 * function, any other host the default one. The built-in runtime gets an event and answers a struct; a custom runtime
 * gets the request itself (`proxy.ts`). The trigger's `authType` is not enforced.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AsyncCalls } from '../async.ts';
import { ApiError, functionNotFound } from '../errors.ts';
import { newRequestId } from '../ids.ts';
import { invocationType } from '../invocation-type.ts';
import type { Invoke } from '../invoke.ts';
import {
  ASYNC_EVENT_BYTES_MAX,
  HTTP_HEADER_BYTES_MAX,
  HTTP_TARGET_BYTES_MAX,
  SYNC_EVENT_BYTES_MAX,
} from '../limits.ts';
import type { FunctionConfig } from '../template/function.ts';
import { readBody } from './body.ts';
import { toHttpEvent, toHttpResponse } from './event.ts';
import type { Forward } from './proxy.ts';
import { refuse, send } from './respond.ts';

export interface HttpTriggerOptions {
  /** Functions with an http trigger. */
  readonly functions: readonly FunctionConfig[];
  readonly defaultFunction: FunctionConfig | undefined;
  readonly accountId: string;
  readonly invoke: Invoke;
  readonly asyncCalls: AsyncCalls;
  readonly forward: Forward;
}

/** The listener of the trigger's port. It answers every request itself. */
export function createHttpTrigger(options: HttpTriggerOptions) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const requestId = newRequestId();
    response.setHeader('X-Fc-Request-Id', requestId);
    try {
      const fn = route(options, request);
      checkLimits(fn, request);
      if (invocationType(request.headers) === 'Async')
        await accept(options, fn, request, response, requestId);
      else if (fn.runtime.kind === 'custom') await options.forward(fn, request, response, requestId);
      else await runEvent(options, fn, request, response, requestId);
    } catch (error) {
      refuse(response, error);
    }
  };
}

function route({ functions, defaultFunction }: HttpTriggerOptions, request: IncomingMessage): FunctionConfig {
  const name = /^(.+)\.localhost(:\d+)?$/i.exec(request.headers.host ?? '')?.[1];
  const names = functions.map((fn) => fn.name);
  // Host names are case-insensitive, function names are not; browsers send lower case.
  const found = name ? functions.find((fn) => fn.name.toLowerCase() === name.toLowerCase()) : defaultFunction;
  if (found) return found;
  throw functionNotFound(name ?? '', names);
}

function checkLimits(fn: FunctionConfig, request: IncomingMessage): void {
  const methods = fn.http?.methods ?? [];
  const bytes = request.rawHeaders.reduce((sum, text) => sum + text.length, 0);
  if (bytes > HTTP_HEADER_BYTES_MAX)
    throw new ApiError(431, 'RequestHeaderFieldsTooLarge', `headers are over ${HTTP_HEADER_BYTES_MAX} bytes`);
  if ((request.url ?? '').length > HTTP_TARGET_BYTES_MAX)
    throw new ApiError(414, 'RequestURITooLong', `path and query are over ${HTTP_TARGET_BYTES_MAX} bytes`);
  if (!methods.includes(request.method ?? ''))
    throw new ApiError(405, 'MethodNotAllowed', `the trigger of ${fn.name} allows ${methods.join(', ')}`);
}

async function toEvent(
  options: HttpTriggerOptions,
  fn: FunctionConfig,
  request: IncomingMessage,
  requestId: string,
  bytesMax: number,
): Promise<Buffer> {
  const event = toHttpEvent(
    {
      method: request.method ?? '',
      target: request.url ?? '/',
      rawHeaders: request.rawHeaders,
      body: await readBody(request, bytesMax, 'the body'),
      sourceIp: request.socket.remoteAddress ?? '',
    },
    {
      functionName: fn.name,
      region: fn.region,
      accountId: options.accountId,
      triggerId: fn.http?.triggerName ?? '',
      requestId,
      atMs: Date.now(),
    },
  );
  return Buffer.from(JSON.stringify(event));
}

async function runEvent(
  options: HttpTriggerOptions,
  fn: FunctionConfig,
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
): Promise<void> {
  const event = await toEvent(options, fn, request, requestId, SYNC_EVENT_BYTES_MAX);
  const hangUp = new AbortController();
  response.once('close', () => hangUp.abort());
  const result = await options.invoke({ functionName: fn.name, event, requestId, signal: hangUp.signal });
  if (result.errorType === null) return send(response, toHttpResponse(result.body));
  response.setHeader('X-Fc-Error-Type', result.errorType);
  send(response, { status: 502, headers: { 'content-type': 'application/json' }, body: result.body });
}

async function accept(
  options: HttpTriggerOptions,
  fn: FunctionConfig,
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
): Promise<void> {
  if (fn.runtime.kind === 'custom')
    throw new ApiError(
      400,
      'NotSupported',
      'asynchronous HTTP calls of custom runtimes are not supported locally',
    );
  const event = await toEvent(options, fn, request, requestId, ASYNC_EVENT_BYTES_MAX);
  await options.asyncCalls.accept(fn.name, event, requestId);
  send(response, { status: 202, headers: {}, body: Buffer.alloc(0) });
}
