/**
 * Puts whole objects until they are there, or the caller's time is up, and checks that the store has what was sent.
 *
 * What a failure means is decided by the one table of codes (PROTOCOL.md §6). A put that had no answer is made again: it
 * makes the object what it is to be, or finds with `forbidOverwrite` that something is there, which can be its own.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { crc64 } from './append/crc64.ts';
import { ruleOf } from './append/errors.ts';
import { backoffMs } from './backoff.ts';
import type { Runtime } from './runtime.ts';
import { type BodyStream, type Bucket, NO_ANSWER, type PutAnswer, StoreError } from './store/port.ts';

/** A local file that does not change while it is put. */
export interface FileBody extends BodyStream {
  /** CRC-64/XZ of its bytes. */
  readonly crc64: bigint;
}

export interface PutOptions {
  /** What is left of the caller's time, milliseconds; asked again before each request. */
  readonly remainingMs: () => number;
  /** Default: `application/octet-stream`. */
  readonly contentType?: string;
  /** Puts nothing if anything is under the key. */
  readonly forbidOverwrite?: boolean;
}

/** Of a code of ours: the store has other bytes than were sent. */
export const CHECKSUM_MISMATCH = 'ChecksumMismatch';

/** Reads the file once for its sums; `put` then reads it again for each request. */
export async function fileBody(path: string): Promise<FileBody> {
  const md5 = createHash('md5');
  let [length, sum] = [0, 0n];
  for await (const piece of createReadStream(path)) {
    md5.update(piece);
    sum = crc64(piece, sum);
    length += piece.length;
  }
  // The file may have become longer since: the length then says so, and nothing is put.
  return { length, md5: md5.digest(), crc64: sum, open: () => createReadStream(path) };
}

/** Throws `StoreError`: what the store refused with, or the last failure if time is up. */
export async function put(
  { bucket, runtime }: { readonly bucket: Pick<Bucket, 'put'>; readonly runtime: Runtime },
  key: string,
  body: Uint8Array | FileBody,
  { remainingMs, ...options }: PutOptions,
): Promise<Exclude<PutAnswer['kind'], 'failed'>> {
  const sum = body instanceof Uint8Array ? crc64(body) : body.crc64;
  let failure = new StoreError(NO_ANSWER, `The time was up before ${key} was put.`);
  for (let tries = 1; ; tries++) {
    const timeoutMs = remainingMs();
    if (timeoutMs <= 0) throw failure;
    const answer = await bucket.put(key, body, { ...options, timeoutMs });
    if (answer.kind === 'exists') return 'exists';
    if (answer.kind === 'created') {
      if (answer.crc64 === null || answer.crc64 === sum) return 'created';
      throw new StoreError(CHECKSUM_MISMATCH, `The store has other bytes of ${key} than were sent.`);
    }
    failure = answer.failure;
    if (ruleOf(failure).retry === 'never') throw failure;
    const delayMs = failure.delayMs ?? backoffMs(tries, runtime.random());
    if (delayMs >= remainingMs()) throw failure;
    await runtime.sleep(delayMs);
  }
}
