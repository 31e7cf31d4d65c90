/**
 * The HTTP trigger of a custom runtime (web function): the request goes to the function's own server as it is, and the
 * response comes back as it is written, streamed both ways. Only reserved headers are taken out and `x-fc-*` put in.
 */
import {
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { type Credentials, callHeaders } from '../context.ts';
import { ApiError } from '../errors.ts';
import { connectionRefused, exited, exits, type InvocationResult, startFailed, timedOut } from '../invoke.ts';
import { HTTP_HEADER_BYTES_MAX, SYNC_EVENT_BYTES_MAX } from '../limits.ts';
import { type Instance, KEPT } from '../runtime/instance.ts';
import type { Pool } from '../runtime/pool.ts';
import { StartFailed } from '../runtime/start.ts';
import type { FunctionConfig } from '../template/function.ts';
import { checkLength, tooLarge } from './body.ts';
import { isReservedInRequest, isReservedInResponse } from './event.ts';
import { send } from './respond.ts';

export interface ForwardOptions {
  readonly pools: ReadonlyMap<string, Pool>;
  readonly credentials: () => Credentials;
  readonly accountId: string;
}

export type Forward = (
  fn: FunctionConfig,
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
) => Promise<void>;

/** How one attempt ended: `refused` the instance was dead before it took anything, so another may try. */
type Outcome = 'done' | 'refused' | InvocationResult | ApiError;

const DELIVERIES_MAX = 10;

export function createForward(options: ForwardOptions): Forward {
  return async (fn, request, response, requestId) => {
    const pool = options.pools.get(fn.name);
    if (!pool) throw new ApiError(404, 'FunctionNotFound', `no function '${fn.name}'`);
    checkLength(request, SYNC_EVENT_BYTES_MAX, 'the body');
    const hangUp = new AbortController();
    response.once('close', () => hangUp.abort());
    for (let delivery = 1; delivery <= DELIVERIES_MAX; delivery++) {
      const instance = await pool.acquire(hangUp.signal).catch((error: unknown) => {
        if (error instanceof StartFailed) return startFailed(requestId, error);
        throw error;
      });
      if ('errorType' in instance) return fail(response, instance);
      const outcome = await attempt(pool, instance, request, response, requestId, options).finally(() =>
        pool.release(instance),
      );
      if (outcome === 'done') return;
      if (outcome instanceof ApiError) throw outcome;
      if (outcome !== 'refused') return fail(response, outcome);
      await pool.discard(instance);
    }
    throw new ApiError(502, 'BadGateway', 'function instances keep exiting before the call');
  };
}

function attempt(
  pool: Pool,
  instance: Instance,
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
  options: ForwardOptions,
): Promise<Outcome> {
  const { fn } = instance;
  const context = {
    requestId,
    retryCount: 0,
    credentials: options.credentials(),
    accountId: options.accountId,
  };
  const startMs = Date.now();
  return new Promise((resolve) => {
    const upstream = httpRequest({
      ...instance.target,
      method: request.method,
      path: request.url,
      headers: [
        ...requestHeaders(request),
        ...Object.entries({ ...callHeaders(fn, context, 'http-invoke'), ...KEPT }).flat(),
      ],
    });
    const timer = setTimeout(() => {
      settle(timedOut(requestId, fn.timeoutS * 1000, instance.memoryMaxMB()));
      void pool.discard(instance);
    }, fn.timeoutS * 1000);
    const hungUp = () => upstream.destroy();
    const settle = (outcome: Outcome | Promise<Outcome>) => {
      clearTimeout(timer);
      response.off('close', hungUp);
      resolve(outcome);
    };
    response.once('close', hungUp);
    upstream.once('response', (answer) => {
      const problem = passOn(answer, response);
      if (problem) return settle(problem);
      answer.on('error', () => response.destroy());
    });
    let refused = false;
    upstream.on('error', (error) => (refused = connectionRefused(error)));
    // An answer that has begun is passed on as far as it goes, also when the function did not want the whole body.
    upstream.once('close', () => {
      if (response.headersSent || response.destroyed) settle('done');
      else settle(refused ? 'refused' : brokenOff(instance, requestId, startMs));
    });
    pipeBody(request, upstream, settle);
  });
}

/** Other calls may be under way in the instance: it goes on, unless it has died. */
async function brokenOff(instance: Instance, requestId: string, startMs: number): Promise<Outcome> {
  const durationMs = Date.now() - startMs;
  if (await exits(instance)) return exited(requestId, durationMs);
  const { name } = instance.fn;
  return new ApiError(502, 'BadGateway', `${name} closed the connection before it answered`);
}

/** The body is touched only when the connection stands, so that a refused attempt can be repeated. */
function pipeBody(
  request: IncomingMessage,
  upstream: ClientRequest,
  settle: (outcome: Outcome) => void,
): void {
  upstream.once('socket', (socket) =>
    socket.once('connect', () => {
      let bytes = 0;
      request.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes <= SYNC_EVENT_BYTES_MAX) return;
        request.unpipe(upstream);
        settle(tooLarge(SYNC_EVENT_BYTES_MAX, 'the body'));
        upstream.destroy();
      });
      request.pipe(upstream);
    }),
  );
}

function passOn(answer: IncomingMessage, response: ServerResponse): ApiError | null {
  const headers = responseHeaders(answer);
  if (headers.reduce((sum, pair) => sum + pair.join('').length, 0) > HTTP_HEADER_BYTES_MAX) {
    answer.destroy();
    return new ApiError(502, 'BadResponse', `the response's headers are over ${HTTP_HEADER_BYTES_MAX} bytes`);
  }
  for (const [name, value] of headers) response.appendHeader(name, value);
  response.writeHead(answer.statusCode ?? 502);
  // An event stream's headers must arrive before its first event.
  response.flushHeaders();
  answer.pipe(response);
  return null;
}

function fail(response: ServerResponse, result: InvocationResult): void {
  if (response.headersSent) return void response.destroy();
  response.setHeader('X-Fc-Error-Type', result.errorType ?? '');
  response.req.resume();
  send(response, { status: 502, headers: { 'content-type': 'application/json' }, body: result.body });
}

function requestHeaders(request: IncomingMessage): string[] {
  return pairs(request.rawHeaders).flatMap(([name, value]) =>
    isReservedInRequest(name) ? [] : [name, value],
  );
}

/** The length may pass: it tells how the body is framed, and HEAD answers have nothing else. */
function responseHeaders(answer: IncomingMessage): [string, string][] {
  return pairs(answer.rawHeaders).filter(
    ([name]) => !isReservedInResponse(name) || name.toLowerCase() === 'content-length',
  );
}

const pairs = (flat: readonly string[]): [string, string][] =>
  flat.flatMap((name, i): [string, string][] => (i % 2 === 0 ? [[name, flat[i + 1] ?? '']] : []));
