/**
 * The object store port on Alibaba Cloud OSS (OSS documentation, "AppendObject", "HeadObject", "GetObject").
 *
 * Every call is exactly one request, except that a key OSS would refuse is refused without one. What an answer means
 * is decided here, by its status, `<Code>` and headers; sending and signing are in `oss-client.ts`.
 */

import { invalidKey } from './key.ts';
import {
  count,
  crc64,
  errorCode,
  incomplete,
  isMissing,
  lengthOfRefusedRange,
  objectType,
  refusal,
  servedRange,
} from './oss-answer.ts';
import { type OssClient, type OssOptions, ossClient } from './oss-client.ts';
import {
  type AppendAnswer,
  type AppendCall,
  type ByteRange,
  type ObjectInfo,
  type ObjectStore,
  type ReadAnswer,
  type StoreCall,
  StoreError,
} from './port.ts';

export type { OssCredentials, OssOptions } from './oss-client.ts';

/** OSS's own default, said aloud: ali-oss would guess one from the key otherwise. */
export const CONTENT_TYPE = 'application/octet-stream';

export const ossStore = (options: OssOptions): ObjectStore => storeOf(ossClient(options));

export function storeOf(send: OssClient): ObjectStore {
  async function head(key: string, { timeoutMs }: StoreCall): Promise<ObjectInfo | null> {
    throwIf(invalidKey(key));
    const answer = await send(timeoutMs, (oss, ctx) => {
      const request = { headers: {}, ctx };
      return oss.head(key, request);
    });
    if (isMissing(answer)) return null;
    if (answer.status !== 200) throw refusal(answer);
    const length = count(answer, 'content-length');
    if (length === null) throw incomplete(answer, 'a length');
    const { headers } = answer;
    const lastModifiedMs = Date.parse(headers.get('last-modified') ?? '');
    return {
      type: objectType(answer) ?? 'Normal',
      length,
      crc64: crc64(answer),
      contentType: headers.get('content-type') ?? null,
      lastModifiedMs: Number.isNaN(lastModifiedMs) ? null : lastModifiedMs,
    };
  }

  async function read(key: string, range: ByteRange, call: StoreCall): Promise<ReadAnswer | null> {
    throwIf(invalidKey(key));
    const wanted = rangeHeader(range);
    if (wanted === null) {
      // HTTP has no empty range; a HEAD says all that such a read can tell.
      const info = await head(key, call);
      return info && nothingOf(range, info.length, info);
    }
    const answer = await send(call.timeoutMs, (oss, ctx) => {
      // Without `standard`, a range past the end would bring the whole object.
      const request = { headers: { Range: wanted, 'x-oss-range-behavior': 'standard' }, ctx };
      return oss.get(key, request);
    });
    if (isMissing(answer)) return null;
    const told = { crc64: crc64(answer), type: objectType(answer) };
    if (answer.status === 206) {
      const served = servedRange(answer);
      if (served === null) throw incomplete(answer, 'the range it promises');
      return { bytes: answer.body, ...served, ...told };
    }
    if (answer.status === 200) return partOf(answer.body, range, told);
    const length = lengthOfRefusedRange(answer);
    if (length === null) throw refusal(answer);
    return nothingOf(range, length, told);
  }

  async function append(
    key: string,
    position: number,
    body: Uint8Array,
    { timeoutMs, contentType = CONTENT_TYPE }: AppendCall,
  ): Promise<AppendAnswer> {
    try {
      throwIf(invalidKey(key));
      const answer = await send(timeoutMs, (oss, ctx) => {
        // ali-oss takes a Buffer only, and writes into its options: a view on the bytes, and options of this call.
        const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
        const request = { position: String(position), mime: contentType, ctx };
        return oss.append(key, bytes, request);
      });
      const length = count(answer, 'x-oss-next-append-position');
      if (answer.status === 200) {
        if (length === null) throw incomplete(answer, 'the next position');
        return { kind: 'appended', nextPosition: length, crc64: crc64(answer) };
      }
      if (errorCode(answer) === 'PositionNotEqualToLength') return { kind: 'conflict', length };
      return { kind: 'failed', failure: refusal(answer) };
    } catch (failure) {
      if (failure instanceof StoreError) return { kind: 'failed', failure };
      throw failure;
    }
  }

  return { head, read, append };
}

function rangeHeader(range: ByteRange): string | null {
  if ('last' in range) return range.last > 0 ? `bytes=-${range.last}` : null;
  return range.start < range.end ? `bytes=${range.start}-${range.end - 1}` : null;
}

/** What an answer tells of the whole object, beside its length. */
type Told = Pick<ReadAnswer, 'crc64' | 'type'>;

/** The answer to a read that no byte of the object falls into. */
function nothingOf(range: ByteRange, length: number, { crc64: crc, type }: Told): ReadAnswer {
  const start = 'last' in range ? length : Math.min(range.start, length);
  return { bytes: new Uint8Array(), start, length, crc64: crc, type };
}

/** The answer to a read for which OSS sent the whole object. */
function partOf(whole: Buffer, range: ByteRange, told: Told): ReadAnswer {
  const { length } = whole;
  const start = 'last' in range ? Math.max(0, length - range.last) : Math.min(range.start, length);
  const end = 'last' in range ? length : range.end;
  return { bytes: whole.subarray(start, end), start, length, ...told };
}

function throwIf(error: StoreError | null): void {
  if (error) throw error;
}
