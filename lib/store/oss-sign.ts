/**
 * The V4 signature of OSS (OSS documentation, "Include a V4 signature in the Authorization header").
 *
 * It stands in for the one in ali-oss, which derives the day's key anew for every request and so takes most of the
 * time of preparing one. A test holds the two against each other.
 */

import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { digest } from '../hash.ts';

export interface Signed {
  readonly method: string;
  readonly bucket: string;
  readonly key: string;
  /** All that are sent, by names in lower case. Signed are `content-type`, `content-md5` and every `x-oss-*`. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The query; null is a parameter without a value. */
  readonly query: Readonly<Record<string, string | null>>;
}

export interface SigningKey {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  /** `cn-hangzhou`, without `oss-`. */
  readonly region: string;
}

/** A function from a request, dated by its `x-oss-date`, to its `Authorization` header. */
export function v4Signer({ accessKeyId, accessKeySecret, region }: SigningKey): (request: Signed) => string {
  let derived: { day: string; scope: string; key: KeyObject } | null = null;

  function ofDay(day: string) {
    if (derived?.day !== day) {
      const parts = [day, region, 'oss', 'aliyun_v4_request'];
      const hmac = (key: Buffer, part: string) => createHmac('sha256', key).update(part).digest();
      // A key object is prepared once; a buffer would be with every signature.
      const key = createSecretKey(parts.reduce(hmac, Buffer.from(`aliyun_v4${accessKeySecret}`)));
      derived = { day, scope: parts.join('/'), key };
    }
    return derived;
  }

  return (request) => {
    const date = request.headers['x-oss-date'] ?? '';
    const { scope, key } = ofDay(date.slice(0, 8));
    const signature = createHmac('sha256', key)
      .update(`OSS4-HMAC-SHA256\n${date}\n${scope}\n${digest('sha256', canonical(request), 'hex')}`)
      .digest('hex');
    return `OSS4-HMAC-SHA256 Credential=${accessKeyId}/${scope},Signature=${signature}`;
  };
}

function canonical({ method, bucket, key, headers, query }: Signed): string {
  let text = `${method}\n/${encoded(bucket)}/${encoded(key).replaceAll('%2F', '/')}\n`;
  let separator = '';
  for (const name of Object.keys(query).sort()) {
    const value = query[name] ?? null;
    text += separator + (value === null ? encoded(name) : `${encoded(name)}=${encoded(value)}`);
    separator = '&';
  }
  text += '\n';
  for (const name of Object.keys(headers).filter(isSigned).sort()) {
    const value = headers[name];
    if (value !== undefined) text += `${name}:${value.trim()}\n`;
  }
  // The empty line is for additional signed headers; the payload is covered by Content-MD5 instead of a hash.
  return `${text}\n\nUNSIGNED-PAYLOAD`;
}

const isSigned = (name: string): boolean =>
  name === 'content-type' || name === 'content-md5' || name.startsWith('x-oss-');

/** Percent-encoded but for the unreserved characters of RFC 3986. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
