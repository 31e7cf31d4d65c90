/**
 * GetObject, HeadObject, GetObjectMeta: `GET|HEAD /<key>`, `GET|HEAD /<key>?objectMeta`.
 * Source: OSS API reference, "GetObject", "HeadObject", "GetObjectMeta".
 */
import type { Answer } from '../answer.ts';
import type { StoredObject } from '../disk/catalog.ts';
import { positionHeaders } from './append.ts';
import { bucketOf, type Call, keyOf, objectOf } from './call.ts';
import { isModified } from './conditions.ts';
import { rangeOf } from './range.ts';

/** `response-…` parameters, which replace a header of this one answer. */
const OVERRIDES = [
  'content-type',
  'content-language',
  'expires',
  'cache-control',
  'content-disposition',
  'content-encoding',
];

export function getObject(call: Call): Answer {
  const object = target(call);
  if (!isModified(call.request, object)) return notModified(object);
  const slice = rangeOf(call.request, object.length);
  const { start, end } = slice ?? { start: 0, end: object.length };
  return {
    status: slice === null ? 200 : 206,
    headers: {
      ...describe(object),
      ...overrides(call),
      'Content-Length': String(end - start),
      ...(slice === null ? {} : { 'Content-Range': `bytes ${start}-${end - 1}/${object.length}` }),
    },
    // Opened now: the answer is the object as it is at this moment, whatever happens to the key while it is sent.
    ...(start < end ? { body: { fd: call.store.open(object.file), start, end } } : {}),
  };
}

export function headObject(call: Call): Answer {
  const object = target(call);
  if (!isModified(call.request, object)) return notModified(object);
  return { status: 200, headers: { ...describe(object), 'Content-Length': String(object.length) } };
}

/** The cheap variant: no user metadata, no content headers. */
export function getObjectMeta(call: Call): Answer {
  const object = target(call);
  return {
    status: 200,
    headers: {
      ETag: object.etag,
      'Last-Modified': httpDate(object.lastModifiedMs),
      'Content-Length': String(call.request.method === 'HEAD' ? object.length : 0),
      'x-oss-hash-crc64ecma': object.crc64,
    },
  };
}

function target(call: Call): StoredObject {
  const key = keyOf(call);
  return objectOf(bucketOf(call), key);
}

function describe(object: StoredObject): Record<string, string> {
  return {
    ...object.headers,
    'Accept-Ranges': 'bytes',
    ETag: object.etag,
    'Last-Modified': httpDate(object.lastModifiedMs),
    'x-oss-object-type': object.type,
    'x-oss-hash-crc64ecma': object.crc64,
    ...positionHeaders(object),
  };
}

function overrides({ request }: Call): Record<string, string> {
  const replaced = OVERRIDES.map((name): [string, string | undefined] => [
    name,
    request.query.get(`response-${name}`),
  ]);
  return Object.fromEntries(replaced.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function notModified(object: StoredObject): Answer {
  return {
    status: 304,
    headers: { ETag: object.etag, 'Last-Modified': httpDate(object.lastModifiedMs) },
  };
}

function httpDate(atMs: number): string {
  return new Date(atMs).toUTCString();
}
