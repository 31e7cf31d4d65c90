/** The local OSS with faults on, as a program. It says its port when it listens, and ends when its source does. */
import { startOss } from '../../local/oss/server.ts';
import { FAULTS, NETWORK } from './faults.ts';
import { ACCESS_KEY, BUCKET, type StoreOptions } from './messages.ts';

/** The port of a store that was killed may take a moment to be free again. */
const LISTEN_MS_MAX = 10_000;
const LISTEN_AGAIN_MS = 50;

const { dataDir, port, seed } = JSON.parse(process.argv[2] ?? '') as StoreOptions;
const oss = await listening(performance.now() + LISTEN_MS_MAX);

async function listening(untilMs: number): ReturnType<typeof startOss> {
  for (;;) {
    try {
      return await startOss({
        dataDir,
        port,
        seed,
        credentials: [ACCESS_KEY],
        buckets: [BUCKET],
        faults: FAULTS,
        ...NETWORK,
      });
    } catch (error) {
      if (port === 0 || performance.now() > untilMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, LISTEN_AGAIN_MS));
    }
  }
}

let ending = false;
async function end(): Promise<void> {
  if (ending) return;
  ending = true;
  await oss.close();
  process.exit();
}

process.on('SIGTERM', () => void end());
process.on('disconnect', () => void end());
process.send?.({ port: oss.port });
