/**
 * The API's port: the invoke API (`functions.ts`, signed), and the local queues, for this machine only:
 * `POST /queues/{name}/messages` (the body is the message) → 201 `{messageId}`, `GET /queues` → their state.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ApiError } from '../errors.ts';
import { readBody } from '../http/body.ts';
import type { HttpResponse } from '../http/event.ts';
import { refuse, send } from '../http/respond.ts';
import { newRequestId } from '../ids.ts';
import { MESSAGE_BYTES_MAX, SYNC_EVENT_BYTES_MAX } from '../limits.ts';
import type { Queues } from '../queue/queues.ts';
import { errorAnswer, type FunctionsApiOptions, json, routeOf, serveFunctions } from './functions.ts';

export interface ApiOptions extends FunctionsApiOptions {
  readonly queues: Queues;
}

/** The listener of the API's port. It answers every request itself. */
export function createApi(options: ApiOptions) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const requestId = newRequestId();
    response.setHeader('X-Fc-Request-Id', requestId);
    const target = request.url ?? '/';
    const [path = '/'] = target.split('?', 1);
    const query = new URLSearchParams(target.slice(path.length));
    const route = routeOf(path, query);
    try {
      if (!route) return send(response, await serveQueues(request, path, options.queues));
      const body = await readBody(request, SYNC_EVENT_BYTES_MAX, 'the event');
      const signed = { method: request.method ?? '', path, query, headers: request.headers, body };
      send(response, await serveFunctions(route, signed, requestId, options));
    } catch (error) {
      if (!(error instanceof ApiError) || response.headersSent) return refuse(response, error);
      request.resume();
      send(response, errorAnswer(error, route?.form ?? 'fc2', requestId));
    }
  };
}

async function serveQueues(request: IncomingMessage, path: string, queues: Queues): Promise<HttpResponse> {
  const messages = /^\/queues\/([^/]*)\/messages$/.exec(path)?.[1];
  if (path !== '/queues' && messages === undefined) throw new ApiError(404, 'NotFound', `nothing at ${path}`);
  refuseOutsiders(request);
  const method = messages === undefined ? 'GET' : 'POST';
  if (request.method !== method) throw new ApiError(405, 'MethodNotAllowed', `use ${method}`);
  if (messages === undefined) return json(200, { queues: queues.status });
  return json(
    201,
    await queues.publish(decoded(messages), await readBody(request, MESSAGE_BYTES_MAX, 'the message')),
  );
}

/** Queues ask for no signature; so only programs of this machine may use them, and no page in its browser. */
function refuseOutsiders(request: IncomingMessage): void {
  const address = request.socket.remoteAddress ?? '';
  const isLoopback = address === '::1' || /^(::ffff:)?127\./.test(address);
  if (!isLoopback || request.headers.origin !== undefined)
    throw new ApiError(403, 'AccessDenied', 'queues take messages from programs on this machine only');
}

/** Queue names need no encoding; what is encoded all the same is named in the error as its caller wrote it. */
function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
