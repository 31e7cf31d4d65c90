/**
 * ListMultipartUploads and ListParts: `GET /?uploads`, `GET /<key>?uploadId=…`.
 * Source: OSS API reference, "ListMultipartUploads", "ListParts".
 *
 * Uploads are listed by key and then by id. Grouping them by a delimiter is not served.
 */
import { type Answer, xmlAnswer } from '../answer.ts';
import type { Upload } from '../disk/catalog.ts';
import { compareUtf8 } from '../disk/sorted-keys.ts';
import { notImplemented } from '../errors.ts';
import type { XmlElement } from '../xml.ts';
import { bucketOf, type Call, integerParameter } from './call.ts';
import { encoderOf } from './encoding.ts';
import { uploadOf } from './multipart.ts';

const PAGE = { min: 1, max: 1000, absent: 1000 };

export function listUploads(call: Call): Answer {
  const { query } = call.request;
  if (query.get('delimiter')) throw notImplemented('Parameter', 'delimiter');
  const bucket = bucketOf(call);
  const { encode, elements } = encoderOf(call);
  const prefix = query.get('prefix') ?? '';
  const keyMarker = query.get('key-marker') ?? '';
  const idMarker = query.get('upload-id-marker') ?? '';
  const count = integerParameter(call, 'max-uploads', PAGE);
  // A key marker alone stands for all uploads of that key.
  const isAfter = ({ key, id }: Upload): boolean =>
    compareUtf8(key, keyMarker) > 0 || (idMarker !== '' && key === keyMarker && id > idMarker);
  const found = [...bucket.uploads.values()]
    .filter((upload) => upload.key.startsWith(prefix) && isAfter(upload))
    .sort((a, b) => compareUtf8(a.key, b.key) || compareUtf8(a.id, b.id));
  const page = found.slice(0, count);
  const last = found.length > page.length ? page.at(-1) : undefined;
  return xmlAnswer(200, 'ListMultipartUploadsResult', [
    ['Bucket', bucket.name],
    ...elements,
    ['KeyMarker', encode(keyMarker)],
    ['UploadIdMarker', idMarker],
    ['NextKeyMarker', encode(last?.key ?? '')],
    ['NextUploadIdMarker', last?.id ?? ''],
    ['Prefix', encode(prefix)],
    ['MaxUploads', count],
    ['IsTruncated', last !== undefined],
    ...page.map(
      ({ key, id, initiatedMs }): XmlElement => [
        'Upload',
        [
          ['Key', encode(key)],
          ['UploadId', id],
          ['StorageClass', 'Standard'],
          ['Initiated', new Date(initiatedMs).toISOString()],
        ],
      ],
    ),
  ]);
}

export function listParts(call: Call): Answer {
  const { bucket, upload } = uploadOf(call);
  const { encode, elements } = encoderOf(call);
  const marker = integerParameter(call, 'part-number-marker', { min: 0, max: 10_000, absent: 0 });
  const count = integerParameter(call, 'max-parts', PAGE);
  const found = [...upload.parts.values()]
    .filter(({ number }) => number > marker)
    .sort((a, b) => a.number - b.number);
  const page = found.slice(0, count);
  return xmlAnswer(200, 'ListPartsResult', [
    ['Bucket', bucket.name],
    ['Key', encode(upload.key)],
    ...elements,
    ['UploadId', upload.id],
    ['PartNumberMarker', marker],
    ['NextPartNumberMarker', page.at(-1)?.number ?? marker],
    ['MaxParts', count],
    ['IsTruncated', found.length > page.length],
    ...page.map(
      ({ number, etag, length, crc64, lastModifiedMs }): XmlElement => [
        'Part',
        [
          ['PartNumber', number],
          ['LastModified', new Date(lastModifiedMs).toISOString()],
          ['ETag', etag],
          ['HashCrc64ecma', crc64],
          ['Size', length],
        ],
      ],
    ),
  ]);
}
