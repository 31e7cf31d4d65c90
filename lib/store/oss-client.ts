/**
 * ali-oss, reduced to what it does best: naming, addressing and signing requests. Sending is done by `oss-http.ts`, and the
 * answer comes back to the caller as OSS gave it.
 *
 * ali-oss forwards a `ctx` of the caller to its HTTP client untouched. It carries the answer here: per call, so safe with
 * any number of calls at once, and independent of what ali-oss makes of the answer. Its errors, which hold the
 * payload, are never passed on.
 */

import OSS from 'ali-oss';
import { type HttpAnswer, httpClient, type Timer } from './oss-http.ts';
import { type Signed, v4Signer } from './oss-sign.ts';
import { StoreError } from './port.ts';

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
  /** The clock's timer; `AbortSignal.timeout` would do, at a fifth of the CPU of an append. */
  readonly after: Timer;
}

/** What one call to ali-oss came to. Null until the request has been made. */
export interface Exchange {
  readonly timeoutMs: number;
  answer: Promise<HttpAnswer> | null;
}

/** Calls one method of ali-oss with `ctx` among its options; gives what OSS answered, whatever the status. */
export type OssClient = (
  timeoutMs: number,
  method: (oss: OSS, ctx: Exchange) => Promise<unknown>,
) => Promise<HttpAnswer>;

const NOTHING = Buffer.alloc(0);

export function ossClient({ endpoint, region, bucket, credentials, after }: OssOptions): OssClient {
  const http = httpClient(after);
  const fixed = {
    endpoint: endpoint.includes('://') ? endpoint : `https://${endpoint}`,
    region,
    bucket,
    secure: true,
    // OSS no longer takes V1 signatures for new accounts and buckets. V4 covers bucket and key in every addressing style.
    authorizationV4: true,
    retryMax: 0,
    // Only to keep ali-oss from recommending `refreshSTSToken` on the console: `clientFor` does that job.
    refreshSTSTokenInterval: Number.MAX_SAFE_INTEGER,
    urllib: { request },
  };
  let current: { readonly credentials: OssCredentials; readonly oss: OSS } | null = null;

  /** The HTTP client as ali-oss wants it. It gets no headers and no body, so it does not parse error documents. */
  async function request(url: string, params: AliOssRequest): Promise<AliOssAnswer> {
    const { ctx, method, headers, content } = params;
    ctx.answer = http(url, { method, headers, content, timeoutMs: ctx.timeoutMs });
    const { status } = await ctx.answer;
    return { status, headers: {}, data: NOTHING, res: { status, headers: {} } };
  }

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
      const oss = new OSS({ ...fixed, accessKeyId, accessKeySecret, stsToken: securityToken });
      const sign = v4Signer({ accessKeyId, accessKeySecret, region: region.replace(/^oss-/, '') });
      Object.assign(oss, { authorizationV4: authorization(sign) });
      current = { credentials: { accessKeyId, accessKeySecret, securityToken }, oss };
    }
    return current.oss;
  }

  return async (timeoutMs, method) => {
    const ctx: Exchange = { timeoutMs, answer: null };
    try {
      await method(clientFor(credentials()), ctx);
    } catch (error) {
      if (ctx.answer === null) throw notSent(error);
    }
    if (ctx.answer === null) throw notSent(new Error('ali-oss made no request'));
    return ctx.answer;
  };
}

/** ali-oss calls this method of its client to sign a request; without it, it signs by itself. */
function authorization(sign: (request: Signed) => string) {
  return (
    method: string,
    { headers, queries }: { headers: Signed['headers']; queries: Signed['query'] },
    bucket: string,
    key: string,
  ) => sign({ method, bucket, key, headers, query: queries });
}

/** The parts of ali-oss's request parameters that matter here. */
interface AliOssRequest {
  readonly method: string;
  readonly headers: Record<string, string | number>;
  readonly content?: Buffer | undefined;
  readonly ctx: Exchange;
}

interface AliOssAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly data: Buffer;
  readonly res: { readonly status: number; readonly headers: Record<string, string> };
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
