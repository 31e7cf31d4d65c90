/**
 * The app as a web function: a server in a custom runtime (FC documentation, "Web functions").
 *
 * Function Compute passes requests through untouched and says in `x-fc-` headers, which it takes from no one else, what
 * a handler's context would say: the request's id, the function's time-out, the credentials of its role. Its lifecycle
 * hooks are requests too.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { getRequestListener, RequestError } from '@hono/node-server';
import type { CredentialHolder } from '../credentials.ts';
import { IntakeError } from '../intake/errors.ts';
import type { Runtime } from '../runtime.ts';
import { CALL_MS, type Platform } from './app.ts';
import { assertWithinLimits } from './limits.ts';
import { problemResponse } from './problem.ts';

export interface WebBindings {
  readonly incoming: Pick<IncomingMessage, 'method' | 'url' | 'headers'>;
  readonly acceptBody: () => void;
}

export interface WebServerOptions {
  readonly fetch: (request: Request, bindings: WebBindings) => Response | Promise<Response>;
  /** 0 takes any free port. */
  readonly port: number;
}

export interface WebServer {
  readonly port: number;
  /** Takes no more requests; ends when those under way are answered. */
  close(): Promise<void>;
}

/** Function Compute keeps connections and asks for this much patience (FC documentation, "Web functions"). */
const TIMEOUT_MS = 15 * 60_000;
const HOOKS = new Set(['/initialize', '/pre-stop']);

export function webPlatform(
  { monotonic }: Pick<Runtime, 'monotonic'>,
  credentials: CredentialHolder,
): Platform<WebBindings> {
  return {
    rawPath: ({ incoming }) => incoming.url,
    call: ({ incoming, acceptBody }) => {
      const header = (name: string) => incoming.headers[`x-fc-${name}`]?.toString();
      const timeoutMs = Number(header('function-timeout')) * 1000 || CALL_MS;
      const deadlineMs = monotonic() + timeoutMs;
      return {
        requestId: header('request-id') ?? null,
        remainingMs: () => deadlineMs - monotonic(),
        authorize: () =>
          credentials.update({
            accessKeyId: header('access-key-id'),
            accessKeySecret: header('access-key-secret'),
            securityToken: header('security-token'),
          }),
        acceptBody,
      };
    },
  };
}

/** Listens on all addresses, where the platform looks for it. */
export async function startWebServer({ fetch, port }: WebServerOptions): Promise<WebServer> {
  const acceptBody = new WeakMap<object, () => void>();
  const listener = getRequestListener(
    (request, { incoming }) => {
      // A host such as a.0 is one to the adapter, and no URL has it.
      if (hostsOf(incoming) > 1 || !URL.canParse(request.url)) return malformed();
      if (incoming.method === 'POST' && HOOKS.has(incoming.url ?? ''))
        return new Response(null, { status: 200 });
      assertWithinLimits(incoming);
      return fetch(request, { incoming, acceptBody: acceptBody.get(incoming) ?? (() => {}) });
    },
    { errorHandler: refuse },
  );
  const answer = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    // While it is closing, a connection without a request would only hold the process.
    outgoing.once('close', () => server.listening || server.closeIdleConnections());
    void listener(incoming, outgoing);
  };
  const server = createServer(answer);
  // The body comes when the app asks for it. An answer before that refuses it, and Node then ends the connection: nobody
  // can tell whether what comes next on it would be the body (RFC 9110 §10.1.1).
  server.on('checkContinue', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    acceptBody.set(incoming, () => outgoing.writeContinue());
    answer(incoming, outgoing);
  });
  server.on('checkExpectation', answer);
  server.requestTimeout = TIMEOUT_MS;
  server.headersTimeout = TIMEOUT_MS;
  server.keepAliveTimeout = TIMEOUT_MS;
  server.listen(port, '0.0.0.0');
  await once(server, 'listening');
  return {
    port: portOf(server, port),
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}

/** Of two, whoever passed the request on may have taken the other one (RFC 9112 §3.2). */
function hostsOf({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>): number {
  return rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === 'host').length;
}

/** The app answers for its own errors; what is left is a request that it could not be shown. */
function refuse(cause: unknown): Response {
  return cause instanceof RequestError ? malformed(cause) : problemResponse(cause, { requestId: null });
}

function malformed(cause?: RequestError): Response {
  const error = new IntakeError('MalformedRequest', 'The URL or the host of the request is none.', { cause });
  return problemResponse(error, { requestId: null });
}

function portOf(server: Server, asked: number): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : asked;
}
