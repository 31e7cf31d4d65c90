/** Servers on free ports, in temporary directories, that end with the test; clients for them. */
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OSS from 'ali-oss';
import { onTestFinished } from 'vitest';
import {
  type Credential,
  type OssOptions,
  type OssServer,
  startOss,
} from '../../../../infra/local/oss/server.ts';

export const KEY: Credential = { accessKeyId: 'test-id', accessKeySecret: 'test-secret' };
export const BUCKET = 'relay-demo';

export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'oss-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export async function start(options: Partial<OssOptions> = {}): Promise<OssServer> {
  const oss = await startOss({
    dataDir: options.dataDir ?? tempDir(),
    credentials: [KEY],
    buckets: [BUCKET],
    ...options,
  });
  onTestFinished(() => oss.close());
  return oss;
}

/** Sends `*.localhost` to this machine, which not every resolver does. */
export function localAgent(): Agent {
  const agent = new Agent({
    keepAlive: true,
    lookup: (_name, { all }, callback) =>
      all ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4),
  });
  onTestFinished(() => agent.destroy());
  return agent;
}

/** The real client. Options the type does not know (sldEnable, agent, …) may be given as well. */
export function client(oss: { readonly port: number }, options: Readonly<Record<string, unknown>> = {}): OSS {
  const all = {
    endpoint: `http://127.0.0.1:${oss.port}`,
    region: 'oss-cn-hangzhou',
    bucket: BUCKET,
    agent: localAgent(),
    ...KEY,
    ...options,
  };
  return new OSS(all);
}

export interface Call {
  readonly method?: string;
  readonly bucket?: string;
  readonly key?: string;
  /** Sub-resources, which V1 signs, in order, as they are to stand in the URL. */
  readonly sub?: string;
  /** Further query, not signed. */
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  readonly credential?: Credential;
  readonly date?: Date;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The `<Code>` of an error. */
  readonly code: string | undefined;
}

/** A path-style request signed with V1 by code of its own. */
export function send(oss: { readonly port: number }, call: Call = {}): Promise<Reply> {
  const { method = 'GET', bucket = BUCKET, key = '', sub = '', query = '', body } = call;
  const headers = signedHeaders(call);
  const search = [sub, query].filter(Boolean).join('&');
  const path = `/${bucket}/${encodeURIComponent(key)}${search === '' ? '' : `?${search}`}`;
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  return exchange(oss.port, { method, path, headers: { ...length, ...headers } }, body);
}

export function signedHeaders(call: Call): Record<string, string> {
  const { method = 'GET', bucket = BUCKET, key = '', sub = '', credential = KEY, date = new Date() } = call;
  const headers: Record<string, string> = { ...call.headers, date: date.toUTCString() };
  const ossHeaders = Object.entries(headers)
    .filter(([name]) => name.startsWith('x-oss-'))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}:${value}\n`)
    .join('');
  const stringToSign = [
    method,
    headers['content-md5'] ?? '',
    headers['content-type'] ?? '',
    headers['date'],
    `${ossHeaders}/${bucket}/${key}${sub === '' ? '' : `?${sub}`}`,
  ].join('\n');
  const signature = createHmac('sha1', credential.accessKeySecret).update(stringToSign).digest('base64');
  return { ...headers, authorization: `OSS ${credential.accessKeyId}:${signature}` };
}

/** One request on a connection of its own. */
export function exchange(
  port: number,
  options: { method: string; path: string; headers?: Readonly<Record<string, string>> },
  body?: Buffer | string,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, agent: false, ...options }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const code = /<Code>(\w+)<\/Code>/.exec(bytes.toString())?.[1];
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bytes, code });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

export function append(
  oss: { readonly port: number },
  key: string,
  position: number | string,
  body: Buffer | string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  return send(oss, { method: 'POST', key, sub: `append&position=${position}`, body, headers });
}
