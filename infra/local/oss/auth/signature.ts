/** What the two signature versions share: the claim a request makes, and how it is checked. */
import { timingSafeEqual } from 'node:crypto';
import { OssError } from '../errors.ts';
import type { Address, OssRequest } from '../request.ts';

/** A request's clock may differ from the server's by this much, both ways. */
export const SKEW_MS_MAX = 15 * 60 * 1000;

/** A request's claim to come from the holder of an access key, not yet checked. */
export interface Claim {
  readonly accessKeyId: string;
  readonly signature: string;
  readonly securityToken: string | undefined;
  /**
   * The signatures that would prove the claim if the request were meant for `address`, each with what was signed.
   * There is more than one only where clients are known to differ in how they sign the same request.
   */
  expected(accessKeySecret: string, address: Address): Expectation[];
}

export interface Expectation {
  readonly signature: string;
  /** For the error's body, so that a client's author can compare. Bytes as latin1. */
  readonly stringToSign: string;
  readonly canonicalRequest?: string;
}

/** Compares without telling by its duration how much was right. */
export function equalSignatures(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Throws `RequestTimeTooSkewed`. */
export function checkSkew(request: OssRequest, signedAtMs: number): void {
  if (Math.abs(request.arrivedMs - signedAtMs) <= SKEW_MS_MAX) return;
  throw new OssError('RequestTimeTooSkewed', {
    elements: {
      RequestTime: new Date(signedAtMs).toISOString(),
      ServerTime: new Date(request.arrivedMs).toISOString(),
      MaxAllowedSkewMilliseconds: String(SKEW_MS_MAX),
    },
  });
}

/** Throws `AccessDenied` once a signed URL's time has passed. */
export function checkExpiry(request: OssRequest, expiresAtMs: number): void {
  if (request.arrivedMs <= expiresAtMs) return;
  throw new OssError('AccessDenied', {
    message: 'Request has expired.',
    ec: '0002-00000069',
    elements: {
      Expires: new Date(expiresAtMs).toISOString(),
      ServerTime: new Date(request.arrivedMs).toISOString(),
    },
  });
}

/** The headers `names`, in that order, as `name:value\n`. */
export function canonicalHeaders(request: OssRequest, names: readonly string[]): string {
  return names.map((name) => `${name}:${(request.headers.get(name) ?? '').trim()}\n`).join('');
}

export function ossHeaderNames(request: OssRequest): string[] {
  return [...request.headers.keys()].filter((name) => name.startsWith('x-oss-')).sort();
}

/** Text as its UTF-8 bytes, one character each: the form header values are in, so that both can be joined. */
export function toBytesText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
