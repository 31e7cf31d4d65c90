/**
 * An object store in memory, for tests and simulation. It keeps the contract of `port.ts` as OSS does: the length is
 * compared and set in one step, ordinary objects refuse appends, and a read sees every acknowledged byte.
 *
 * Time, faults and latency stay out: wrap it to get them.
 */

import { createHash } from 'node:crypto';
import { invalidKey } from './key.ts';
import {
  type AppendAnswer,
  type AppendCall,
  type BodyStream,
  type Bucket,
  type ByteRange,
  type ListCall,
  type ListPage,
  type ObjectInfo,
  type PutAnswer,
  type PutBody,
  type PutCall,
  type ReadAnswer,
  StoreError,
} from './port.ts';

/** Largest appendable object (OSS documentation, "AppendObject"). */
const APPENDABLE_BYTES_MAX = 5 * 1024 ** 3;
/** What OSS says of an object that was created without a type. */
const CONTENT_TYPE = 'application/octet-stream';
const CAPACITY_BYTES_MIN = 256;
const PAGE_OBJECTS = 1000;

export interface MemoryStoreOptions {
  /** Largest appendable object, in bytes. An append that would pass it fails with `EntityTooLarge`. */
  readonly appendableBytesMax?: number;
  /** CRC-64/XZ of all bytes so far, from the one before and the bytes that follow it. Without it `crc64` is null. */
  readonly crc64Update?: (crc: bigint, bytes: Uint8Array) => bigint;
  /** Epoch milliseconds for `lastModifiedMs`, which is null without it. */
  readonly nowMs?: () => number;
}

interface StoredObject {
  readonly type: 'Appendable' | 'Normal';
  readonly contentType: string;
  /** The first `length` bytes are the object; the rest is room to grow. */
  buffer: Uint8Array;
  length: number;
  crc64: bigint | null;
  lastModifiedMs: number | null;
}

export function memoryStore(options: MemoryStoreOptions = {}): Bucket {
  const { appendableBytesMax = APPENDABLE_BYTES_MAX, crc64Update, nowMs } = options;
  const objects = new Map<string, StoredObject>();

  function create(type: StoredObject['type'], contentType = CONTENT_TYPE): StoredObject {
    const crc64 = crc64Update ? 0n : null;
    return {
      type,
      contentType,
      buffer: new Uint8Array(CAPACITY_BYTES_MIN),
      length: 0,
      crc64,
      lastModifiedMs: null,
    };
  }

  function extend(object: StoredObject, bytes: Uint8Array): void {
    const length = object.length + bytes.length;
    if (length > object.buffer.length) {
      const larger = new Uint8Array(Math.max(length, object.buffer.length * 2));
      larger.set(object.buffer.subarray(0, object.length));
      object.buffer = larger;
    }
    object.buffer.set(bytes, object.length);
    object.length = length;
    if (crc64Update && object.crc64 !== null) object.crc64 = crc64Update(object.crc64, bytes);
    object.lastModifiedMs = nowMs?.() ?? null;
  }

  return {
    async head(key: string): Promise<ObjectInfo | null> {
      throwIf(invalidKey(key));
      const object = objects.get(key);
      if (object === undefined) return null;
      const { type, length, crc64, contentType, lastModifiedMs } = object;
      return { type, length, crc64, contentType, lastModifiedMs };
    },

    async read(key: string, range: ByteRange): Promise<ReadAnswer | null> {
      throwIf(invalidKey(key));
      const object = objects.get(key);
      if (object === undefined) return null;
      const { type, length, crc64 } = object;
      const start = 'last' in range ? Math.max(0, length - range.last) : Math.min(range.start, length);
      const end = 'last' in range ? length : Math.min(range.end, length);
      return { bytes: object.buffer.slice(start, Math.max(start, end)), start, length, crc64, type };
    },

    async append(key: string, position: number, body: Uint8Array, call: AppendCall): Promise<AppendAnswer> {
      const invalid = invalidKey(key);
      if (invalid) return { kind: 'failed', failure: invalid };
      const object = objects.get(key) ?? create('Appendable', call.contentType);
      if (object.type !== 'Appendable') {
        const message = 'The object under this key is an ordinary one, which cannot be appended to.';
        return { kind: 'failed', failure: new StoreError('ObjectNotAppendable', message, { status: 409 }) };
      }
      if (position !== object.length) return { kind: 'conflict', length: object.length };
      if (object.length + body.length > appendableBytesMax) {
        const message = `An appendable object ends at ${appendableBytesMax} bytes. Go on under another key.`;
        return { kind: 'failed', failure: new StoreError('EntityTooLarge', message, { status: 400 }) };
      }
      extend(object, body);
      objects.set(key, object);
      return { kind: 'appended', nextPosition: object.length, crc64: object.crc64 };
    },

    async list(prefix: string, { startAfter = '', limit = PAGE_OBJECTS }: ListCall): Promise<ListPage> {
      const found = [...objects]
        .filter(([key]) => key.startsWith(prefix) && compareUtf8(key, startAfter) > 0)
        .sort(([a], [b]) => compareUtf8(a, b));
      const page = found
        .slice(0, limit)
        .map(([key, { type, length, lastModifiedMs }]) => ({ key, type, length, lastModifiedMs }));
      return { objects: page, next: found.length > page.length ? (page.at(-1)?.key ?? null) : null };
    },

    async put(key: string, body: PutBody, call: PutCall): Promise<PutAnswer> {
      const invalid = invalidKey(key);
      if (invalid) return { kind: 'failed', failure: invalid };
      const object = create('Normal', call.contentType);
      if (body instanceof Uint8Array) extend(object, body);
      else {
        const failure = await collect(body, (piece) => extend(object, piece));
        if (failure !== null) return { kind: 'failed', failure };
      }
      if (call.forbidOverwrite === true && objects.has(key)) return { kind: 'exists' };
      objects.set(key, object);
      return { kind: 'created', crc64: object.crc64 };
    },

    async remove(key: string): Promise<void> {
      throwIf(invalidKey(key));
      objects.delete(key);
    },
  };
}

function throwIf(error: StoreError | null): void {
  if (error) throw error;
}

/** Takes the pieces of a body; what is wrong with it, or null. */
async function collect(body: BodyStream, take: (piece: Uint8Array) => void): Promise<StoreError | null> {
  const md5 = createHash('md5');
  let length = 0;
  try {
    for await (const piece of body.open()) {
      md5.update(piece);
      length += piece.length;
      take(piece);
    }
  } catch (cause) {
    return new StoreError('InvalidRequest', 'The body could not be read.', { cause });
  }
  if (length !== body.length)
    return new StoreError('InvalidRequest', `The body has ${length} bytes and not ${body.length}.`);
  if (Buffer.compare(md5.digest(), body.md5) === 0) return null;
  return new StoreError('InvalidDigest', 'The body has another MD5 than it was said to have.', {
    status: 400,
  });
}

/** OSS lists keys in the order of their bytes, which is not that of JavaScript's strings. */
const compareUtf8 = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
