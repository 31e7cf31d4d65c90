/** The laptop's object store, for the commands that read and write objects without going through a function. */

import { systemRuntime } from '../../lib/runtime.ts';
import { ossStore } from '../../lib/store/oss.ts';
import type { ObjectStore } from '../../lib/store/port.ts';
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
  --data-dir D     data directory of the running stack (${DATA_DIR})`;

export async function openStore(flags: {
  'oss-port'?: string | undefined;
  bucket?: string | undefined;
  'data-dir'?: string | undefined;
}): Promise<ObjectStore> {
  const port =
    portFlag('oss-port', flags['oss-port']) ?? (await findStack(flags['data-dir'] ?? DATA_DIR)).ossPort;
  await checkOss(port);
  return ossStore({
    endpoint: `http://127.0.0.1:${port}`,
    region: LOCAL_REGION,
    bucket: flags.bucket ?? LOCAL_BUCKET,
    credentials: () => LOCAL_KEY,
    runtime: systemRuntime(),
  });
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
