/**
 * AppendObject: `POST /<key>?append&position=<N>`.
 * Source: OSS API reference, "AppendObject".
 *
 * The rule: `position` must be the object's length, or 0 where there is no object yet. Check, write and commit run in
 * one synchronous step, so of any number of appends at one position exactly one succeeds.
 *
 * Where the documentation is silent, this server
 * - checks in this order: key, position's form, digest and length of the body, bucket, type of the object, position,
 *   size limit;
 * - answers a missing, non-numeric or negative position with 400 `InvalidArgument`;
 * - answers an append past the size limit with 400 `EntityTooLarge` and writes nothing;
 * - ignores metadata, Content-Type and `x-oss-forbid-overwrite` on an append to an existing object;
 * - refuses conditional headers (`If-Match` …) with 400 `NotImplemented`, as PutObject does;
 * - gives no position header with `ObjectNotAppendable`.
 */
import { randomBytes } from 'node:crypto';
import type { Answer } from '../answer.ts';
import { combineCrc64 } from '../crc64.ts';
import type { Bucket, StoredObject } from '../disk/catalog.ts';
import { invalidArgument, OssError } from '../errors.ts';
import { bucketOf, type Call, keyOf } from './call.ts';
import { APPENDABLE_STORAGE_CLASSES, objectHeaders, refuseUnsupported } from './object-headers.ts';

/** "The maximum size of an appendable object is 5 GB." */
export const APPENDABLE_BYTES_MAX = 5 * 1024 ** 3;

export function appendObject(call: Call): Answer {
  const key = keyOf(call);
  const position = positionOf(call);
  refuseUnsupported(call.request);
  const bucket = bucketOf(call);
  const before = bucket.objects.get(key);
  check(before, position, call);
  return appended(before === undefined ? create(call, bucket, key) : extend(call, bucket, before));
}

/** What an answer about an appendable object says of where the next append goes. */
export function positionHeaders({ type, length }: StoredObject): Record<string, string> {
  return type === 'Appendable' ? { 'x-oss-next-append-position': String(length) } : {};
}

function positionOf({ request }: Call): number {
  const text = request.query.get('position') ?? '';
  const position = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(position)) return position;
  throw invalidArgument(
    'position',
    text,
    'The position of an append must be a non-negative decimal integer.',
    '0016-00000501',
  );
}

function check(before: StoredObject | undefined, position: number, { settings, body }: Call): void {
  if (before !== undefined && before.type !== 'Appendable') throw new OssError('ObjectNotAppendable');
  const length = before?.length ?? 0;
  if (position !== length) {
    throw new OssError('PositionNotEqualToLength', {
      headers: { 'x-oss-next-append-position': String(length) },
    });
  }
  if (length + body.length > settings.appendableBytesMax) {
    throw new OssError('EntityTooLarge', {
      elements: { MaxSizeAllowed: String(settings.appendableBytesMax) },
    });
  }
}

function create(call: Call, bucket: Bucket, key: string): StoredObject {
  const headers = objectHeaders(call.request, APPENDABLE_STORAGE_CLASSES);
  const object: StoredObject = {
    key,
    type: 'Appendable',
    file: call.store.adopt(call.body),
    length: call.body.length,
    crc64: String(call.body.crc64),
    etag: newEtag(),
    lastModifiedMs: call.nowMs,
    headers,
  };
  call.store.commit({ op: 'put', bucket: bucket.name, object });
  return object;
}

/** An empty append changes nothing, not even the ETag. */
function extend({ store, body, nowMs }: Call, bucket: Bucket, before: StoredObject): StoredObject {
  if (body.length === 0) return before;
  store.extend(before.file, before.length, body);
  const changes = {
    length: before.length + body.length,
    crc64: String(combineCrc64(BigInt(before.crc64), body.crc64, body.length)),
    etag: newEtag(),
    lastModifiedMs: nowMs,
  };
  store.commit({ op: 'append', bucket: bucket.name, key: before.key, ...changes });
  return { ...before, ...changes };
}

function appended(object: StoredObject): Answer {
  return {
    status: 200,
    headers: { ETag: object.etag, 'x-oss-hash-crc64ecma': object.crc64, ...positionHeaders(object) },
  };
}

/** An appendable object's ETag is not a digest of its content. */
function newEtag(): string {
  return `"${randomBytes(16).toString('hex').toUpperCase()}"`;
}
