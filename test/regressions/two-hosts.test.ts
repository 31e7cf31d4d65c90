/**
 * A request with two `Host` headers was served by the first of them. RFC 9112 §3.2 has a server refuse it, since whoever
 * passed it on may have gone by the second, and have asked other questions of it. Node's parser takes both. Found with
 * bytes on a socket, since no client library sends such a request; so since there was a web function.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { startWebServer } from '../../lib/http/web.ts';

it('a request with two hosts is refused, and one with a host is not', async () => {
  const { port, close } = await startWebServer({ port: 0, fetch: () => new Response('served') });
  onTestFinished(close);
  const ask = async (...hosts: string[]) => {
    const socket = connect(port, '127.0.0.1');
    socket.write(['GET / HTTP/1.1', ...hosts, 'Connection: close', '', ''].join('\r\n'));
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    await once(socket, 'close');
    return Buffer.concat(chunks).toString();
  };
  expect(await ask('Host: a.example')).toMatch(/^HTTP\/1\.1 200 .*served/s);
  expect(await ask('Host: a.example', 'HOST: b.example')).toMatch(/^HTTP\/1\.1 400 .*malformed-request/s);
});
