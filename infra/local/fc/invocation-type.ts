/** The request header by which a caller chooses whether to wait for a function's answer. */
import type { IncomingHttpHeaders } from 'node:http';
import { ApiError } from './errors.ts';

/** Throws `ApiError` 400: a misspelt type must not turn into the other one. */
export function invocationType(headers: IncomingHttpHeaders): 'Sync' | 'Async' {
  const type = headers['x-fc-invocation-type'] ?? 'Sync';
  if (type === 'Sync' || type === 'Async') return type;
  throw new ApiError(400, 'InvalidArgument', `x-fc-invocation-type is Sync or Async, not '${type}'`);
}
