/**
 * Takes in a request's body: whole, checked, and not in memory if it is large.
 *
 * Until the last byte has arrived nothing else knows of it, so a body that breaks off leaves nothing behind.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { crc64 } from './crc64.ts';
import { OssError } from './errors.ts';

/** Bodies up to this many bytes stay in memory. */
const MEMORY_BYTES_MAX = 4 * 1024 * 1024;
export interface Body {
  readonly length: number;
  readonly crc64: bigint;
  readonly md5: Buffer;
  /** The chunks, if in memory. */
  readonly bytes: readonly Buffer[];
  /** Path of the file that holds the body, null if it is in memory. */
  readonly file: string | null;
}

/** The connection ended before the body did. There is nobody to answer. */
export class BodyBrokenOffError extends Error {
  override readonly name = 'BodyBrokenOffError';
}

export interface BodyLimits {
  readonly bytesMax: number;
  /** Whether Content-MD5 must be there; if it is there, it must be right. */
  readonly md5Required?: boolean;
}

export interface BodyMeans {
  /** A body that stalls for this long ends in `RequestTimeout`. */
  readonly idleMsMax: number;
  /** Names a new file, asked for if the body turns out large. */
  readonly filePath: () => string;
}

/** Throws `OssError` or `BodyBrokenOffError`; then nothing is left of the body. */
export async function receiveBody(
  message: IncomingMessage,
  limits: BodyLimits,
  { idleMsMax, filePath }: BodyMeans,
): Promise<Body> {
  const { headers } = message;
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) {
    throw new OssError('MissingContentLength');
  }
  const digest = expectedDigest(headers['content-md5'], limits.md5Required === true);
  if (Number(headers['content-length'] ?? 0) > limits.bytesMax) throw tooLarge(limits.bytesMax);
  const body = await collect(message, limits, { idleMsMax, filePath });
  if (digest !== null && !digest.equals(body.md5)) {
    discardBody(body);
    throw new OssError('InvalidDigest', {
      message: 'The Content-MD5 you specified did not match what we received.',
    });
  }
  return body;
}

/** Removes what the body takes on disk; harmless if it has been put to use. */
export function discardBody(body: Body): void {
  if (body.file !== null) rmSync(body.file, { force: true });
}

/** The small body of a call that takes XML. */
export function bodyBytes(body: Body): Buffer {
  return Buffer.concat(body.bytes);
}

function expectedDigest(header: unknown, required: boolean): Buffer | null {
  if (header === undefined) {
    if (required) throw new OssError('MissingArgument', { elements: { ArgumentName: 'Content-MD5' } });
    return null;
  }
  const digest = Buffer.from(typeof header === 'string' ? header : '', 'base64');
  if (digest.length !== 16 || digest.toString('base64') !== header) throw new OssError('InvalidDigest');
  return digest;
}

function collect(
  message: IncomingMessage,
  limits: BodyLimits,
  { idleMsMax, filePath }: BodyMeans,
): Promise<Body> {
  return new Promise((resolve, reject) => {
    const sink = new BodySink(filePath);
    const fail = (error: Error): void => {
      clearTimeout(stall);
      message.off('data', take).off('end', finish).off('error', breakOff).off('close', breakOff);
      // What else befalls the message is of no interest; the rest of it is read so that an answer gets through.
      message.on('error', () => {}).resume();
      sink.discard();
      reject(error);
    };
    const stall = setTimeout(
      () => fail(new OssError('RequestTimeout', { headers: { Connection: 'close' } })),
      idleMsMax,
    );
    const take = (chunk: Buffer): void => {
      stall.refresh();
      try {
        if (sink.length + chunk.length > limits.bytesMax) throw tooLarge(limits.bytesMax);
        sink.write(chunk);
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
      }
    };
    const finish = (): void => {
      clearTimeout(stall);
      message.off('data', take).off('error', breakOff).off('close', breakOff);
      resolve(sink.end());
    };
    const breakOff = (): void =>
      fail(new BodyBrokenOffError('The connection ended in the middle of the body.'));
    if (message.destroyed) breakOff();
    else message.on('data', take).on('end', finish).on('error', breakOff).on('close', breakOff);
  });
}

/** Collects chunks in memory and moves to a file once they are too many. */
export class BodySink {
  length = 0;
  readonly #filePath: () => string;
  readonly #md5 = createHash('md5');
  #crc64 = 0n;
  #chunks: Buffer[] = [];
  #file: { path: string; fd: number } | null = null;

  constructor(filePath: () => string) {
    this.#filePath = filePath;
  }

  write(chunk: Buffer): void {
    this.length += chunk.length;
    this.#md5.update(chunk);
    this.#crc64 = crc64(chunk, this.#crc64);
    this.#chunks.push(chunk);
    if (this.length <= MEMORY_BYTES_MAX) return;
    if (this.#file === null) {
      const path = this.#filePath();
      this.#file = { path, fd: openSync(path, 'wx') };
    }
    for (const part of this.#chunks) writeWhole(this.#file.fd, part);
    this.#chunks = [];
  }

  end(): Body {
    if (this.#file !== null) closeSync(this.#file.fd);
    return {
      length: this.length,
      crc64: this.#crc64,
      md5: this.#md5.digest(),
      bytes: this.#chunks,
      file: this.#file?.path ?? null,
    };
  }

  discard(): void {
    if (this.#file === null) return;
    closeSync(this.#file.fd);
    rmSync(this.#file.path, { force: true });
    this.#file = null;
  }
}

function writeWhole(fd: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
}

function tooLarge(bytesMax: number): OssError {
  return new OssError('EntityTooLarge', { elements: { MaxSizeAllowed: String(bytesMax) } });
}
