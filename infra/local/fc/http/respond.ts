/** Writing a whole answer. */
import type { ServerResponse } from 'node:http';
import { ApiError } from '../errors.ts';
import { errorResponse, type HttpResponse } from './event.ts';

/** Answers with an error, unless an answer has begun: then the connection is cut. */
export function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) return void response.destroy();
  const { status, code, message } =
    error instanceof ApiError ? error : new ApiError(500, 'InternalServerError', 'the local platform failed');
  // Read, not cut off: a client that is still sending would lose the answer with the connection.
  response.req.resume();
  send(response, errorResponse(status, code, message));
}

export function send(response: ServerResponse, { status, headers, body }: HttpResponse): void {
  const mayHaveBody = status !== 204 && status !== 304;
  response.writeHead(status, mayHaveBody ? { ...headers, 'content-length': body.length } : headers);
  response.end(mayHaveBody ? body : undefined);
}
