/**
 * A whole bucket on Alibaba Cloud OSS (OSS documentation, "ListObjectsV2", "PutObject", "DeleteObject"): what `oss.ts` has,
 * and more. A file of its own, so that functions that only append do without its XML parser.
 */

import { XMLParser } from 'fast-xml-parser';
import { invalidKey } from './key.ts';
import { CONTENT_TYPE, storeOf } from './oss.ts';
import { crc64, errorCode, incomplete, refusal } from './oss-answer.ts';
import { type OssOptions, ossClient } from './oss-client.ts';
import type { HttpAnswer } from './oss-wire.ts';
import {
  type Bucket,
  type ListCall,
  type ListedObject,
  type ListPage,
  type PutAnswer,
  type PutBody,
  type PutCall,
  type StoreCall,
  StoreError,
} from './port.ts';

const PAGE_OBJECTS = 1000;

export function ossBucket(options: OssOptions): Bucket {
  const send = ossClient(options);

  async function list(prefix: string, call: ListCall): Promise<ListPage> {
    const { timeoutMs, startAfter = '', limit = PAGE_OBJECTS } = call;
    const answer = await send(timeoutMs, (oss, ctx) => {
      // As parameters of the address: those of the query never get to the client.
      const subres = {
        'list-type': '2',
        prefix,
        'max-keys': String(limit),
        // XML cannot hold every character of a key.
        'encoding-type': 'url',
        ...(startAfter !== '' && { 'start-after': startAfter }),
      };
      const request: object = { subres, ctx };
      return oss.listV2({}, request);
    });
    if (answer.status !== 200) throw refusal(answer);
    return pageOf(answer);
  }

  async function put(key: string, body: PutBody, call: PutCall): Promise<PutAnswer> {
    const { timeoutMs, contentType = CONTENT_TYPE, forbidOverwrite = false } = call;
    try {
      throwIf(invalidKey(key));
      const isBytes = body instanceof Uint8Array;
      const bytes = isBytes ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : Buffer.alloc(0);
      const answer = await send(
        timeoutMs,
        (oss, ctx) => {
          const headers = forbidOverwrite ? { 'x-oss-forbid-overwrite': 'true' } : {};
          const request = { mime: contentType, headers, ctx };
          return oss.put(key, bytes, request);
        },
        isBytes ? undefined : body,
      );
      if (answer.status === 200) return { kind: 'created', crc64: crc64(answer) };
      if (forbidOverwrite && errorCode(answer) === 'FileAlreadyExists') return { kind: 'exists' };
      return { kind: 'failed', failure: refusal(answer) };
    } catch (failure) {
      if (failure instanceof StoreError) return { kind: 'failed', failure };
      throw failure;
    }
  }

  async function remove(key: string, { timeoutMs }: StoreCall): Promise<void> {
    throwIf(invalidKey(key));
    const answer = await send(timeoutMs, (oss, ctx) => {
      const request: object = { ctx };
      return oss.delete(key, request);
    });
    if (answer.status !== 204) throw refusal(answer);
  }

  return { ...storeOf(send), list, put, remove };
}

/** Texts stay texts: a key of digits is no number, and one of spaces is not nothing. */
const xml = new XMLParser({
  parseTagValue: false,
  trimValues: false,
  isArray: (name) => name === 'Contents',
});

/** Of an element's children, as far as they are texts. */
type Texts = Readonly<Record<string, unknown>>;

/** Throws `StoreError` `NoAnswer` if it is no list: something else may have answered. */
function pageOf(answer: HttpAnswer): ListPage {
  const { ListBucketResult: result } = parsed(answer);
  if (!isTexts(result)) throw incomplete(answer, 'a list');
  const { IsTruncated: more, Contents: contents = [] } = result;
  if (!Array.isArray(contents) || (more !== 'true' && more !== 'false')) throw incomplete(answer, 'a list');
  const objects = contents.map((entry: unknown): ListedObject => {
    const { Key, Size, Type = 'Normal', LastModified } = isTexts(entry) ? entry : {};
    if (typeof Key !== 'string' || typeof Size !== 'string' || typeof Type !== 'string')
      throw incomplete(answer, 'the key, length and type of an object');
    const lastModifiedMs = Date.parse(String(LastModified));
    return {
      key: decoded(answer, Key),
      length: Number(Size),
      type: Type,
      lastModifiedMs: Number.isNaN(lastModifiedMs) ? null : lastModifiedMs,
    };
  });
  if (more === 'false') return { objects, next: null };
  const last = objects.at(-1);
  if (last === undefined) throw incomplete(answer, 'objects, of which it says there are more');
  return { objects, next: last.key };
}

function decoded(answer: HttpAnswer, key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', '%20'));
  } catch {
    throw incomplete(answer, 'a key that can be read');
  }
}

function parsed(answer: HttpAnswer): Texts {
  try {
    // Checked, because the parser makes something of anything.
    return xml.parse(answer.body.toString('utf8'), true);
  } catch {
    throw incomplete(answer, 'XML');
  }
}

const isTexts = (value: unknown): value is Texts => typeof value === 'object' && value !== null;

function throwIf(error: StoreError | null): void {
  if (error) throw error;
}
