/**
 * Lambda's side of a call: the handler's type, and its context made of FC's.
 */
import type { Context, Handler } from 'aws-lambda';
import { MalformedEventError, UnsupportedError } from './errors.ts';
import type { FcContext } from './fc.ts';

/**
 * A handler in Lambda's style, from one of Lambda's own handler types. The answer is a promise's; the callback, which
 * those types pass, throws `UnsupportedError` when it is called.
 */
export type LambdaHandler<Type extends Handler> = (
  event: Parameters<Type>[0],
  context: ShimContext,
  callback: Parameters<Type>[2],
) => ReturnType<Type>;

export interface ShimContext extends Context {
  /** FC's context of this very call. A warm instance takes its credentials from here and nowhere else. */
  readonly fc: FcContext;
}

export interface ShimOptions {
  /** A clock that never goes back, in milliseconds. */
  readonly now: () => number;
}

/**
 * The Lambda context of a call that begins now. The remaining time counts from here, and ends after `callMsMax` where
 * that is shorter than the function's time-out. Throws `MalformedEventError` if the time-out is unknown: without it no
 * deadline can be kept.
 */
export function shimContext(
  fc: FcContext,
  { now }: ShimOptions,
  callMsMax = Number.POSITIVE_INFINITY,
): ShimContext {
  const timeoutMs = Number(fc.function?.timeout) * 1000;
  if (!(timeoutMs > 0)) throw new MalformedEventError('context', 'function.timeout', 'a number of seconds');
  // Names of versions and logs: a call can do without.
  const service: Partial<FcContext['service']> = fc.service ?? {};
  const deadlineMs = now() + Math.min(timeoutMs, callMsMax);
  return {
    fc,
    awsRequestId: fc.requestId,
    functionName: fc.function.name,
    functionVersion: service.versionId || service.qualifier || '',
    invokedFunctionArn: functionArn(fc, service),
    memoryLimitInMB: String(fc.function.memory),
    logGroupName: service.logProject ?? '',
    logStreamName: service.logStore ?? '',
    // An instance is frozen as soon as the handler settles, whatever the event loop still holds.
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => Math.max(0, deadlineMs - now()),
    done: returnInstead,
    fail: returnInstead,
    succeed: returnInstead,
  };
}

/** In place of callbacks: ignoring them would make a handler that relies on them succeed without an answer. */
export function returnInstead(): never {
  throw new UnsupportedError('Callbacks are not supported: return a promise of the result, or throw.');
}

function functionArn(
  { region, accountId, function: { name } }: FcContext,
  service: Partial<FcContext['service']>,
): string {
  const owner = service.name ? `services/${service.name}.${service.qualifier}/` : '';
  return `acs:fc:${region}:${accountId}:${owner}functions/${name}`;
}
