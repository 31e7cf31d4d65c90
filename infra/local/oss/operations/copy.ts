/**
 * CopyObject: `PUT /<key>` with `x-oss-copy-source: /<bucket>/<key>`.
 * Source: OSS API reference, "CopyObject".
 *
 * An appendable object cannot be copied, except onto itself, which changes its metadata and nothing else. The
 * documentation gives no code for the refusal; this server answers 400 `OperationNotSupported`.
 */
import { type Answer, xmlAnswer } from '../answer.ts';
import type { Bucket, StoredObject } from '../disk/catalog.ts';
import { invalidArgument, notImplemented, OssError } from '../errors.ts';
import { bucketOf, type Call, checkKey, existingBucket, keyOf, objectOf } from './call.ts';
import { isModified } from './conditions.ts';
import { objectHeaders, refuseUnsupported } from './object-headers.ts';
import { forbidOverwrite } from './put.ts';

const SOURCE = 'x-oss-copy-source';
const DIRECTIVE = 'x-oss-metadata-directive';

export function copyObject(call: Call): Answer {
  const { store, request } = call;
  const key = keyOf(call);
  refuseUnsupported(request);
  const headers = objectHeaders(request);
  const bucket = bucketOf(call);
  const { bucket: sourceBucket, object: source } = copySource(call);
  forbidOverwrite(call, bucket, key);
  if (!isModified(request, source, `${SOURCE}-`)) return { status: 304, headers: {} };

  const onto = sourceBucket.name === bucket.name && source.key === key;
  if (!onto) refuseAppendable(source);
  const directive = request.headers.get(DIRECTIVE) ?? 'COPY';
  if (directive !== 'COPY' && directive !== 'REPLACE') {
    throw invalidArgument(DIRECTIVE, directive, `${DIRECTIVE} must be COPY or REPLACE.`);
  }
  const object: StoredObject = {
    ...source,
    key,
    type: onto ? source.type : 'Normal',
    file: onto ? source.file : store.duplicate(source.file),
    lastModifiedMs: call.nowMs,
    // Onto itself the metadata is replaced whatever the directive says.
    headers: onto || directive === 'REPLACE' ? { ...digestOf(source), ...headers } : source.headers,
  };
  store.commit({ op: 'put', bucket: bucket.name, object });
  return xmlAnswer(200, 'CopyObjectResult', [
    ['ETag', object.etag],
    ['LastModified', new Date(object.lastModifiedMs).toISOString()],
  ]);
}

/** The object a request copies from. Throws `InvalidArgument`, `NoSuchBucket`, `NoSuchKey`. */
export function copySource({ request, store }: Call): { bucket: Bucket; object: StoredObject } {
  const text = request.headers.get(SOURCE) ?? '';
  const [path = '', version] = text.split('?');
  if (version !== undefined) throw notImplemented('Parameter', 'versionId');
  const [, name, encodedKey] = /^\/?([^/]+)\/(.+)$/.exec(path) ?? [];
  if (name === undefined || encodedKey === undefined) {
    throw invalidArgument(SOURCE, text, `${SOURCE} must be /<bucket>/<key>, percent-encoded.`);
  }
  const key = decodeKey(encodedKey, text);
  checkKey(key);
  const bucket = existingBucket(store, name);
  return { bucket, object: objectOf(bucket, key) };
}

/** Throws `OperationNotSupported`. */
export function refuseAppendable(source: StoredObject): void {
  if (source.type !== 'Appendable') return;
  throw new OssError('OperationNotSupported', {
    elements: { Detail: 'An appendable object cannot be copied.' },
  });
}

function digestOf({ headers }: StoredObject): Record<string, string> {
  const digest = headers['content-md5'];
  return digest === undefined ? {} : { 'content-md5': digest };
}

function decodeKey(encoded: string, header: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    throw invalidArgument(SOURCE, header, `${SOURCE} is not percent-encoded UTF-8.`);
  }
}
