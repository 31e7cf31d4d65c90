/** Servers for the tests of the HTTP client, each on a free port; all are closed after each test. */
import { once } from 'node:events';
import type http from 'node:http';
import type https from 'node:https';
import net from 'node:net';
import { afterEach, expect } from 'vitest';
import type { Runtime } from '../../../lib/runtime.ts';
import { type HttpAddress, httpClient, type TimedRequest } from '../../../lib/store/oss-http.ts';
import { NO_ANSWER } from '../../../lib/store/port.ts';

export const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A server of raw sockets: `onRequest` sees each request that came in whole, and what it is on its connection. */
export async function rawServer(
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
  return { address: plain(port), connections: () => connections, sockets };
}

/** Starts a server; gives its port. */
export async function listening(server: http.Server | https.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

/** Unlike `once`, not put off by the error that may come before. */
export const closeOf = (socket: net.Socket) => new Promise((resolve) => socket.on('close', resolve));

export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
export const GET: TimedRequest = {
  method: 'GET',
  path: '/key',
  headers: { host: 'localhost' },
  timeoutMs: 30_000,
};
export type Timer = Runtime['after'];
export const after: Timer = (ms, run) => {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
};
export const plain = (port: number) => ({
  secure: false,
  hostname: '127.0.0.1',
  port,
  servername: '127.0.0.1',
});
export const client = (address: HttpAddress, runtime: Partial<Pick<Runtime, 'after' | 'now'>> = {}) =>
  httpClient({ address, runtime: { after, now: Date.now, ...runtime } });
export const unanswered = expect.objectContaining({ code: NO_ANSWER, status: null });
