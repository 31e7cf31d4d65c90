import http from 'node:http';
import https from 'node:https';
import type net from 'node:net';
import tls from 'node:tls';
import { inspect } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { NO_ANSWER } from '../../../lib/store/port.ts';
import { CERTIFICATE, KEY } from './certificate.ts';
import {
  after,
  client,
  closeOf,
  closers,
  GET,
  listening,
  OK,
  plain,
  rawServer,
  type Timer,
  unanswered,
} from './servers.ts';

describe('the HTTP client', () => {
  it('leaves an answer as it was when the next comes on its connection', async () => {
    const server = await rawServer((socket, { request }) => socket.write(OK.replace(/ok$/, `${request}!`)));
    const send = client(server.address);
    const first = await send(GET);
    const second = await send(GET);
    expect([first, second].map(({ body }) => String(body))).toEqual(['1!', '2!']);
    expect(server.connections()).toBe(1);
  });

  it('gives status, headers and body, and uses the connection again', async () => {
    const server = await rawServer((socket) => socket.write(OK));
    const send = client(server.address);
    for (let i = 0; i < 3; i++) {
      const answer = await send(GET);
      expect({ status: answer.status, body: String(answer.body) }).toEqual({ status: 200, body: 'ok' });
    }
    expect(server.connections()).toBe(1);
  });

  it('keeps the headers of a refused call', async () => {
    const refused = 'HTTP/1.1 409 Conflict\r\nx-oss-next-append-position: 7\r\nContent-Length: 0\r\n\r\n';
    const server = await rawServer((socket) => socket.write(refused));
    const answer = await client(server.address)(GET);
    expect(answer.status).toBe(409);
    expect(answer.headers.get('x-oss-next-append-position')).toBe('7');
  });

  it('does not follow a redirect', async () => {
    let requests = 0;
    const server = await rawServer((socket) => {
      requests += 1;
      socket.write('HTTP/1.1 307 Temporary Redirect\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n');
    });
    expect(await client(server.address)(GET)).toMatchObject({ status: 307 });
    expect(requests).toBe(1);
  });

  it('asks for the path as it stands, dots and all', async () => {
    const paths: (string | undefined)[] = [];
    const server = http.createServer((request, response) => {
      paths.push(request.url);
      response.end();
    });
    await client(plain(await listening(server)))({ ...GET, path: '/a/../b/./%2E%2e?append=&position=0' });
    expect(paths).toEqual(['/a/../b/./%2E%2e?append=&position=0']);
  });

  it('takes an answer that is cut off for no answer', async () => {
    const server = await rawServer((socket) =>
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'),
    );
    await expect(client(server.address)(GET)).rejects.toEqual(unanswered);
  });

  it('takes a connection that is closed or reset before the answer for no answer', async () => {
    const closing = await rawServer((socket) => socket.end());
    await expect(client(closing.address)(GET)).rejects.toEqual(unanswered);
    const resetting = await rawServer((socket) => socket.resetAndDestroy());
    await expect(client(resetting.address)(GET)).rejects.toMatchObject({
      code: NO_ANSWER,
      cause: { code: 'ECONNRESET' },
    });
  });

  it('takes a connection that cannot be made for no answer', async () => {
    const server = await rawServer(() => {});
    await closers.pop()?.();
    await expect(client(server.address)(GET)).rejects.toMatchObject({
      code: NO_ANSWER,
      cause: { code: 'ECONNREFUSED' },
    });
  });

  it('gives up a server that says nothing, and closes the connection', async () => {
    const closed: Promise<unknown>[] = [];
    const server = await rawServer((socket) => closed.push(closeOf(socket)));
    await expect(client(server.address)({ ...GET, timeoutMs: 40.5 })).rejects.toEqual(unanswered);
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
    await expect(client(server.address)({ ...GET, timeoutMs: 60 })).rejects.toEqual(unanswered);
    await Promise.all(closed);
  });

  it('stops the timer of a call that is over', async () => {
    let running = 0;
    const counting: Timer = (ms, run) => {
      running += 1;
      const stop = after(ms, run);
      return () => {
        running -= 1;
        stop();
      };
    };
    const server = await rawServer((socket, { request }) =>
      request < 3 ? socket.write(OK) : socket.destroy(),
    );
    const send = client(server.address, { after: counting });
    await send(GET);
    await send(GET);
    expect(running).toBe(0);
    await expect(send(GET)).rejects.toEqual(unanswered);
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
    const send = client(server.address);
    await Promise.all(Array.from({ length: 4 }, () => send(GET)));
    expect(server.connections()).toBe(4);

    frozen = true;
    await expect(send(GET)).rejects.toEqual(unanswered);
    expect(await send(GET)).toMatchObject({ status: 200 });
  });

  it('throws at once, and sends nothing, when the request is not valid HTTP', async () => {
    const server = await rawServer((socket) => socket.write(OK));
    const send = client(server.address);
    expect(() => send({ ...GET, headers: { 'content-type': 'a\r\nb' } })).toThrow(TypeError);
    expect(server.connections()).toBe(0);
  });

  it('keeps the bytes of an answer it cannot read out of the error', async () => {
    const server = await rawServer((socket) => socket.end('NOT/HTTP secret-bytes\r\n\r\n'));
    const error = await client(server.address)(GET).catch((caught: unknown) => caught);
    expect(error).toEqual(unanswered);
    expect(inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true })).not.toMatch(
      /secret-bytes|73 65 63 72 65 74/,
    );
  });

  it('does not use a connection that was idle for longer than a server keeps one, by the clock', async () => {
    const server = await rawServer((socket) => socket.write(OK));
    let nowMs = 0;
    const send = client(server.address, { now: () => nowMs });
    await send(GET);
    nowMs += 14_999;
    await send(GET);
    expect(server.connections()).toBe(1);
    nowMs += 15_000; // the instance was frozen, and no timer has run
    await send(GET);
    expect(server.connections()).toBe(2);
  });

  it('heeds for how long the server says it keeps an idle connection', async () => {
    const keep = (seconds: number) =>
      `HTTP/1.1 200 OK\r\nKeep-Alive: timeout=${seconds}\r\nContent-Length: 2\r\n\r\nok`;
    const server = await rawServer((socket) => socket.write(keep(5)));
    let nowMs = 0;
    const send = client(server.address, { now: () => nowMs });
    await send(GET);
    nowMs += 3999;
    await send(GET);
    expect(server.connections()).toBe(1);
    nowMs += 4000;
    await send(GET);
    expect(server.connections()).toBe(2);

    const hasty = await rawServer((socket) => socket.write(keep(1)));
    const sendThere = client(hasty.address);
    await sendThere(GET);
    await sendThere(GET);
    expect(hasty.connections()).toBe(2);
  });

  it('closes a connection on which bytes come that nobody asked for', { timeout: 5000 }, async () => {
    const server = await rawServer((socket) => socket.write(`${OK}${OK}`));
    const send = client(server.address);
    await send(GET);
    await send(GET);
    expect(server.connections()).toBe(2);

    const closed: Promise<unknown>[] = [];
    const talkative = await rawServer((socket) => {
      closed.push(closeOf(socket));
      socket.write(OK);
    });
    await client(talkative.address)(GET);
    for (const socket of talkative.sockets) socket.write('HTTP/1.1 408 Request Timeout\r\n\r\n');
    await Promise.all(closed);
  });

  it('closes a connection after a refusal that overtook the body', async () => {
    const server = await rawServer((socket) => {
      socket.pause();
      socket.write(OK);
    });
    const send = client(server.address);
    const body = Buffer.alloc(50_000_000);
    expect(await send({ ...GET, method: 'POST', body })).toMatchObject({ status: 200 });
    expect(await send(GET)).toMatchObject({ status: 200 });
    expect(server.connections()).toBe(2);
  });

  it.each([0, 1, 16_384, 16_385, 1_000_000])('sends a body of %i bytes as it is', async (length) => {
    const bodies: Buffer[] = [];
    const server = http.createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      bodies.push(Buffer.concat(chunks));
      expect(request.headers['content-length']).toBe(String(length));
      response.end();
    });
    const body = Buffer.alloc(length, 'payload ');
    await client(plain(await listening(server)))({ ...GET, method: 'POST', body });
    expect(bodies).toHaveLength(1);
    expect(Buffer.compare(bodies[0] ?? Buffer.alloc(0), body)).toBe(0);
  });

  describe('over TLS', () => {
    /** Trusts the test's own certificate besides. */
    const trusting = () => {
      const connect = tls.connect;
      const spy = vi
        .spyOn(tls, 'connect')
        .mockImplementation(((options: tls.ConnectionOptions) =>
          connect({ ...options, ca: CERTIFICATE })) as typeof tls.connect);
      closers.push(async () => spy.mockRestore());
      return spy;
    };
    const secureServer = async () => {
      const seen: { servername: unknown; text: string }[] = [];
      const server = https.createServer({ key: KEY, cert: CERTIFICATE }, async (request, response) => {
        let text = '';
        for await (const chunk of request) text += chunk;
        const { socket } = request;
        seen.push({ servername: socket instanceof tls.TLSSocket ? socket.servername : null, text });
        response.end('ok');
      });
      let handshakes = 0;
      server.on('secureConnection', () => handshakes++);
      server.on('tlsClientError', () => {});
      const port = await listening(server);
      const address = { secure: true, hostname: '127.0.0.1', port, servername: 'bucket.oss.test' };
      return { address, seen, handshakes: () => handshakes };
    };
    const POST = { ...GET, method: 'POST', body: Buffer.from('payload') };

    it('sends to a server whose certificate is for its name, and uses the connection again', async () => {
      trusting();
      const server = await secureServer();
      const send = client(server.address);
      for (let i = 0; i < 3; i++) expect(String((await send(POST)).body)).toBe('ok');
      expect(server.seen).toEqual(Array(3).fill({ servername: 'bucket.oss.test', text: 'payload' }));
      expect(server.handshakes()).toBe(1);
    });

    it('sends nothing to a server that is not trusted, or whose certificate is for another name', async () => {
      const server = await secureServer();
      const code = (code: string) => ({ code: NO_ANSWER, cause: { code } });
      await expect(client(server.address)(POST)).rejects.toMatchObject(code('DEPTH_ZERO_SELF_SIGNED_CERT'));
      trusting();
      const other = { ...server.address, servername: 'bucket.other.test' };
      await expect(client(other)(POST)).rejects.toMatchObject(code('ERR_TLS_CERT_ALTNAME_INVALID'));
      expect(server.seen).toEqual([]);
    });
  });
});
