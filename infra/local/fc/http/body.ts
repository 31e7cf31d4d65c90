/** Reading a request's body up to a limit. */
import type { IncomingMessage } from 'node:http';
import { ApiError } from '../errors.ts';

/** Throws `ApiError` 413 if the length is declared and over `bytesMax`. */
export function checkLength(request: IncomingMessage, bytesMax: number, what: string): void {
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge(bytesMax, what);
}

/** Throws `ApiError` 413 as soon as the body is known to be longer; the rest is left unread. */
export async function readBody(request: IncomingMessage, bytesMax: number, what: string): Promise<Buffer> {
  checkLength(request, bytesMax, what);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLarge(bytesMax, what);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export const tooLarge = (bytesMax: number, what: string): ApiError =>
  new ApiError(413, 'RequestEntityTooLarge', `${what} is over ${bytesMax} bytes`);
