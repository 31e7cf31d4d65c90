/**
 * The invoke API in both wire forms: FC 2.0 (`/2016-08-15/services/<service>/functions/…`, functions have a service) and
 * FC 3.0 (`/2023-03-30/functions/…`). The two differ in paths and in the keys of error bodies; a call is the same.
 */
import type { AsyncCalls } from '../async.ts';
import { ApiError, functionNotFound } from '../errors.ts';
import type { HttpResponse } from '../http/event.ts';
import { invocationType } from '../invocation-type.ts';
import type { Invoke } from '../invoke.ts';
import type { FunctionConfig } from '../template/function.ts';
import { type AccessKeys, type SignedRequest, verify } from './signature.ts';

export interface FunctionsApiOptions {
  readonly functions: readonly FunctionConfig[];
  /** The one service that FC 2.0 clients see. */
  readonly serviceName: string;
  readonly accessKeys: AccessKeys;
  readonly invoke: Invoke;
  readonly asyncCalls: AsyncCalls;
}

/** What a path asks for. `service` is null in the FC 3.0 form. */
export interface FunctionsRoute {
  readonly form: 'fc2' | 'fc3';
  readonly service: string | null;
  readonly qualifier: string;
  /** null: the list of functions. */
  readonly functionName: string | null;
}

/** null: not a path of this API. */
export function routeOf(path: string, query: URLSearchParams): FunctionsRoute | null {
  const fc2 = /^\/2016-08-15\/services\/([\w-]+)(?:\.([\w-]+))?\/functions(?:\/([\w-]+)\/invocations)?$/.exec(
    path,
  );
  if (fc2)
    return {
      form: 'fc2',
      service: fc2[1] ?? '',
      qualifier: fc2[2] ?? 'LATEST',
      functionName: fc2[3] ?? null,
    };
  const fc3 = /^\/2023-03-30\/functions(?:\/([\w-]+)\/invocations)?$/.exec(path);
  if (!fc3) return null;
  return {
    form: 'fc3',
    service: null,
    qualifier: query.get('qualifier') || 'LATEST',
    functionName: fc3[1] ?? null,
  };
}

export async function serveFunctions(
  route: FunctionsRoute,
  request: SignedRequest,
  requestId: string,
  options: FunctionsApiOptions,
): Promise<HttpResponse> {
  verify(request, options.accessKeys, Date.now());
  const { service, functionName } = route;
  if (service !== null && service !== options.serviceName)
    throw new ApiError(
      404,
      'ServiceNotFound',
      `no service '${service}'; locally there is '${options.serviceName}'`,
    );
  const method = functionName === null ? 'GET' : 'POST';
  if (request.method !== method) throw new ApiError(405, 'MethodNotAllowed', `use ${method}`);
  if (functionName === null) return list(options.functions);
  if (!options.functions.some((fn) => fn.name === functionName))
    throw functionNotFound(
      functionName,
      options.functions.map((fn) => fn.name),
    );
  if (route.qualifier !== 'LATEST')
    throw new ApiError(
      404,
      'AliasNotFound',
      `no version or alias '${route.qualifier}'; only LATEST exists locally`,
    );
  return call(functionName, request, requestId, options);
}

async function call(
  functionName: string,
  { headers, body: event }: SignedRequest,
  requestId: string,
  { invoke, asyncCalls }: FunctionsApiOptions,
): Promise<HttpResponse> {
  if (invocationType(headers) === 'Async') {
    await asyncCalls.accept(functionName, event, requestId);
    return { status: 202, headers: {}, body: Buffer.alloc(0) };
  }
  const result = await invoke({ functionName, event, requestId });
  const answer: Record<string, string> = { 'content-type': 'application/octet-stream' };
  // A failing function is an answer, not an error of the API: status 200.
  if (result.errorType !== null) {
    answer['content-type'] = 'application/json';
    answer['X-Fc-Error-Type'] = result.errorType;
  }
  if (headers['x-fc-log-type'] === 'Tail' && result.logTail !== '')
    answer['X-Fc-Log-Result'] = Buffer.from(result.logTail).toString('base64');
  return { status: 200, headers: answer, body: result.body };
}

const list = (functions: readonly FunctionConfig[]): HttpResponse =>
  json(200, {
    functions: functions.map((fn) => ({
      functionName: fn.name,
      runtime: fn.runtime.kind === 'node' ? 'nodejs20' : 'custom',
      handler: fn.handler,
      memorySize: fn.memoryMB,
      timeout: fn.timeoutS,
    })),
    nextToken: '',
  });

export const json = (status: number, value: unknown): HttpResponse => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: Buffer.from(JSON.stringify(value)),
});

/** Clients of the two forms look for different keys. */
export function errorAnswer(error: ApiError, form: FunctionsRoute['form'], requestId: string): HttpResponse {
  const { code, message, status } = error;
  const body =
    form === 'fc2'
      ? { ErrorCode: code, ErrorMessage: message }
      : { Code: code, Message: message, RequestId: requestId };
  return json(status, body);
}
