/**
 * Event calls: one event in, one result out. Whatever a function does (throws, runs out of time, dies) is a result; only
 * a call that could not be given to it throws.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type CallContext, type Credentials, callHeaders } from './context.ts';
import { functionNotFound } from './errors.ts';
import { type Answer, type Instance, isFailure } from './runtime/instance.ts';
import type { Pool } from './runtime/pool.ts';
import { StartFailed } from './runtime/start.ts';

export interface Invocation {
  readonly functionName: string;
  readonly event: Uint8Array;
  readonly requestId: string;
  /** How many times this event has been tried before (asynchronous calls). */
  readonly retryCount?: number;
  /** Shortens the function's own time-out. */
  readonly timeoutMsMax?: number;
  /** Gives up waiting for an instance. A call that has begun is not broken off. */
  readonly signal?: AbortSignal;
}

export interface InvocationResult {
  readonly requestId: string;
  /** null: success. Else `X-Fc-Error-Type`, and `body` is `{errorMessage, errorType, stackTrace?}` as JSON. */
  readonly errorType: string | null;
  readonly body: Buffer;
  /** Last 4 KB of the call's log; '' for instances that serve several calls at a time. */
  readonly logTail: string;
}

/** What the HTTP trigger, the API, asynchronous calls and event streams call functions by. */
export type Invoke = (invocation: Invocation) => Promise<InvocationResult>;

export interface InvokerOptions {
  readonly pools: ReadonlyMap<string, Pool>;
  readonly credentials: () => Credentials;
  readonly accountId: string;
}

/** An idle instance may have died unnoticed; the call goes to another one, this many times at most. */
const DELIVERIES_MAX = 10;
/** How long a process whose connection broke may take to be seen dead. */
const EXIT_MS_MAX = 1_000;

/** Makes `Invoke`. It throws `ApiError` 404 (no such function), 429 (too many calls wait). */
export function createInvoke(options: InvokerOptions): Invoke {
  return async (invocation) => {
    const pool = options.pools.get(invocation.functionName);
    if (!pool) throw functionNotFound(invocation.functionName, [...options.pools.keys()]);
    for (let delivery = 1; delivery <= DELIVERIES_MAX; delivery++) {
      const result = await deliver(pool, invocation, options);
      if (result) return result;
    }
    return failed(
      invocation.requestId,
      'FunctionNotStarted',
      'Function instances keep exiting before the call',
    );
  };
}

/** null: the instance was dead before it could take the call. */
async function deliver(
  pool: Pool,
  invocation: Invocation,
  options: InvokerOptions,
): Promise<InvocationResult | null> {
  let instance: Instance;
  try {
    instance = await pool.acquire(invocation.signal);
  } catch (error) {
    if (error instanceof StartFailed) return startFailed(invocation.requestId, error);
    throw error;
  }
  try {
    return await callInstance(pool, instance, invocation, {
      requestId: invocation.requestId,
      retryCount: invocation.retryCount ?? 0,
      credentials: options.credentials(),
      accountId: options.accountId,
    });
  } finally {
    pool.release(instance);
  }
}

async function callInstance(
  pool: Pool,
  instance: Instance,
  { event, requestId, timeoutMsMax }: Invocation,
  context: CallContext,
): Promise<InvocationResult | null> {
  const { fn, output } = instance;
  const alone = fn.concurrency === 1;
  const timeoutMs = Math.min(fn.timeoutS * 1000, timeoutMsMax ?? Number.POSITIVE_INFINITY);
  const startMs = Date.now();
  let timeOut: InvocationResult | null = null;
  const timer = setTimeout(() => {
    timeOut = timedOut(requestId, timeoutMs, instance.memoryMaxMB());
    void pool.discard(instance);
  }, timeoutMs);
  if (alone) output.begin(requestId);
  const withLog = (result: InvocationResult) => (alone ? { ...result, logTail: output.finish() } : result);
  try {
    const answer = await instance.call('/invoke', callHeaders(fn, context, 'invoke'), event);
    if (fn.runtime.kind === 'node') await output.ended();
    return withLog(toResult(requestId, answer));
  } catch (error) {
    await gone(pool, instance);
    if (timeOut) return withLog(timeOut);
    if (neverTaken(instance, error)) return null;
    return withLog(exited(requestId, Date.now() - startMs));
  } finally {
    clearTimeout(timer);
  }
}

function toResult(requestId: string, answer: Answer): InvocationResult {
  const errorType = isFailure(answer)
    ? String(answer.headers['x-fc-error-type'] ?? 'UnhandledInvocationError')
    : null;
  return { requestId, errorType, body: answer.body, logTail: '' };
}

/** Whether the process died before it took the call: the built-in runtime marks the start of each one in its output. */
function neverTaken(instance: Instance, error: unknown): boolean {
  if (instance.fn.runtime.kind === 'node') return !instance.output.started;
  return connectionRefused(error);
}

/** Calls of custom runtimes use fresh connections, so a refused one proves that the call was not taken. */
export const connectionRefused = (error: unknown): boolean =>
  error instanceof Error && 'syscall' in error && error.syscall === 'connect';

/** A process that broke off a call is dead or unfit: this makes sure, and waits for its last output. */
async function gone(pool: Pool, instance: Instance): Promise<void> {
  await exits(instance);
  await pool.discard(instance);
}

/** Whether a process whose connection broke is dead, or will be in a moment. */
export async function exits(instance: Instance): Promise<boolean> {
  const timer = new AbortController();
  await Promise.race([
    instance.exited,
    sleep(EXIT_MS_MAX, undefined, { signal: timer.signal }).catch(() => undefined),
  ]);
  timer.abort();
  return instance.gone;
}

export function startFailed(requestId: string, error: StartFailed): InvocationResult {
  if (error.answer) return toResult(requestId, error.answer);
  return failed(requestId, 'FunctionNotStarted', error.message);
}

export const timedOut = (requestId: string, timeoutMs: number, memoryMB: string | null): InvocationResult => {
  const memory = memoryMB === null ? '' : ` (maxMemoryUsage: ${memoryMB}MB)`;
  return failed(
    requestId,
    'FunctionTimeoutError',
    `Function timed out after ${timeoutMs / 1000} seconds${memory}`,
  );
};

export const exited = (requestId: string, durationMs: number): InvocationResult =>
  failed(
    requestId,
    'FunctionExitedError',
    `Process exited unexpectedly before completing request (duration: ${durationMs}ms)`,
  );

const failed = (requestId: string, errorType: string, errorMessage: string): InvocationResult => ({
  requestId,
  errorType: 'UnhandledInvocationError',
  body: Buffer.from(JSON.stringify({ errorMessage, errorType, stackTrace: [] })),
  logTail: '',
});
