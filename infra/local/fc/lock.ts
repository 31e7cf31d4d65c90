/** One platform per data directory: two would write into each other's journals. */
import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PlatformError, systemCode } from './errors.ts';
import { listening } from './runtime/launch.ts';

/**
 * Held by listening on a socket: the system releases it with the process, however that ends. Socket paths are short
 * (about 100 bytes), so its name is a digest. Throws `PlatformError` `DataDirInUse`.
 */
export async function lockDataDir(dataDir: string): Promise<() => Promise<void>> {
  const digest = createHash('sha256').update(realpathSync(dataDir)).digest('hex').slice(0, 16);
  const socketPath = join(tmpdir(), `oss-append-fc-${digest}.lock`);
  // A socket nobody listens on is what a killed platform left behind.
  if (!(await listening({ socketPath }))) await rm(socketPath, { force: true });
  const server = await listen(socketPath, dataDir);
  return () => new Promise((resolve) => server.close(() => resolve()));
}

function listen(socketPath: string, dataDir: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (cause) => {
      const inUse = systemCode(cause) === 'EADDRINUSE';
      reject(
        inUse
          ? new PlatformError('DataDirInUse', `another platform uses ${dataDir}; stop it first`, { cause })
          : cause,
      );
    });
    server.listen(socketPath, () => resolve(server.unref()));
  });
}
