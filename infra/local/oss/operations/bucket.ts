/**
 * Calls on the service and on buckets: ListBuckets, PutBucket, GetBucketInfo, DeleteBucket.
 * Source: OSS API reference, "ListBuckets", "PutBucket", "GetBucketInfo", "DeleteBucket".
 */
import { type Answer, xmlAnswer } from '../answer.ts';
import type { Bucket } from '../disk/catalog.ts';
import { OssError } from '../errors.ts';
import type { XmlElement } from '../xml.ts';
import { bucketOf, type Call, checkBucketName, integerParameter, OWNER } from './call.ts';

/** The server belongs to no region; answers that must name one name this. */
const LOCATION = 'oss-cn-hangzhou';

export function listBuckets(call: Call): Answer {
  const prefix = call.request.query.get('prefix') ?? '';
  const marker = call.request.query.get('marker') ?? '';
  const count = integerParameter(call, 'max-keys', { min: 1, max: 1000, absent: 100 });
  const found = [...call.store.buckets.values()]
    .filter(({ name }) => name.startsWith(prefix) && name > marker)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const page = found.slice(0, count);
  const last = found.length > page.length ? page.at(-1) : undefined;
  return xmlAnswer(200, 'ListAllMyBucketsResult', [
    ['Owner', OWNER],
    ['Prefix', prefix],
    ['Marker', marker],
    ['MaxKeys', count],
    ['IsTruncated', last !== undefined],
    ...(last === undefined ? [] : [['NextMarker', last.name] as const]),
    ['Buckets', page.map((bucket): XmlElement => ['Bucket', summary(bucket)])],
  ]);
}

/** Creating a bucket one already owns succeeds and changes nothing. */
export function putBucket({ address, store, nowMs }: Call): Answer {
  const name = address.bucket ?? '';
  checkBucketName(name);
  if (!store.buckets.has(name)) store.commit({ op: 'put-bucket', bucket: name, atMs: nowMs });
  return { status: 200, headers: { Location: `/${name}` } };
}

export function getBucketInfo(call: Call): Answer {
  return xmlAnswer(200, 'BucketInfo', [
    [
      'Bucket',
      [
        ...summary(bucketOf(call)),
        ['Owner', OWNER],
        ['AccessControlList', [['Grant', 'private']]],
        ['DataRedundancyType', 'LRS'],
      ],
    ],
  ]);
}

/** Uploads that are still open count as content. */
export function deleteBucket(call: Call): Answer {
  const bucket = bucketOf(call);
  if (bucket.objects.size > 0 || bucket.uploads.size > 0) {
    throw new OssError('BucketNotEmpty', { elements: { BucketName: bucket.name } });
  }
  call.store.commit({ op: 'delete-bucket', bucket: bucket.name });
  return { status: 204, headers: {} };
}

function summary({ name, createdMs }: Bucket): XmlElement[] {
  return [
    ['Name', name],
    ['Location', LOCATION],
    ['CreationDate', new Date(createdMs).toISOString()],
    ['ExtranetEndpoint', `${LOCATION}.aliyuncs.com`],
    ['IntranetEndpoint', `${LOCATION}-internal.aliyuncs.com`],
    ['StorageClass', 'Standard'],
  ];
}
