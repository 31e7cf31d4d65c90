/** Puts an answer on the wire, whole or, where a fault wants it so, in part. */
import { closeSync, createReadStream, readSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Answer, FileSlice } from './answer.ts';

/** A slice of a file up to this size is read at once instead of streamed. */
const READ_AT_ONCE_BYTES_MAX = 256 * 1024;

/** Sends the answer; returns the bytes of its body. Ends quietly if the client has gone. */
export async function sendAnswer(response: ServerResponse, answer: Answer, head: boolean): Promise<number> {
  const { body } = answer;
  setHead(response, answer);
  if (body === undefined || head) {
    releaseAnswer(answer);
    response.end();
    return 0;
  }
  if (Buffer.isBuffer(body)) {
    response.end(body);
    return body.length;
  }
  const length = body.end - body.start;
  if (length <= READ_AT_ONCE_BYTES_MAX) {
    response.end(readSlice(body, length));
    return length;
  }
  const file = createReadStream('', { fd: body.fd, start: body.start, end: body.end - 1 });
  await pipeline(file, response).catch(() => response.destroy());
  return length;
}

/** Sends about half of the answer, then ends the connection: half of its body, or of its head if it has no body. */
export async function sendTruncated(response: ServerResponse, answer: Answer): Promise<void> {
  const { body } = answer;
  const { socket } = response;
  if (body === undefined) {
    socket?.write(`HTTP/1.1 ${answer.status} `);
  } else {
    const length = Buffer.isBuffer(body) ? body.length : body.end - body.start;
    const half = Math.floor(length / 2);
    setHead(response, answer);
    response.flushHeaders();
    const bytes = Buffer.isBuffer(body)
      ? body.subarray(0, half)
      : readSlice(body, Math.min(half, READ_AT_ONCE_BYTES_MAX));
    await new Promise<void>((resolve) => response.write(bytes, () => resolve()));
  }
  socket?.destroySoon();
}

/** Gives back what an answer holds that will not be sent. */
export function releaseAnswer({ body }: Answer): void {
  if (body !== undefined && !Buffer.isBuffer(body)) closeSync(body.fd);
}

function setHead(response: ServerResponse, { status, headers, body }: Answer): void {
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (Buffer.isBuffer(body)) response.setHeader('Content-Length', body.length);
  else if (!response.hasHeader('content-length') && status !== 204 && status !== 304) {
    response.setHeader('Content-Length', 0);
  }
}

function readSlice({ fd, start }: FileSlice, length: number): Buffer {
  try {
    const bytes = Buffer.allocUnsafe(length);
    let done = 0;
    while (done < length) {
      const read = readSync(fd, bytes, done, length - done, start + done);
      if (read === 0) break;
      done += read;
    }
    return bytes.subarray(0, done);
  } finally {
    closeSync(fd);
  }
}
