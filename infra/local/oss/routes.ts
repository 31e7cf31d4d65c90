/**
 * Which call a request is: one table.
 *
 * OSS tells its calls apart by method, by what they address, and by *sub-resources*, query keys like `append` or
 * `uploads`. A route is taken only if the request's sub-resources are exactly the route's; anything else is answered
 * with `NotImplemented`, never treated as the plain call it resembles. Other query keys are parameters; OSS ignores
 * those it does not know, and so does this server, unless they come without a value, as sub-resources do.
 */
import type { Answer } from './answer.ts';
import type { BodyLimits } from './body.ts';
import { notImplemented, OssError } from './errors.ts';
import { appendObject } from './operations/append.ts';
import { deleteBucket, getBucketInfo, listBuckets, putBucket } from './operations/bucket.ts';
import type { Call, Settings } from './operations/call.ts';
import { copyObject } from './operations/copy.ts';
import { DELETE_BODY_BYTES_MAX, deleteMultipleObjects, deleteObject } from './operations/delete.ts';
import { getObject, getObjectMeta, headObject } from './operations/get.ts';
import { listObjects, listObjectsV2 } from './operations/list.ts';
import {
  abortUpload,
  COMPLETE_BODY_BYTES_MAX,
  completeUpload,
  initiateUpload,
  uploadPart,
  uploadPartCopy,
} from './operations/multipart.ts';
import { listParts, listUploads } from './operations/multipart-list.ts';
import { PUT_BYTES_MAX, putObject } from './operations/put.ts';
import type { Address, OssRequest } from './request.ts';

export type OperationName = (typeof ROUTES)[number]['name'] | 'unknown';

export interface Route {
  readonly name: string;
  readonly level: 'service' | 'bucket' | 'object';
  readonly method: string;
  readonly subresources: readonly string[];
  /** A header that tells this call from another with the same sub-resources. */
  readonly header?: string;
  /** Absent if the call's body, should it have one, is not looked at. */
  readonly body?: (settings: Settings) => BodyLimits;
  readonly run: (call: Call) => Answer | Promise<Answer>;
}

const putBody = (): BodyLimits => ({ bytesMax: PUT_BYTES_MAX });

const ROUTES = [
  { name: 'list-buckets', level: 'service', method: 'GET', subresources: [], run: listBuckets },

  { name: 'put-bucket', level: 'bucket', method: 'PUT', subresources: [], run: putBucket },
  { name: 'bucket-info', level: 'bucket', method: 'GET', subresources: ['bucketInfo'], run: getBucketInfo },
  { name: 'delete-bucket', level: 'bucket', method: 'DELETE', subresources: [], run: deleteBucket },
  { name: 'list', level: 'bucket', method: 'GET', subresources: [], run: listObjects },
  { name: 'list-v2', level: 'bucket', method: 'GET', subresources: ['list-type'], run: listObjectsV2 },
  { name: 'list-uploads', level: 'bucket', method: 'GET', subresources: ['uploads'], run: listUploads },
  {
    name: 'delete-multiple',
    level: 'bucket',
    method: 'POST',
    subresources: ['delete'],
    body: () => ({ bytesMax: DELETE_BODY_BYTES_MAX, md5Required: true }),
    run: deleteMultipleObjects,
  },

  {
    name: 'append',
    level: 'object',
    method: 'POST',
    subresources: ['append'],
    body: ({ appendableBytesMax }) => ({ bytesMax: appendableBytesMax }),
    run: appendObject,
  },
  {
    name: 'copy',
    level: 'object',
    method: 'PUT',
    subresources: [],
    header: 'x-oss-copy-source',
    run: copyObject,
  },
  { name: 'put', level: 'object', method: 'PUT', subresources: [], body: putBody, run: putObject },
  { name: 'get', level: 'object', method: 'GET', subresources: [], run: getObject },
  { name: 'head', level: 'object', method: 'HEAD', subresources: [], run: headObject },
  { name: 'object-meta', level: 'object', method: 'HEAD', subresources: ['objectMeta'], run: getObjectMeta },
  { name: 'object-meta', level: 'object', method: 'GET', subresources: ['objectMeta'], run: getObjectMeta },
  { name: 'delete', level: 'object', method: 'DELETE', subresources: [], run: deleteObject },

  {
    name: 'initiate-upload',
    level: 'object',
    method: 'POST',
    subresources: ['uploads'],
    run: initiateUpload,
  },
  {
    name: 'upload-part-copy',
    level: 'object',
    method: 'PUT',
    subresources: ['partNumber', 'uploadId'],
    header: 'x-oss-copy-source',
    run: uploadPartCopy,
  },
  {
    name: 'upload-part',
    level: 'object',
    method: 'PUT',
    subresources: ['partNumber', 'uploadId'],
    body: putBody,
    run: uploadPart,
  },
  {
    name: 'complete-upload',
    level: 'object',
    method: 'POST',
    subresources: ['uploadId'],
    body: () => ({ bytesMax: COMPLETE_BODY_BYTES_MAX }),
    run: completeUpload,
  },
  { name: 'abort-upload', level: 'object', method: 'DELETE', subresources: ['uploadId'], run: abortUpload },
  { name: 'list-parts', level: 'object', method: 'GET', subresources: ['uploadId'], run: listParts },
] as const satisfies readonly Route[];

export const OPERATIONS = [...new Set(ROUTES.map(({ name }) => name))];

/** Query keys that make a different call of a request. Those without a route here are not served. */
const SUBRESOURCES = new Set(
  `accessmonitor accessPoint accessPointPolicy acl append asyncFetch bucketArchiveDirectRead bucketInfo callback
  callback-var clean cname comp cors delete encryption httpsConfig img inventory lifecycle link list-type
  live location logging metaQuery objectInfo objectMeta partNumber policy policyStatus processConfiguration
  publicAccessBlock qosInfo redundancyTransition referer regionList replication replicationLocation replicationProgress
  requestPayment requesterQosInfo resourceGroup resourcePool restore rtc seal select/meta stat status style symlink tagging
  transferAcceleration uploadId uploads versionId versioning versions vod website worm wormExtend wormId
  x-oss-ac-source-ip x-oss-async-process x-oss-process x-oss-write-get-object-response`.split(/\s+/),
);
/** Parameters that may come empty. */
const PARAMETERS = new Set(
  `continuation-token delimiter encoding-type fetch-owner key-marker marker max-keys max-parts max-uploads
  part-number-marker position prefix security-token sequential start-after tag-key tag-value
  upload-id-marker`.split(/\s+/),
);

/** Throws `NotImplemented`, `MethodNotAllowed`. */
export function routeOf(request: OssRequest, address: Address): Route & { readonly name: OperationName } {
  const level = address.bucket === null ? 'service' : address.key === null ? 'bucket' : 'object';
  const asked = [...request.query].filter(isSubresource).map(([name]) => name);
  const candidates = ROUTES.filter(
    (route: Route) =>
      route.level === level &&
      route.subresources.length === asked.length &&
      route.subresources.every((name) => asked.includes(name)),
  );
  const route = candidates.find(
    (candidate: Route) =>
      candidate.method === request.method &&
      (candidate.header === undefined || request.headers.has(candidate.header)),
  );
  if (route !== undefined) return route;
  if (candidates.length === 0) throw notImplemented('Parameter', asked.join(', '));
  throw new OssError('MethodNotAllowed', {
    elements: { Method: request.method, ResourceType: level },
  });
}

function isSubresource([name, value]: readonly [string, string]): boolean {
  return SUBRESOURCES.has(name) || (value === '' && !PARAMETERS.has(name) && !name.startsWith('x-oss-'));
}
