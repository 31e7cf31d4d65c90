/**
 * Multipart upload: parts in any order, then one object of type Multipart.
 * Source: OSS API reference, "InitiateMultipartUpload", "UploadPart", "UploadPartCopy", "CompleteMultipartUpload",
 * "AbortMultipartUpload".
 *
 * An upload id names an upload of one key; with another key it is unknown. Completing and copying a part do not run
 * in one step: bytes are joined into a new file first, and take effect when that is done, if nothing has changed.
 */
import { createHash, randomBytes } from 'node:crypto';
import { type Answer, xmlAnswer } from '../answer.ts';
import { type Body, bodyBytes, discardBody } from '../body.ts';
import type { Bucket, Part, StoredObject, Upload } from '../disk/catalog.ts';
import { invalidArgument, notImplemented, OssError } from '../errors.ts';
import { parseXml } from '../xml.ts';
import { bucketOf, type Call, integerParameter, keyOf } from './call.ts';
import { copySource, refuseAppendable } from './copy.ts';
import { objectHeaders, refuseUnsupported } from './object-headers.ts';
import { forbidOverwrite } from './put.ts';

const PARTS_MAX = 10_000;
/** Of every part but the last. */
const PART_BYTES_MIN = 100 * 1024;
export const COMPLETE_BODY_BYTES_MAX = 4 * 1024 * 1024;

export function initiateUpload(call: Call): Answer {
  const key = keyOf(call);
  refuseUnsupported(call.request);
  const headers = objectHeaders(call.request);
  const bucket = bucketOf(call);
  forbidOverwrite(call, bucket, key);
  const id = randomBytes(16).toString('hex').toUpperCase();
  const upload = { id, key, initiatedMs: call.nowMs, headers };
  call.store.commit({ op: 'put-upload', bucket: bucket.name, upload });
  return xmlAnswer(200, 'InitiateMultipartUploadResult', [
    ['Bucket', bucket.name],
    ['Key', key],
    ['UploadId', id],
  ]);
}

export function uploadPart(call: Call): Answer {
  const part = addPart(call, call.body);
  return {
    status: 200,
    headers: {
      ETag: part.etag,
      'Content-MD5': call.body.md5.toString('base64'),
      'x-oss-hash-crc64ecma': part.crc64,
    },
  };
}

/** A part taken from an object, or from a range of it. Not from an appendable one. */
export async function uploadPartCopy(call: Call): Promise<Answer> {
  const { object: source } = copySource(call);
  refuseAppendable(source);
  const { start, end } = sourceRange(call, source.length);
  const body = await call.store.gather([{ file: source.file, start, end }]);
  try {
    const part = addPart(call, body);
    return xmlAnswer(
      200,
      'CopyPartResult',
      [
        ['LastModified', new Date(part.lastModifiedMs).toISOString()],
        ['ETag', part.etag],
      ],
      { ETag: part.etag },
    );
  } finally {
    discardBody(body);
  }
}

export async function completeUpload(call: Call): Promise<Answer> {
  if (call.request.headers.has('x-oss-complete-all')) throw notImplemented('Header', 'x-oss-complete-all');
  const { parts } = chosenParts(call);
  const body = await gatherParts(call, parts);
  try {
    // Asked again, because the upload may have ended or changed while its parts were joined.
    const { bucket, upload } = chosenParts(call);
    forbidOverwrite(call, bucket, upload.key);
    const object: StoredObject = {
      key: upload.key,
      type: 'Multipart',
      file: call.store.adopt(body),
      length: body.length,
      crc64: String(body.crc64),
      etag: etagOfParts(parts),
      lastModifiedMs: call.nowMs,
      headers: upload.headers,
    };
    call.store.commit({ op: 'put', bucket: bucket.name, object, uploadId: upload.id });
    return xmlAnswer(
      200,
      'CompleteMultipartUploadResult',
      [
        ['Location', `http://${call.request.host}/${encodeURIComponent(object.key)}`],
        ['Bucket', bucket.name],
        ['Key', object.key],
        ['ETag', object.etag],
      ],
      { ETag: object.etag, 'x-oss-hash-crc64ecma': object.crc64 },
    );
  } finally {
    discardBody(body);
  }
}

export function abortUpload(call: Call): Answer {
  const { bucket, upload } = uploadOf(call);
  call.store.commit({ op: 'delete-upload', bucket: bucket.name, uploadId: upload.id });
  return { status: 204, headers: {} };
}

/** Throws `NoSuchUpload`. */
export function uploadOf(call: Call): { bucket: Bucket; upload: Upload } {
  const key = keyOf(call);
  const bucket = bucketOf(call);
  const id = call.request.query.get('uploadId') ?? '';
  const upload = bucket.uploads.get(id);
  if (upload?.key !== key) throw new OssError('NoSuchUpload', { elements: { UploadId: id } });
  return { bucket, upload };
}

function addPart(call: Call, body: Body): Part {
  const number = integerParameter(call, 'partNumber', { min: 1, max: PARTS_MAX, absent: 0 });
  if (number === 0) throw invalidArgument('partNumber', '', 'A part needs a partNumber.');
  const { bucket, upload } = uploadOf(call);
  const part: Part = {
    number,
    file: call.store.adopt(body),
    length: body.length,
    crc64: String(body.crc64),
    etag: `"${body.md5.toString('hex').toUpperCase()}"`,
    lastModifiedMs: call.nowMs,
  };
  call.store.commit({ op: 'put-part', bucket: bucket.name, uploadId: upload.id, part });
  return part;
}

/** The parts the request lists, in its order. Throws `MalformedXML`, `InvalidPart…`, `EntityTooSmall`. */
function chosenParts(call: Call): { bucket: Bucket; upload: Upload; parts: Part[] } {
  const { bucket, upload } = uploadOf(call);
  const listed = parseXml(bodyBytes(call.body), 'CompleteMultipartUpload')
    .all('Part')
    .map((part) => ({ number: Number(part.text('PartNumber')), etag: part.text('ETag') }));
  if (listed.length === 0 || listed.length > PARTS_MAX) {
    throw new OssError('MalformedXML', {
      elements: { ErrorDetail: `the number of parts must be 1 to ${PARTS_MAX}.` },
    });
  }
  const parts = listed.map(({ number, etag }) => {
    const part = upload.parts.get(number);
    if (part !== undefined && bare(part.etag) === bare(etag)) return part;
    throw new OssError('InvalidPart', { elements: { UploadId: upload.id, PartNumber: String(number) } });
  });
  for (const [index, part] of parts.entries()) {
    const next = parts[index + 1];
    if (next === undefined) break;
    if (next.number <= part.number) throw new OssError('InvalidPartOrder');
    if (part.length < PART_BYTES_MIN) {
      throw new OssError('EntityTooSmall', {
        elements: { ProposedSize: String(part.length), MinSizeAllowed: String(PART_BYTES_MIN) },
      });
    }
  }
  return { bucket, upload, parts };
}

async function gatherParts(call: Call, parts: readonly Part[]): Promise<Body> {
  try {
    return await call.store.gather(parts.map(({ file, length }) => ({ file, start: 0, end: length })));
  } catch (error) {
    // A part's file is gone if the upload was aborted or the part sent anew meanwhile: then that is the answer.
    chosenParts(call);
    throw error;
  }
}

function sourceRange({ request }: Call, length: number): { start: number; end: number } {
  const header = request.headers.get('x-oss-copy-source-range');
  if (header === undefined) return { start: 0, end: length };
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(header) ?? [];
  const start = Number(first ?? length);
  const end = Math.min(Number(last ?? 0) + 1, length);
  if (start < end) return { start, end };
  throw invalidArgument('x-oss-copy-source-range', header, `The source has ${length} bytes.`);
}

function etagOfParts(parts: readonly Part[]): string {
  const digests = createHash('md5');
  for (const { etag } of parts) digests.update(Buffer.from(bare(etag), 'hex'));
  return `"${digests.digest('hex').toUpperCase()}-${parts.length}"`;
}

function bare(etag: string): string {
  return etag.replace(/^"|"$/g, '').toUpperCase();
}
