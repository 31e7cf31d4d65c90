/**
 * PutObject: `PUT /<key>`.
 * Source: OSS API reference, "PutObject".
 *
 * Replaces whatever was under the key, of whatever type: an appendable object becomes a Normal one.
 */
import type { Answer } from '../answer.ts';
import type { Bucket, StoredObject } from '../disk/catalog.ts';
import { OssError } from '../errors.ts';
import { bucketOf, type Call, keyOf } from './call.ts';
import { objectHeaders, refuseUnsupported } from './object-headers.ts';

/** "The size of the object to upload cannot exceed 5 GB." */
export const PUT_BYTES_MAX = 5 * 1024 ** 3;

export function putObject(call: Call): Answer {
  const { body, store } = call;
  const key = keyOf(call);
  refuseUnsupported(call.request);
  const headers = objectHeaders(call.request);
  const bucket = bucketOf(call);
  forbidOverwrite(call, bucket, key);
  const object: StoredObject = {
    key,
    type: 'Normal',
    file: store.adopt(body),
    length: body.length,
    crc64: String(body.crc64),
    etag: `"${body.md5.toString('hex').toUpperCase()}"`,
    lastModifiedMs: call.nowMs,
    headers: { ...headers, 'content-md5': body.md5.toString('base64') },
  };
  store.commit({ op: 'put', bucket: bucket.name, object });
  return {
    status: 200,
    headers: {
      ETag: object.etag,
      'Content-MD5': body.md5.toString('base64'),
      'x-oss-hash-crc64ecma': object.crc64,
    },
  };
}

/** Throws `FileAlreadyExists` where the request must not overwrite and would. */
export function forbidOverwrite({ request }: Call, bucket: Bucket, key: string): void {
  if (request.headers.get('x-oss-forbid-overwrite')?.toLowerCase() !== 'true') return;
  if (bucket.objects.has(key)) throw new OssError('FileAlreadyExists');
}
