/** The project's local OSS for tests of stores: a real server on a free port, its data in a directory of its own. */

import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import OSS from 'ali-oss';
import { type RequestEntry, startOss } from '../../../infra/local/oss/server.ts';
import { systemRuntime } from '../../../lib/runtime.ts';
import { type OssCredentials, type OssOptions, ossStore } from '../../../lib/store/oss.ts';
import type { ossBucket } from '../../../lib/store/oss-bucket.ts';
import type { OpenBucket } from './bucket-contract.ts';
import type { OpenStore } from './contract.ts';

export const BUCKET = 'test-bucket';
export const KEYS = { accessKeyId: 'LTAItest', accessKeySecret: 'the-secret-of-the-key' };
export const TEMPORARY = { ...KEYS, accessKeyId: 'STS.test', securityToken: 'the-security-token' };
/** The same temporary key with the token that follows. */
export const RENEWED = { ...TEMPORARY, securityToken: 'the-next-token' };

export async function startLocalOss() {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'oss-store-'));
  const requests: RequestEntry[] = [];
  const server = await startOss({
    dataDir,
    credentials: [KEYS, TEMPORARY, RENEWED],
    buckets: [BUCKET],
    onRequest: (entry) => requests.push(entry),
  });
  const close = async () => {
    await server.close();
    await rm(dataDir, { recursive: true });
  };
  return { server, requests, close };
}

export const optionsFor = (endpoint: string, credentials: () => OssCredentials = () => KEYS): OssOptions => ({
  endpoint,
  region: 'cn-hangzhou',
  bucket: BUCKET,
  credentials,
  runtime: systemRuntime(),
});

export const connect = (endpoint: string, credentials?: () => OssCredentials) =>
  ossStore(optionsFor(endpoint, credentials));

/** A store under contract, made by `create`; what the port cannot do is done by a plain ali-oss. */
export async function openLocalOss(create: typeof ossStore): Promise<OpenStore> {
  const { server, close } = await startLocalOss();
  const other = new OSS({ endpoint: server.url, bucket: BUCKET, ...KEYS });
  return {
    store: create(optionsFor(server.url)),
    putNormal: async (key, bytes) => void (await other.put(key, Buffer.from(bytes))),
    remove: async (key) => void (await other.delete(key)),
    close,
  };
}

/** A bucket under contract, made by `create`. */
export async function openLocalBucket(create: typeof ossBucket): Promise<OpenBucket> {
  const { server, close } = await startLocalOss();
  return { bucket: create(optionsFor(server.url)), close };
}
