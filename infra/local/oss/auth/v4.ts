/**
 * Signature version 4 (HMAC-SHA256, a key derived per day and region), in the Authorization header or in a signed URL.
 * Source: OSS documentation, "Include a V4 signature in the Authorization header" and "… in a URL".
 *
 * All query parameters are signed, and Content-Type, Content-MD5, every x-oss-* header and the additional headers the
 * client names. The body is not (`UNSIGNED-PAYLOAD`). The server belongs to no region, so any region name is accepted,
 * except one that still has the endpoint's `oss-` in front, a common slip that OSS refuses.
 */
import { createHash, createHmac } from 'node:crypto';
import { invalidArgument, OssError } from '../errors.ts';
import type { Address, OssRequest } from '../request.ts';
import {
  type Claim,
  canonicalHeaders,
  checkExpiry,
  checkSkew,
  type Expectation,
  ossHeaderNames,
  SKEW_MS_MAX,
  toBytesText,
} from './signature.ts';

const ALGORITHM = 'OSS4-HMAC-SHA256';
const PAYLOAD = 'UNSIGNED-PAYLOAD';
/** A signed URL lasts seven days at most. */
const EXPIRES_SECONDS_MAX = 7 * 24 * 60 * 60;

interface Scope {
  readonly accessKeyId: string;
  readonly day: string;
  readonly region: string;
}

/** The request's V4 claim, null if it makes none. Throws where the claim is malformed, too old or too new. */
export function claimV4(request: OssRequest): Claim | null {
  const header = request.headers.get('authorization');
  if (header !== undefined) return header.startsWith(`${ALGORITHM} `) ? fromHeader(request, header) : null;
  return request.query.get('x-oss-signature-version') === ALGORITHM ? fromUrl(request) : null;
}

function fromHeader(request: OssRequest, header: string): Claim {
  const fields = new Map(
    header
      .slice(ALGORITHM.length)
      .split(',')
      .map((field): [string, string] => {
        const equals = field.indexOf('=');
        return [field.slice(0, equals).trim(), field.slice(equals + 1).trim()];
      }),
  );
  const scope = parseScope(fields.get('Credential') ?? '');
  const signature = fields.get('Signature') ?? '';
  if (signature === '') throw malformed('Signature', signature, 'The Authorization header has no Signature.');
  const additional = parseAdditional(fields.get('AdditionalHeaders'), request);
  if (request.headers.get('x-oss-content-sha256') !== PAYLOAD) {
    throw malformed('x-oss-content-sha256', '', `x-oss-content-sha256 must be ${PAYLOAD}.`);
  }
  const date = request.headers.get('x-oss-date') ?? '';
  checkSkew(request, parseDate(date, scope));
  return {
    accessKeyId: scope.accessKeyId,
    signature,
    securityToken: request.headers.get('x-oss-security-token'),
    expected: (secret, address) => expect(request, scope, date, additional, secret, address),
  };
}

function fromUrl(request: OssRequest): Claim {
  const query = (name: string): string => request.query.get(name) ?? '';
  const scope = parseScope(query('x-oss-credential'));
  const signature = query('x-oss-signature');
  if (signature === '') throw malformed('x-oss-signature', '', 'The URL has no x-oss-signature.');
  const additional = parseAdditional(request.query.get('x-oss-additional-headers'), request);
  const date = query('x-oss-date');
  const seconds = /^\d{1,6}$/.test(query('x-oss-expires')) ? Number(query('x-oss-expires')) : 0;
  if (seconds < 1 || seconds > EXPIRES_SECONDS_MAX) {
    throw malformed(
      'x-oss-expires',
      query('x-oss-expires'),
      `x-oss-expires must be 1 to ${EXPIRES_SECONDS_MAX} seconds.`,
    );
  }
  const signedAtMs = parseDate(date, scope);
  if (signedAtMs > request.arrivedMs + SKEW_MS_MAX) checkSkew(request, signedAtMs);
  checkExpiry(request, signedAtMs + seconds * 1000);
  return {
    accessKeyId: scope.accessKeyId,
    signature,
    securityToken: request.query.get('x-oss-security-token') ?? request.headers.get('x-oss-security-token'),
    expected: (secret, address) => expect(request, scope, date, additional, secret, address),
  };
}

function expect(
  request: OssRequest,
  scope: Scope,
  date: string,
  additional: readonly string[],
  secret: string,
  address: Address,
): Expectation[] {
  const key = ['oss', 'aliyun_v4_request'].reduce(
    (parent, part) => createHmac('sha256', parent).update(part).digest(),
    createHmac('sha256', createHmac('sha256', `aliyun_v4${secret}`).update(scope.day).digest())
      .update(scope.region)
      .digest(),
  );
  return canonicalQueries(request).map((query) => {
    const canonicalRequest = toCanonicalRequest(request, query, additional, address);
    const stringToSign = [
      ALGORITHM,
      date,
      `${scope.day}/${scope.region}/oss/aliyun_v4_request`,
      createHash('sha256').update(canonicalRequest, 'latin1').digest('hex'),
    ].join('\n');
    return {
      signature: createHmac('sha256', key).update(stringToSign).digest('hex'),
      stringToSign,
      canonicalRequest,
    };
  });
}

function toCanonicalRequest(
  request: OssRequest,
  query: string,
  additional: readonly string[],
  { bucket, key }: Address,
): string {
  const path = bucket === null ? '/' : `/${bucket}/${key ?? ''}`;
  const always = ['content-type', 'content-md5'].filter((name) => request.headers.has(name));
  const names = [...new Set([...additional, ...always, ...ossHeaderNames(request)])].sort();
  return [
    request.method,
    encode(path).replaceAll('%2F', '/'),
    query,
    canonicalHeaders(request, names),
    additional.map(toBytesText).join(';'),
    PAYLOAD,
  ].join('\n');
}

/**
 * A parameter without a value is signed as its bare name; ali-oss does so for sub-resources (`append`), but signs
 * `prefix=` for an empty parameter of a list. On the wire the two look the same, so both readings are accepted.
 */
function canonicalQueries(request: OssRequest): string[] {
  const signed = [...request.query].filter(([name]) => name !== 'x-oss-signature');
  const spell = (empty: string): string =>
    signed
      .map(([name, value]): [string, string] => [
        encode(name),
        value === '' ? `${encode(name)}${empty}` : `${encode(name)}=${encode(value)}`,
      ])
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, pair]) => pair)
      .join('&');
  return [...new Set([spell(''), spell('=')])];
}

function parseScope(credential: string): Scope {
  const [accessKeyId, day, region, product, terminator, ...rest] = credential.split('/');
  if (!accessKeyId || !day || !region || rest.length > 0) {
    throw malformed(
      'Credential',
      credential,
      'Credential must be <id>/<yyyymmdd>/<region>/oss/aliyun_v4_request.',
    );
  }
  if (product !== 'oss' || terminator !== 'aliyun_v4_request') {
    throw malformed('Credential', credential, 'Credential must end in /oss/aliyun_v4_request.');
  }
  if (region.startsWith('oss-')) {
    throw malformed(
      'Credential',
      credential,
      `Invalid signing region ${region}: leave out oss-.`,
      '0002-00000226',
    );
  }
  return { accessKeyId, day, region };
}

/** `x-oss-date`, for example `20261122T203000Z`, as epoch milliseconds. */
function parseDate(date: string, scope: Scope): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date);
  const [, year, month, day, hour, minute, second] = match ?? [];
  const atMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(atMs)) {
    throw new OssError('AccessDenied', {
      message: 'OSS authentication requires a valid x-oss-date, like 20261122T203000Z.',
    });
  }
  if (scope.day !== date.slice(0, 8)) {
    throw malformed('Credential', scope.day, 'The day of the credential is not the day of x-oss-date.');
  }
  return atMs;
}

/** Names of further signed headers: absent, or at least one, each of them in the request. */
function parseAdditional(list: string | undefined, request: OssRequest): string[] {
  if (list === undefined) return [];
  const names = list.toLowerCase().split(';').filter(Boolean).sort();
  if (names.length === 0) {
    throw malformed('AdditionalHeaders', list, 'AdditionalHeaders must not be empty.', '0002-00000209');
  }
  const missing = names.find((name) => !request.headers.has(name));
  if (missing !== undefined) {
    throw malformed('AdditionalHeaders', list, `The request has no header ${missing}.`);
  }
  return names;
}

function malformed(name: string, value: string, message: string, ec?: string): OssError {
  return invalidArgument(name, value, message, ec);
}

/** Percent-encoding of everything but letters, digits and `-_.~`. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
