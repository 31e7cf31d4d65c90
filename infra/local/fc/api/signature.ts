/**
 * The two signatures of the invoke API, verified: `FC <key>:<signature>` of FC 2.0 (version 2016-08-15, as the client
 * `@alicloud/fc2` makes it) and `ACS3-HMAC-SHA256` of FC 3.0 (help page "V3 request body and signature mechanism").
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { ApiError } from '../errors.ts';
import { SIGNATURE_SKEW_MS_MAX } from '../limits.ts';

export interface SignedRequest {
  readonly method: string;
  /** Path as sent, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface AccessKey {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  /** Of a temporary key: whoever signs with it has to bring the token. */
  readonly securityToken?: string;
}

/** The keys that may call. */
export type AccessKeys = (accessKeyId: string) => AccessKey | undefined;

/** Throws `ApiError` 403 or 400 unless the request is signed with one of `keys`, lately, and its body is what was signed. */
export function verify(request: SignedRequest, keys: AccessKeys, nowMs: number): void {
  const authorization = request.headers.authorization ?? '';
  if (authorization.startsWith('FC ')) {
    verifyFc2(request, authorization, keys, nowMs);
  } else if (authorization.startsWith('ACS3-HMAC-SHA256 ')) {
    verifyAcs3(request, authorization, keys, nowMs);
  } else {
    const needed = 'an Authorization header (FC or ACS3-HMAC-SHA256) is needed';
    throw new ApiError(403, 'AccessDenied', `the request is not signed: ${needed}`);
  }
}

function verifyFc2(request: SignedRequest, authorization: string, keys: AccessKeys, nowMs: number): void {
  const [, id = '', signature = ''] = /^FC ([^:]+):(.+)$/.exec(authorization) ?? [];
  const key = keyOf(id, keys);
  checkToken(text(request.headers, 'x-fc-security-token'), key);
  checkTime(Date.parse(text(request.headers, 'date')), nowMs, 'Date');
  const expected = createHmac('sha256', key.accessKeySecret)
    .update(fc2StringToSign(request))
    .digest('base64');
  checkSignature(signature, expected);
  // The body itself is signed only through its digest. The client encodes the digest's hex text, not its bytes.
  const md5 = createHash('md5').update(request.body).digest('hex');
  const given = request.headers['content-md5'];
  const missing = given === undefined && request.body.length > 0;
  if (missing || (given !== undefined && given !== Buffer.from(md5).toString('base64')))
    throw new ApiError(400, 'InvalidArgument', 'Content-MD5 is missing or does not match the body');
}

function fc2StringToSign({ method, path, headers }: SignedRequest): string {
  const fcHeaders = Object.keys(headers)
    .filter((name) => name.startsWith('x-fc-'))
    .sort()
    .map((name) => `${name}:${text(headers, name)}\n`);
  const fixed = ['content-md5', 'content-type', 'date'].map((name) => text(headers, name));
  return `${[method, ...fixed].join('\n')}\n${fcHeaders.join('')}${path}`;
}

function verifyAcs3(request: SignedRequest, authorization: string, keys: AccessKeys, nowMs: number): void {
  const fields = new Map(
    authorization
      .slice('ACS3-HMAC-SHA256 '.length)
      .split(',')
      .map((field): [string, string] => {
        const [name = '', ...value] = field.trim().split('=');
        return [name, value.join('=')];
      }),
  );
  const key = keyOf(fields.get('Credential') ?? '', keys);
  checkToken(text(request.headers, 'x-acs-security-token'), key);
  checkTime(Date.parse(text(request.headers, 'x-acs-date')), nowMs, 'x-acs-date');
  const signed = (fields.get('SignedHeaders') ?? '').split(';');
  const unsigned = Object.keys(request.headers).filter(
    (name) => mustBeSigned(name) && !signed.includes(name),
  );
  if (unsigned.length > 0)
    throw new ApiError(403, 'SignatureNotMatch', `these headers must be signed: ${unsigned.join(', ')}`);
  const digest = createHash('sha256').update(request.body).digest('hex');
  if (text(request.headers, 'x-acs-content-sha256') !== digest)
    throw new ApiError(400, 'InvalidArgument', 'x-acs-content-sha256 is missing or does not match the body');
  const canonical = createHash('sha256')
    .update(acs3CanonicalRequest(request, signed, digest))
    .digest('hex');
  const expected = createHmac('sha256', key.accessKeySecret)
    .update(`ACS3-HMAC-SHA256\n${canonical}`)
    .digest('hex');
  checkSignature(fields.get('Signature') ?? '', expected);
}

const mustBeSigned = (name: string): boolean =>
  name.startsWith('x-acs-') || name === 'host' || name === 'content-type';

function acs3CanonicalRequest(request: SignedRequest, signed: readonly string[], digest: string): string {
  const query = [...request.query]
    .map(([name, value]): [string, string] => [percentEncoded(name), percentEncoded(value)])
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  const headers = signed.map((name) => `${name}:${text(request.headers, name).trim()}\n`).join('');
  return [request.method, request.path, query, headers, signed.join(';'), digest].join('\n');
}

/** RFC 3986: what `encodeURIComponent` leaves alone beyond the unreserved characters is encoded too. */
const percentEncoded = (value: string): string =>
  encodeURIComponent(value).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

function keyOf(id: string, keys: AccessKeys): AccessKey {
  const key = keys(id);
  if (key) return key;
  throw new ApiError(403, 'InvalidAccessKeyID', `the access key id '${id}' does not exist`);
}

function checkToken(given: string, { securityToken = '' }: AccessKey): void {
  if (given === securityToken) return;
  throw new ApiError(403, 'InvalidSecurityToken', 'the security token is not that of the access key');
}

function checkTime(atMs: number, nowMs: number, header: string): void {
  if (Math.abs(atMs - nowMs) <= SIGNATURE_SKEW_MS_MAX) return;
  const minutes = SIGNATURE_SKEW_MS_MAX / 60_000;
  throw new ApiError(403, 'AccessDenied', `the header ${header} is missing or over ${minutes} minutes off`);
}

/** In constant time for signatures of the right length. */
function checkSignature(given: string, expected: string): void {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  if (a.length === b.length && timingSafeEqual(a, b)) return;
  throw new ApiError(403, 'SignatureNotMatch', 'the signature does not match; check the access key secret');
}

function text(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : (value ?? '');
}
