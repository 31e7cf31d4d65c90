/**
 * ali-oss, reduced to what it does best: it knows the operations, checks the settings and finds the address. Signing and
 * sending are done here and in `oss-http.ts`, and the answer comes back to the caller as OSS gave it.
 *
 * ali-oss hands every call to a method `request` of its client. That one is replaced: ali-oss's own copies the parts of
 * the request from one object to the next for longer than it takes to send it. A test holds the two against each other.
 *
 * ali-oss forwards a `ctx` of the caller untouched. It carries the answer here: per call, so safe with any number of
 * calls at once, and independent of what ali-oss makes of the answer. Its errors, which hold the payload, are never
 * passed on.
 */

import net from 'node:net';
import OSS from 'ali-oss';
import { digest } from '../hash.ts';
import type { Runtime } from '../runtime.ts';
import { type HttpAddress, type HttpClient, httpClient } from './oss-http.ts';
import { v4Signer } from './oss-sign.ts';
import type { HttpAnswer } from './oss-wire.ts';
import { type BodyStream, StoreError } from './port.ts';

export interface OssCredentials {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  readonly securityToken?: string | undefined;
}

export interface OssOptions {
  /** `https://oss-cn-hangzhou-internal.aliyuncs.com`. Without a scheme it is https; plain http has to be asked for. */
  readonly endpoint: string;
  /** `cn-hangzhou` or `oss-cn-hangzhou`. Part of the signature. */
  readonly region: string;
  readonly bucket: string;
  /** Asked before every request: the role of a function gets new ones with each invocation. */
  readonly credentials: () => OssCredentials;
  readonly runtime: Pick<Runtime, 'after' | 'now'>;
}

/** What one call to ali-oss came to. Null until the request has been made. */
export interface Exchange {
  readonly timeoutMs: number;
  /** Sent in the place of the bytes that ali-oss was given, which pipes and copies a stream. */
  readonly body: BodyStream | null;
  answer: Promise<HttpAnswer> | null;
}

/** Calls one method of ali-oss with `ctx` among its options; gives what OSS answered, whatever the status. */
export type OssClient = (
  timeoutMs: number,
  method: (oss: OSS, ctx: Exchange) => Promise<unknown>,
  body?: BodyStream,
) => Promise<HttpAnswer>;

export function ossClient(options: OssOptions): OssClient {
  let current: { readonly credentials: OssCredentials; readonly oss: OSS } | null = null;
  let http: HttpClient | null = null;

  function clientFor({ accessKeyId, accessKeySecret, securityToken }: OssCredentials): OSS {
    if (!accessKeyId || !accessKeySecret) {
      throw new StoreError(
        'NoCredentials',
        'There are no credentials for OSS. Give the function a role, or set keys.',
      );
    }
    if (
      current?.credentials.accessKeyId !== accessKeyId ||
      current.credentials.accessKeySecret !== accessKeySecret ||
      current.credentials.securityToken !== securityToken
    ) {
      const credentials = { accessKeyId, accessKeySecret, securityToken };
      const oss = aliOss(options, credentials);
      const { address, host } = placeOf(oss, options);
      http ??= httpClient({ address, runtime: options.runtime });
      const { userAgent } = oss;
      // Its address of the object goes into an answer that nobody looks at.
      Object.assign(oss, {
        request: requester(options, credentials, { host, userAgent }, http),
        _objectUrl: () => '',
      });
      current = { credentials, oss };
    }
    return current.oss;
  }

  return async (timeoutMs, method, body) => {
    const ctx: Exchange = { timeoutMs, body: body ?? null, answer: null };
    try {
      await method(clientFor(options.credentials()), ctx);
    } catch (error) {
      if (ctx.answer === null) throw notSent(error);
    }
    if (ctx.answer === null) throw notSent(new Error('ali-oss made no request'));
    return ctx.answer;
  };
}

/** What ali-oss's own types leave out. */
interface AliOss extends OSS {
  readonly userAgent: string;
  _getReqUrl(parts: { readonly bucket: string }): string;
}

function aliOss({ endpoint, region, bucket }: OssOptions, credentials: OssCredentials): AliOss {
  const { accessKeyId, accessKeySecret, securityToken } = credentials;
  const settings = {
    endpoint: withScheme(endpoint),
    region,
    bucket,
    accessKeyId,
    accessKeySecret,
    stsToken: securityToken,
    // Only to keep ali-oss from recommending `refreshSTSToken` on the console: `clientFor` does that job.
    refreshSTSTokenInterval: Number.MAX_SAFE_INTEGER,
    // Its default client makes agents; nothing is sent through this one.
    urllib: {},
  };
  return new OSS(settings) as AliOss;
}

const withScheme = (endpoint: string): string =>
  endpoint.includes('://') ? endpoint : `https://${endpoint}`;

/** Where ali-oss would send its requests, and with which `Host`. */
function placeOf(oss: AliOss, { region, bucket }: OssOptions): { address: HttpAddress; host: string } {
  const { protocol, host, hostname, port } = new URL(oss._getReqUrl({ bucket }));
  const secure = protocol === 'https:';
  // An IP address has no room for the bucket; the name then says which one is meant.
  const isIp = net.isIPv4(hostname);
  const servername = isIp ? `${bucket}.${region}.aliyuncs.com` : hostname;
  const address = { secure, hostname, port: Number(port) || (secure ? 443 : 80), servername };
  return { address, host: isIp ? servername : host };
}

/** What ali-oss makes of a call, as far as it matters here. */
interface AliOssCall {
  readonly method: string;
  readonly bucket: string;
  readonly object: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly subres?: Readonly<Record<string, string>>;
  readonly mime?: string;
  readonly content?: Buffer;
  readonly ctx: Exchange;
}

const NOTHING = Buffer.alloc(0);
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** The method `request` of ali-oss's client. What it gives ali-oss has no headers and no body: nothing is made of them. */
function requester(
  { region, runtime }: OssOptions,
  { accessKeyId, accessKeySecret, securityToken }: OssCredentials,
  { host, userAgent }: { readonly host: string; readonly userAgent: string },
  http: HttpClient,
) {
  const sign = v4Signer({ accessKeyId, accessKeySecret, region: region.replace(/^oss-/, '') });
  const dateOf = dates();

  return async ({ method, bucket, object, headers: own, subres = {}, mime, content, ctx }: AliOssCall) => {
    // One literal, with the names that most requests have: an object that grows name by name takes far longer.
    const headers: Record<string, string | undefined> = {
      host,
      'user-agent': userAgent,
      'x-oss-date': dateOf(runtime.now()),
      'x-oss-content-sha256': 'UNSIGNED-PAYLOAD',
      'x-oss-security-token': securityToken || undefined,
      'content-type': mime || undefined,
      'content-md5': ctx.body ? base64(ctx.body.md5) : content && digest('md5', content, 'base64'),
      authorization: undefined,
    };
    for (const name in own) headers[name.toLowerCase()] = own[name];
    const query: Record<string, string | null> = {};
    let search = '';
    for (const name in subres) {
      const value = subres[name] ?? '';
      query[name] = value === '' ? null : value;
      search += `${search === '' ? '?' : '&'}${name}=${encodeURIComponent(value)}`;
    }
    headers['authorization'] = sign({ method, bucket, key: object, headers, query });
    const path = `/${encodeURIComponent(object).replaceAll('%2F', '/')}${search}`;
    const body = ctx.body ? { length: ctx.body.length, pieces: ctx.body.open() } : content;
    ctx.answer = http({ method, path, headers, body, timeoutMs: ctx.timeoutMs });
    const { status } = await ctx.answer;
    return { status, headers: {}, data: NOTHING, res: { status, headers: {} } };
  };
}

/** Epoch milliseconds as `20261122T203000Z`. A date lasts for a second, and making one takes longer than using it. */
function dates(): (ms: number) => string {
  let second = Number.NaN;
  let text = '';
  return (ms) => {
    const now = Math.floor(ms / 1000);
    if (now !== second) text = new Date(now * 1000).toISOString().replace(/[-:]|\.\d+/g, '');
    second = now;
    return text;
  };
}

/** Nothing was sent, so nothing was written: a bucket name, content type or key that makes no valid request. */
function notSent(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const reason = error instanceof Error ? error.message : 'unknown reason';
  return new StoreError(
    'InvalidRequest',
    `The request to OSS could not be made, so it was not sent: ${reason}.`,
  );
}
