/**
 * Signature version 1 (HMAC-SHA1), in the Authorization header or in a signed URL.
 * Source: OSS documentation, "Include a V1 signature in the Authorization header" and "… in a URL".
 *
 * `Authorization: OSS <id>:<signature>`, or `?OSSAccessKeyId=…&Expires=…&Signature=…`. Signed are the verb,
 * Content-MD5, Content-Type, the date (or Expires), the x-oss-* headers, and the resource with its sub-resources;
 * other query parameters (`prefix`, `list-type`, …) are not covered.
 */
import { createHmac } from 'node:crypto';
import { invalidArgument, OssError } from '../errors.ts';
import type { Address, OssRequest } from '../request.ts';
import {
  type Claim,
  canonicalHeaders,
  checkExpiry,
  checkSkew,
  type Expectation,
  ossHeaderNames,
  toBytesText,
} from './signature.ts';

const PREFIX = 'OSS ';

/** Query keys that are part of the signed resource, besides `x-oss-*` and `response-*`. */
const SIGNED_KEYS = new Set(
  `accessmonitor acl append asyncFetch bucketArchiveDirectRead bucketInfo callback callback-var
  cloudboxes cname comp continuation-token cors delete encryption endTime group httpsConfig img inventory inventoryId
  lifecycle link live location logging metaQuery objectInfo objectMeta partNumber policy policyStatus
  position publicAccessBlock qos qosInfo quotas redundancyTransition referer regionList replication
  replicationLocation replicationProgress requestPayment requesterQosInfo resourceGroup restore rtc
  seal security-token sequential startTime stat status style styleName symlink tagging transferAcceleration
  uploadId uploads versionId versioning versions vip vod website worm wormExtend wormId`.split(/\s+/),
);

/** The request's V1 claim, null if it makes none. Throws where the claim is malformed, too old or too new. */
export function claimV1(request: OssRequest): Claim | null {
  const header = request.headers.get('authorization');
  if (header !== undefined) return header.startsWith(PREFIX) ? fromHeader(request, header) : null;
  return request.query.has('OSSAccessKeyId') ? fromUrl(request) : null;
}

function fromHeader(request: OssRequest, header: string): Claim {
  const [, accessKeyId, signature] = /^OSS ([^:\s]+):(\S+)$/.exec(header) ?? [];
  if (accessKeyId === undefined || signature === undefined) {
    throw invalidArgument('Authorization', PREFIX.trim(), 'Authorization header is invalid.');
  }
  // `x-oss-date` replaces Date for clients that cannot set it; ali-oss always does so.
  const date = request.headers.get('x-oss-date') ?? request.headers.get('date') ?? '';
  const signedAtMs = Date.parse(date);
  if (Number.isNaN(signedAtMs)) {
    throw new OssError('AccessDenied', { message: 'OSS authentication requires a valid Date.' });
  }
  checkSkew(request, signedAtMs);
  return {
    accessKeyId,
    signature,
    securityToken: request.headers.get('x-oss-security-token'),
    expected: (secret, address) => expect(request, date, secret, address),
  };
}

function fromUrl(request: OssRequest): Claim {
  const accessKeyId = request.query.get('OSSAccessKeyId') ?? '';
  const expires = request.query.get('Expires') ?? '';
  const signature = request.query.get('Signature') ?? '';
  if (accessKeyId === '' || signature === '' || !/^\d{1,12}$/.test(expires)) {
    throw new OssError('AccessDenied', {
      message: 'Query-string authentication requires the Signature, Expires and OSSAccessKeyId parameters.',
    });
  }
  checkExpiry(request, Number(expires) * 1000);
  return {
    accessKeyId,
    signature,
    securityToken: request.query.get('security-token') ?? request.headers.get('x-oss-security-token'),
    expected: (secret, address) => expect(request, expires, secret, address),
  };
}

function expect(request: OssRequest, date: string, secret: string, address: Address): Expectation[] {
  const stringToSign = [
    request.method,
    request.headers.get('content-md5') ?? '',
    request.headers.get('content-type') ?? '',
    date,
    canonicalHeaders(request, ossHeaderNames(request)) + toBytesText(canonicalResource(request, address)),
  ].join('\n');
  const signature = createHmac('sha1', secret).update(stringToSign, 'latin1').digest('base64');
  return [{ signature, stringToSign }];
}

function canonicalResource(request: OssRequest, { bucket, key }: Address): string {
  const signed = [...request.query]
    .filter(([name]) => SIGNED_KEYS.has(name) || name.startsWith('x-oss-') || name.startsWith('response-'))
    .map(([name, value]) => (value === '' ? name : `${name}=${value}`))
    .sort();
  const path = bucket === null ? '/' : `/${bucket}/${key ?? ''}`;
  return signed.length === 0 ? path : `${path}?${signed.join('&')}`;
}
