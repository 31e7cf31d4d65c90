/** The object store, for the commands that read and write objects without going through a function. */

import { deploymentFrom } from '../../lib/config/deployment.ts';
import { systemRuntime } from '../../lib/runtime.ts';
import type { OssOptions } from '../../lib/store/oss.ts';
import { ossBucket } from '../../lib/store/oss-bucket.ts';
import type { Bucket } from '../../lib/store/port.ts';
import { portFlag, UsageError } from './command.ts';
import { DATA_DIR, findStack, LOCAL_BUCKET, LOCAL_KEY, LOCAL_REGION } from './stack.ts';

const HEALTH_MS = 5000;

export const STORE_FLAGS = {
  'oss-port': { type: 'string' },
  bucket: { type: 'string' },
  'data-dir': { type: 'string' },
} as const;

export const STORE_HELP = `
  --oss-port P     the OSS to use, if not that of the running stack
  --bucket B       its bucket (${LOCAL_BUCKET})
  --data-dir D     data directory of the running stack (${DATA_DIR})

With OSS_ENDPOINT in the environment, and neither --oss-port nor --data-dir, it is the OSS there: set OSS_BUCKET, OSS_REGION,
ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET (and ALIBABA_CLOUD_SECURITY_TOKEN) too.`;

interface StoreFlags {
  'oss-port'?: string | undefined;
  bucket?: string | undefined;
  'data-dir'?: string | undefined;
}

/** Throws `UsageError` if no OSS answers, and `ConfigError`. */
export const openStore = async (flags: StoreFlags): Promise<Bucket> => ossBucket(await openOss(flags));

/** Where OSS is, and with which key. */
async function openOss(flags: StoreFlags): Promise<OssOptions> {
  const runtime = systemRuntime();
  const isLocal = flags['oss-port'] !== undefined || flags['data-dir'] !== undefined;
  if (process.env['OSS_ENDPOINT'] && !isLocal) {
    const { endpoint, region, bucket } = deploymentFrom();
    const key = keyFromEnvironment();
    return { endpoint, region, bucket: flags.bucket ?? bucket, credentials: () => key, runtime };
  }
  const port =
    portFlag('oss-port', flags['oss-port']) ?? (await findStack(flags['data-dir'] ?? DATA_DIR)).ossPort;
  await checkOss(port);
  return {
    endpoint: `http://127.0.0.1:${port}`,
    region: LOCAL_REGION,
    bucket: flags.bucket ?? LOCAL_BUCKET,
    credentials: () => LOCAL_KEY,
    runtime,
  };
}

function keyFromEnvironment() {
  const { env } = process;
  const accessKeyId = env['ALIBABA_CLOUD_ACCESS_KEY_ID'];
  const accessKeySecret = env['ALIBABA_CLOUD_ACCESS_KEY_SECRET'];
  if (accessKeyId && accessKeySecret)
    return { accessKeyId, accessKeySecret, securityToken: env['ALIBABA_CLOUD_SECURITY_TOKEN'] || undefined };
  throw new UsageError('Set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET.');
}

/** Something else on that port would refuse in its own words, or not at all. */
async function checkOss(port: number): Promise<void> {
  const signal = AbortSignal.timeout(HEALTH_MS);
  const health = await fetch(`http://127.0.0.1:${port}/-/health`, { signal }).catch(() => null);
  if (health?.ok === true) return;
  throw new UsageError(
    `No OSS answers on port ${port}. Start the stack with \`npm start\`, or name another port.`,
  );
}
