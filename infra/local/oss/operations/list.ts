/**
 * ListObjects and ListObjectsV2: `GET /`, `GET /?list-type=2`.
 * Source: OSS API reference, "ListObjects", "ListObjectsV2".
 *
 * Keys come in the order of their UTF-8 bytes. With a delimiter, keys that share the text up to its first occurrence
 * after the prefix are one entry, a common prefix. A marker that is itself such a common prefix stands for all of the
 * keys under it, so that paging by markers lists everything once.
 */
import { type Answer, xmlAnswer } from '../answer.ts';
import type { Bucket, StoredObject } from '../disk/catalog.ts';
import { compareUtf8 } from '../disk/sorted-keys.ts';
import { invalidArgument } from '../errors.ts';
import type { XmlElement } from '../xml.ts';
import { bucketOf, type Call, integerParameter, OWNER } from './call.ts';
import { encoderOf, type KeyEncoder } from './encoding.ts';

interface Query {
  readonly prefix: string;
  readonly delimiter: string;
  readonly marker: string;
  readonly count: number;
}

interface Page {
  readonly objects: StoredObject[];
  readonly commonPrefixes: string[];
  /** Where the next page goes on, null if this is the last. */
  readonly next: string | null;
}

export function listObjects(call: Call): Answer {
  const bucket = bucketOf(call);
  const encoder = encoderOf(call);
  const marker = parameter(call, 'marker');
  const query = { ...commonQuery(call), marker };
  const page = pageOf(bucket, query);
  return xmlAnswer(200, 'ListBucketResult', [
    ...head(bucket, query, page, encoder),
    ['Marker', encoder.encode(marker)],
    ...(page.next === null ? [] : [['NextMarker', encoder.encode(page.next)] as const]),
    ...entries(page, encoder, true),
  ]);
}

export function listObjectsV2(call: Call): Answer {
  const version = call.request.query.get('list-type');
  if (version !== '2') throw invalidArgument('list-type', version ?? '', 'list-type must be 2.');
  const bucket = bucketOf(call);
  const encoder = encoderOf(call);
  const startAfter = parameter(call, 'start-after');
  const token = parameter(call, 'continuation-token');
  const query = { ...commonQuery(call), marker: token === '' ? startAfter : fromToken(token) };
  const page = pageOf(bucket, query);
  return xmlAnswer(200, 'ListBucketResult', [
    ...head(bucket, query, page, encoder),
    ['StartAfter', encoder.encode(startAfter)],
    ...(token === '' ? [] : [['ContinuationToken', token] as const]),
    ...(page.next === null ? [] : [['NextContinuationToken', toToken(page.next)] as const]),
    ...entries(page, encoder, parameter(call, 'fetch-owner') === 'true'),
    ['KeyCount', page.objects.length + page.commonPrefixes.length],
  ]);
}

function pageOf({ keys, objects }: Bucket, { prefix, delimiter, marker, count }: Query): Page {
  const page = { objects: [] as StoredObject[], commonPrefixes: [] as string[] };
  const skipped = marker === '' || groupOf(marker, prefix, delimiter) !== marker ? null : marker;
  let index = keys.firstWhere(
    (key) =>
      compareUtf8(key, prefix) >= 0 &&
      compareUtf8(key, marker) > 0 &&
      (skipped === null || !key.startsWith(skipped)),
  );
  let last = '';
  for (let left = count; ; left--) {
    const key = keys.at(index);
    if (key === undefined || !key.startsWith(prefix)) return { ...page, next: null };
    if (left === 0) return { ...page, next: last };
    const group = groupOf(key, prefix, delimiter);
    const object = objects.get(key);
    last = group ?? key;
    if (group !== null) {
      page.commonPrefixes.push(group);
      index = keys.firstWhere((other) => !other.startsWith(group), index + 1);
    } else {
      if (object !== undefined) page.objects.push(object);
      index += 1;
    }
  }
}

/** The common prefix a key falls under, null if it stands for itself. */
function groupOf(key: string, prefix: string, delimiter: string): string | null {
  if (delimiter === '' || !key.startsWith(prefix)) return null;
  const at = key.indexOf(delimiter, prefix.length);
  return at < 0 ? null : key.slice(0, at + delimiter.length);
}

function head(bucket: Bucket, query: Query, page: Page, { encode, elements }: KeyEncoder): XmlElement[] {
  return [
    ['Name', bucket.name],
    ['Prefix', encode(query.prefix)],
    ['MaxKeys', query.count],
    ['Delimiter', encode(query.delimiter)],
    ...elements,
    ['IsTruncated', page.next !== null],
  ];
}

function entries(page: Page, { encode }: KeyEncoder, withOwner: boolean): XmlElement[] {
  const contents = page.objects.map(
    (object): XmlElement => [
      'Contents',
      [
        ['Key', encode(object.key)],
        ['LastModified', new Date(object.lastModifiedMs).toISOString()],
        ['ETag', object.etag],
        ['Type', object.type],
        ['Size', object.length],
        ['StorageClass', object.headers['x-oss-storage-class'] ?? 'Standard'],
        ...(withOwner ? [['Owner', OWNER] as const] : []),
      ],
    ],
  );
  const prefixes = page.commonPrefixes.map(
    (prefix): XmlElement => ['CommonPrefixes', [['Prefix', encode(prefix)]]],
  );
  return [...contents, ...prefixes];
}

function commonQuery(call: Call): Omit<Query, 'marker'> {
  return {
    prefix: parameter(call, 'prefix'),
    delimiter: parameter(call, 'delimiter'),
    count: integerParameter(call, 'max-keys', { min: 1, max: 1000, absent: 100 }),
  };
}

function parameter({ request }: Call, name: string): string {
  return request.query.get(name) ?? '';
}

function toToken(key: string): string {
  return Buffer.from(key).toString('base64url');
}

function fromToken(token: string): string {
  const key = Buffer.from(token, 'base64url').toString('utf8');
  if (toToken(key) === token) return key;
  throw invalidArgument('continuation-token', token, 'The continuation token is not one of this server.');
}
