/**
 * The V4 signature of OSS (OSS documentation, "Include a V4 signature in the Authorization header").
 *
 * It stands in for the one in ali-oss, which derives the day's key anew for every request and so takes most of the
 * time of preparing one. A test holds the two against each other.
 */

import { createHash, createHmac } from 'node:crypto';

export interface Signed {
  readonly method: string;
  readonly bucket: string;
  readonly key: string;
  /** All that are sent. Signed are `content-type`, `content-md5` and every `x-oss-*`, among them `x-oss-date`. */
  readonly headers: Readonly<Record<string, string | number>>;
  /** Null is a parameter without a value. */
  readonly query: Readonly<Record<string, string | null>>;
}

export interface SigningKey {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  /** `cn-hangzhou`, without `oss-`. */
  readonly region: string;
}

const SIGNED_HEADER = /^(content-type$|content-md5$|x-oss-)/;

/** A function from a request to its `Authorization` header. */
export function v4Signer({ accessKeyId, accessKeySecret, region }: SigningKey): (request: Signed) => string {
  let derived: { day: string; key: Buffer } = { day: '', key: Buffer.alloc(0) };

  function keyOf(day: string): Buffer {
    if (derived.day !== day) {
      const parts = [day, region, 'oss', 'aliyun_v4_request'];
      derived = { day, key: parts.reduce(hmac, Buffer.from(`aliyun_v4${accessKeySecret}`)) };
    }
    return derived.key;
  }

  return (request) => {
    const date = String(request.headers['x-oss-date']);
    const day = date.slice(0, 8);
    const scope = `${day}/${region}/oss/aliyun_v4_request`;
    const hash = createHash('sha256').update(canonical(request)).digest('hex');
    const signature = hmac(keyOf(day), `OSS4-HMAC-SHA256\n${date}\n${scope}\n${hash}`).toString('hex');
    return `OSS4-HMAC-SHA256 Credential=${accessKeyId}/${scope},Signature=${signature}`;
  };
}

function canonical({ method, bucket, key, headers, query }: Signed): string {
  const path = encoded(`/${bucket}/${key}`).replaceAll('%2F', '/');
  const parameters = Object.keys(query)
    .sort()
    .map((name) => (query[name] === null ? encoded(name) : `${encoded(name)}=${encoded(query[name] ?? '')}`));
  const lines = Object.entries(headers)
    .map(([name, value]) => [name.toLowerCase(), String(value).trim()] as const)
    .filter(([name]) => SIGNED_HEADER.test(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}:${value}\n`);
  // The empty line is for additional signed headers; the payload is covered by Content-MD5 instead of a hash.
  return `${method}\n${path}\n${parameters.join('&')}\n${lines.join('')}\n\nUNSIGNED-PAYLOAD`;
}

/** Percent-encoded but for the unreserved characters of RFC 3986. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function hmac(key: Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}
