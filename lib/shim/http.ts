/**
 * HTTP triggers: a Lambda handler for payload format 2.0 (API Gateway HTTP APIs, function URLs) behind FC's.
 *
 * FC does not turn a thrown error into a status of ours, so a handler that throws, or answers what FC cannot send, is
 * answered for with a 500 problem document (RFC 9457) that says nothing of the error; its name goes to FC's log. Only an
 * event that is no HTTP request is thrown, as `MalformedEventError`: there is nobody to answer.
 */
import type { APIGatewayProxyHandlerV2 } from 'aws-lambda';
import { type LambdaHandler, returnInstead, type ShimOptions, shimContext } from './context.ts';
import { ShimError } from './errors.ts';
import type { FcHandler, FcHttpResponse } from './fc.ts';
import { httpEvent } from './http/event.ts';
import { httpResponse } from './http/result.ts';

/** What FC calls for an HTTP request. For the handlers of libraries with their own event types, say `const handler: Handler`. */
export function fcHttp(
  handler: LambdaHandler<APIGatewayProxyHandlerV2<unknown>>,
  options: ShimOptions,
): FcHandler<FcHttpResponse> {
  return async (event, fc) => {
    const context = shimContext(fc, options);
    const request = httpEvent(event);
    try {
      return httpResponse(await handler(request, context, returnInstead));
    } catch (error) {
      fc.logger.error(`The HTTP handler failed: ${describe(error)}`);
      return internalServerError(fc.requestId);
    }
  };
}

/** Our own messages are free of payloads; of others only the name is known to be. */
function describe(error: unknown): string {
  if (error instanceof ShimError) return `${error.name}: ${error.message}`;
  return error instanceof Error ? error.name : typeof error;
}

function internalServerError(requestId: string): FcHttpResponse {
  return {
    statusCode: 500,
    headers: { 'content-type': 'application/problem+json' },
    body: JSON.stringify({ type: 'about:blank', title: 'Internal Server Error', status: 500, requestId }),
    isBase64Encoded: false,
  };
}
