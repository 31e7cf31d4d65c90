/**
 * A request as it came over the wire, decoded once, and the places it may be meant for.
 *
 * OSS clients name the bucket in the Host header (virtual-host style), in the path (path style), in both (an IP
 * endpoint with ali-oss's `sldEnable`), or nowhere (a CNAME). `GET /a/b` with `Host: x.example` can therefore mean
 * several things; the signature covers `/bucket/key` and so decides which (`auth/authenticate.ts`). A request offers
 * its readings in order of likelihood.
 */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { OssError } from './errors.ts';

/** What a request is about: the service (both null), a bucket (key null), or an object. */
export interface Address {
  readonly bucket: string | null;
  readonly key: string | null;
}

export interface OssRequest {
  readonly id: string;
  readonly method: string;
  /** Host header without the port, lower case. */
  readonly host: string;
  /** Percent-decoded path, beginning with `/`. */
  readonly path: string;
  /** Decoded query in order of appearance; a key without `=` has the value ''. */
  readonly query: ReadonlyMap<string, string>;
  /** Lower-case names; values byte by byte as latin1, as Node gives them. */
  readonly headers: ReadonlyMap<string, string>;
  /** Epoch milliseconds, by the server's clock. */
  readonly arrivedMs: number;
}

/** Throws `InvalidURI`. */
export function parseRequest(message: IncomingMessage, id: string, arrivedMs: number): OssRequest {
  const target = (message.url ?? '/').replace(/^https?:\/\/[^/?]*/i, '');
  const split = target.indexOf('?');
  const rawPath = split < 0 ? target : target.slice(0, split);
  const rawQuery = split < 0 ? '' : target.slice(split + 1);
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(message.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(',') : value);
  }
  return {
    id,
    method: message.method ?? 'GET',
    host: hostName(headers.get('host') ?? ''),
    path: decode(rawPath === '' ? '/' : rawPath),
    query: new Map(rawQuery.split('&').filter(Boolean).map(parsePair)),
    headers,
    arrivedMs,
  };
}

/** Every reading of the request, likeliest first. Empty if it names no bucket and the server has no default one. */
export function addressesOf(request: OssRequest, defaultBucket: string | undefined): Address[] {
  const whole = request.path.slice(1);
  const slash = whole.indexOf('/');
  const named = bucketOfHost(request.host);
  const readings: Address[] = [];
  // Not every name is a bucket's: with an IP endpoint ali-oss lists buckets at `undefined.oss-….aliyuncs.com`.
  if (named !== null) readings.push(address(named, whole));
  if (whole === '') readings.push({ bucket: null, key: null });
  else if (slash < 0) readings.push(address(whole, ''));
  else if (slash > 0) readings.push(address(whole.slice(0, slash), whole.slice(slash + 1)));
  if (defaultBucket !== undefined && named !== defaultBucket) readings.push(address(defaultBucket, whole));
  return readings;
}

/** The bucket a Host header names, null if it is an IP address, a lone name, or an endpoint of OSS itself. */
export function bucketOfHost(host: string): string | null {
  if (
    isIP(host) !== 0 ||
    host.startsWith('[') ||
    !host.includes('.') ||
    /^oss-[^.]*\.aliyuncs\.com$/.test(host)
  )
    return null;
  return host.slice(0, host.indexOf('.'));
}

function address(bucket: string, key: string): Address {
  return { bucket, key: key === '' ? null : key };
}

function hostName(host: string): string {
  return host.replace(/:\d+$/, '').toLowerCase();
}

function parsePair(pair: string): [string, string] {
  const equals = pair.indexOf('=');
  return equals < 0 ? [decode(pair), ''] : [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))];
}

/** `+` stays a plus: OSS SDKs write a space as `%20`. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new OssError('InvalidURI', { message: 'The URI is not percent-encoded UTF-8.' });
  }
}
