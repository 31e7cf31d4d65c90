import http from 'node:http';
import { describe, expect, it } from 'vitest';
import type { TimedRequest } from '../../../lib/store/oss-http.ts';
import { client, GET, listening, OK, plain, rawServer, unanswered } from './servers.ts';

describe('a body that comes piece by piece', () => {
  const put = (pieces: AsyncIterable<Uint8Array>, length: number): TimedRequest => ({
    ...GET,
    method: 'PUT',
    body: { length, pieces },
  });

  it('is asked for no faster than it is sent, so that memory is bounded', async () => {
    const PIECE = Buffer.alloc(64 * 1024);
    const PIECES = 2000;
    let received = 0;
    let aheadMax = 0;
    const server = http.createServer(async (request, response) => {
      for await (const chunk of request) received += chunk.length;
      response.end('ok');
    });
    async function* pieces() {
      for (let n = 0; n < PIECES; n++) {
        aheadMax = Math.max(aheadMax, n * PIECE.length - received);
        yield PIECE;
      }
    }
    const send = client(plain(await listening(server)));
    expect(await send(put(pieces(), PIECES * PIECE.length))).toMatchObject({ status: 200 });
    expect(received).toBe(PIECES * PIECE.length);
    // What the sockets of the two ends hold; without a bound it would be all of the 131 MB.
    expect(aheadMax).toBeLessThan(32 * 1024 * 1024);
  });

  it('is not asked for any more once the answer is there, and its connection is not used again', async () => {
    const server = await rawServer((socket, { request }) => request === 1 && socket.write(OK));
    const send = client(server.address);
    let open: () => void = () => {};
    const answered = new Promise<void>((resolve) => {
      open = resolve;
    });
    const ended = new Promise<number>((resolve) => {
      async function* pieces() {
        let asked = 0;
        try {
          yield Buffer.from('1');
          await answered;
          for (; asked < 100; asked++) yield Buffer.from('2');
        } finally {
          resolve(asked);
        }
      }
      void send(put(pieces(), 1000)).then(async (answer) => {
        expect(answer.status).toBe(200);
        expect(await send(GET)).toMatchObject({ status: 200 });
        open();
      });
    });
    expect(await ended).toBe(0);
    expect(server.connections()).toBe(2);
  });

  it('that stands still is given up in time', async () => {
    const server = await rawServer(() => {});
    async function* pieces() {
      yield Buffer.from('1');
      await new Promise(() => {});
    }
    await expect(client(server.address)({ ...put(pieces(), 2), timeoutMs: 50 })).rejects.toEqual(unanswered);
  });

  it('that is cut off by the other end is no answer', async () => {
    const server = await rawServer((socket) => socket.destroy());
    async function* pieces() {
      for (;;) yield Buffer.alloc(64 * 1024);
    }
    await expect(client(server.address)(put(pieces(), 1e12))).rejects.toEqual(unanswered);
  });
});
