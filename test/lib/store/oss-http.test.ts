import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { type HttpRequest, httpClient, type Timer } from '../../../lib/store/oss-http.ts';
import { NO_ANSWER } from '../../../lib/store/port.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A server of raw sockets: `onRequest` sees each request that came in whole, and what it is on its connection. */
async function rawServer(
  onRequest: (socket: net.Socket, seen: { connection: number; request: number }) => void,
) {
  const sockets = new Set<net.Socket>();
  let connections = 0;
  const server = net.createServer((socket) => {
    sockets.add(socket);
    const connection = ++connections;
    let request = 0;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      if (chunk.includes('\r\n\r\n')) onRequest(socket, { connection, request: ++request });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return { url: `http://127.0.0.1:${port}/key`, connections: () => connections, sockets };
}

/** Unlike `once`, not put off by the error that may come before. */
const closeOf = (socket: net.Socket) => new Promise((resolve) => socket.on('close', resolve));

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const GET: HttpRequest = { method: 'GET', headers: {}, timeoutMs: 30_000 };
const plainTimer: Timer = (ms, run) => {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
};
const unanswered = expect.objectContaining({ code: NO_ANSWER, status: null });

describe('the HTTP client', () => {
  it('gives status, headers and body, and uses the connection again', async () => {
    const server = await rawServer((socket) => socket.write(OK));
    const send = httpClient(plainTimer);
    for (let i = 0; i < 3; i++) {
      const answer = await send(server.url, GET);
      expect({ status: answer.status, body: String(answer.body) }).toEqual({ status: 200, body: 'ok' });
    }
    expect(server.connections()).toBe(1);
  });

  it('keeps the headers of a refused call', async () => {
    const refused = 'HTTP/1.1 409 Conflict\r\nx-oss-next-append-position: 7\r\nContent-Length: 0\r\n\r\n';
    const server = await rawServer((socket) => socket.write(refused));
    const answer = await httpClient(plainTimer)(server.url, GET);
    expect(answer).toMatchObject({ status: 409, headers: { 'x-oss-next-append-position': '7' } });
  });

  it('does not follow a redirect', async () => {
    let requests = 0;
    const server = await rawServer((socket) => {
      requests += 1;
      socket.write('HTTP/1.1 307 Temporary Redirect\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n');
    });
    expect(await httpClient(plainTimer)(server.url, GET)).toMatchObject({ status: 307 });
    expect(requests).toBe(1);
  });

  it('asks for the path as it stands, dots and all', async () => {
    const paths: (string | undefined)[] = [];
    const server = http.createServer((request, response) => {
      paths.push(request.url);
      response.end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    });
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    await httpClient(plainTimer)(`http://127.0.0.1:${port}/a/../b/./%2E%2e?append=&position=0`, GET);
    expect(paths).toEqual(['/a/../b/./%2E%2e?append=&position=0']);
  });

  it('takes an answer that is cut off for no answer', async () => {
    const server = await rawServer((socket) =>
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'),
    );
    await expect(httpClient(plainTimer)(server.url, GET)).rejects.toEqual(unanswered);
  });

  it('takes a connection that is closed or reset before the answer for no answer', async () => {
    const closing = await rawServer((socket) => socket.end());
    await expect(httpClient(plainTimer)(closing.url, GET)).rejects.toEqual(unanswered);
    const resetting = await rawServer((socket) => socket.resetAndDestroy());
    await expect(httpClient(plainTimer)(resetting.url, GET)).rejects.toMatchObject({
      code: NO_ANSWER,
      cause: { code: 'ECONNRESET' },
    });
  });

  it('takes a connection that cannot be made for no answer', async () => {
    const server = await rawServer(() => {});
    await closers.pop()?.();
    await expect(httpClient(plainTimer)(server.url, GET)).rejects.toMatchObject({
      code: NO_ANSWER,
      cause: { code: 'ECONNREFUSED' },
    });
  });

  it('gives up a server that says nothing, and closes the connection', async () => {
    const closed: Promise<unknown>[] = [];
    const server = await rawServer((socket) => closed.push(closeOf(socket)));
    await expect(httpClient(plainTimer)(server.url, { ...GET, timeoutMs: 40.5 })).rejects.toEqual(unanswered);
    expect(closed).toHaveLength(1);
    await Promise.all(closed);
  });

  it('gives up an answer that never ends, though bytes keep coming', async () => {
    const closed: Promise<unknown>[] = [];
    const server = await rawServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n');
      const drip = setInterval(() => socket.write('x'), 2);
      closed.push(closeOf(socket).finally(() => clearInterval(drip)));
    });
    await expect(httpClient(plainTimer)(server.url, { ...GET, timeoutMs: 60 })).rejects.toEqual(unanswered);
    await Promise.all(closed);
  });

  it('stops the timer of a call that is over', async () => {
    let running = 0;
    const after: Timer = (ms, run) => {
      running += 1;
      const stop = plainTimer(ms, run);
      return () => {
        running -= 1;
        stop();
      };
    };
    const server = await rawServer((socket, { request }) =>
      request < 3 ? socket.write(OK) : socket.destroy(),
    );
    const send = httpClient(after);
    await send(server.url, GET);
    await send(server.url, GET);
    expect(running).toBe(0);
    await expect(send(server.url, GET)).rejects.toEqual(unanswered);
    expect(running).toBeLessThanOrEqual(0);
  });

  it('loses one request, not one each, to connections that died while they were idle', async () => {
    let frozen = false;
    const waiting: net.Socket[] = [];
    const server = await rawServer((socket, { connection }) => {
      if (frozen) {
        if (connection <= 4) socket.resetAndDestroy();
        else socket.write(OK);
        return;
      }
      waiting.push(socket);
      // Answer only when all four connections are up, so that all four are idle afterwards.
      if (waiting.length >= 4) for (const waiter of waiting.splice(0)) waiter.write(OK);
    });
    const send = httpClient(plainTimer);
    await Promise.all(Array.from({ length: 4 }, () => send(server.url, GET)));
    expect(server.connections()).toBe(4);

    frozen = true;
    await expect(send(server.url, GET)).rejects.toEqual(unanswered);
    expect(await send(server.url, GET)).toMatchObject({ status: 200 });
  });

  it('throws at once, and sends nothing, when the request is not valid HTTP', async () => {
    const server = await rawServer((socket) => socket.write(OK));
    const send = httpClient(plainTimer);
    expect(() => send(server.url, { ...GET, headers: { 'Content-Type': 'a\r\nb' } })).toThrow(TypeError);
    expect(server.connections()).toBe(0);
  });

  it('keeps the bytes of an answer it cannot read out of the error', async () => {
    const server = await rawServer((socket) => socket.end('NOT/HTTP secret-bytes\r\n\r\n'));
    const error = await httpClient(plainTimer)(server.url, GET).catch((caught: unknown) => caught);
    expect(error).toEqual(unanswered);
    expect(inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true })).not.toMatch(
      /secret-bytes|73 65 63 72 65 74/,
    );
  });
});
