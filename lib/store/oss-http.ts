/**
 * The HTTP client under ali-oss: one request, one whole answer or `NoAnswer`, never a retry, never a redirect.
 *
 * It takes the place of ali-oss's default client because that one costs several times the CPU of a bare request, and
 * because ali-oss drops the headers of a refused call, among them the length that a conflict reports.
 */

import http from 'node:http';
import https from 'node:https';
import { NO_ANSWER, StoreError } from './port.ts';

/**
 * Idle sockets are closed well before a server closes them (commonly after a minute). An instance that was frozen can
 * still pick a dead one; then that request goes unanswered, and `dropIdle` spares the ones after it.
 */
const IDLE_SOCKET_MS = 15_000;
/** Timers take no more than a signed 32-bit number. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

export interface HttpRequest {
  readonly method: string;
  readonly headers: http.OutgoingHttpHeaders;
  readonly content?: Uint8Array | undefined;
  /** From now to the last byte of the answer. */
  readonly timeoutMs: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

/**
 * Sends one request. Rejects with `StoreError` `NoAnswer` if the answer is not complete in time; throws at once, and
 * sends nothing, if the request is not valid HTTP.
 */
export type HttpClient = (url: string, request: HttpRequest) => Promise<HttpAnswer>;

/** Calls `run` once after `ms`, unless the function it returns is called first. */
export type Timer = (ms: number, run: () => void) => () => void;

export function httpClient(after: Timer): HttpClient {
  // Last in, first out: under little load the same socket stays warm and the others time out.
  const options = { keepAlive: true, scheduling: 'lifo', timeout: IDLE_SOCKET_MS } as const;
  const agents = { http: new http.Agent(options), https: new https.Agent(options) };
  // A store talks to one origin, and parsing it costs a tenth of a request.
  let last = { text: '', secure: true, hostname: '', port: '' };
  const originOf = (text: string) => {
    if (last.text !== text) {
      const { protocol, hostname, port } = new URL(text);
      last = { text, secure: protocol === 'https:', hostname, port };
    }
    return last;
  };

  return (url, { method, headers, content, timeoutMs }) => {
    // Split by hand: `URL` would resolve `.` and `..`, which are ordinary characters of a key.
    const pathStart = url.indexOf('/', url.indexOf('//') + 2);
    const { secure, hostname, port } = originOf(url.slice(0, pathStart));
    const path = url.slice(pathStart);
    const agent = secure ? agents.https : agents.http;
    const request = (secure ? https : http).request({ agent, hostname, port, path, method, headers });

    return new Promise((resolve, reject) => {
      const fail = (reason: string, cause?: Error) => {
        stopTimer();
        request.destroy();
        if (request.reusedSocket) dropIdle(agent);
        reject(new StoreError(NO_ANSWER, `OSS gave no complete answer: ${reason}.`, { cause: bare(cause) }));
      };
      const broken = (error: Error) => fail('the connection broke', error);
      const ms = Math.min(Math.max(Math.ceil(timeoutMs) || 0, 0), TIMEOUT_MS_MAX);
      const stopTimer = after(ms, () => fail(`not within ${timeoutMs} ms`));

      request.on('error', broken);
      request.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', broken);
        response.on('end', () => {
          if (!response.complete) return fail('it was cut off');
          stopTimer();
          // A refusal can overtake a long body; nobody will read the rest of that.
          if (!request.writableFinished) request.destroy();
          const [only] = chunks;
          const body = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
        });
      });
      request.end(content);
    });
  };
}

/** The youngest idle socket turned out dead, so the older ones are: without this each would cost a request. */
function dropIdle(agent: http.Agent): void {
  for (const sockets of Object.values(agent.freeSockets))
    for (const socket of sockets ?? []) socket.destroy();
}

/** Name, code and text only: an error of the HTTP parser holds the bytes it choked on. */
function bare(error: Error | undefined): Error | undefined {
  if (error === undefined) return undefined;
  const code = 'code' in error ? { code: error.code } : {};
  return Object.assign(new Error(error.message), { name: error.name, ...code });
}
