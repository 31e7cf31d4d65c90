/** Starts the process of an instance, built-in or custom runtime, and says where it will listen. */
import { type ChildProcess, spawn } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Credentials } from '../context.ts';
import { environmentOf } from '../environment.ts';
import type { FunctionConfig } from '../template/function.ts';

/** What every instance of a platform shares. */
export interface Host {
  readonly accountId: string;
  readonly credentials: () => Credentials;
  /** Asked when an instance starts. */
  readonly overrides: () => Readonly<Record<string, string>>;
  /** Short path of a private directory, for sockets. */
  readonly tempDir: string;
  /** The bundled built-in runtime. */
  readonly bootstrapFile: string;
}

export type Address = { readonly socketPath: string } | { readonly host: string; readonly port: number };

export interface Launched {
  readonly process: ChildProcess;
  /** stdout and stderr in the order of writing. */
  readonly output: Readable;
  readonly address: Address;
}

/** One pipe for both outputs keeps their lines in order. `exec` keeps the process id. */
const MERGED = 'exec 2>&1; exec "$0" "$@"';

const LOOPBACK = '127.0.0.1';

export async function launch(fn: FunctionConfig, instanceId: string, host: Host): Promise<Launched> {
  const port = fn.runtime.kind === 'custom' ? await freePort() : null;
  const socketPath = join(host.tempDir, `${instanceId.slice(-12)}.sock`);
  const command = fn.runtime.kind === 'custom' ? fn.runtime.command : builtIn(fn, host, socketPath);
  const child = spawn('/bin/sh', ['-c', MERGED, ...command], {
    cwd: fn.codeDir,
    detached: true, // A process group of its own, so that freezing and killing reach its children too.
    stdio: ['ignore', 'pipe', 'ignore'],
    env: environmentOf({
      fn,
      instanceId,
      port,
      accountId: host.accountId,
      credentials: host.credentials(),
      overrides: host.overrides(),
      host: process.env,
    }),
  });
  const address = port === null ? { socketPath } : { host: LOOPBACK, port };
  return { process: child, output: child.stdout, address };
}

const builtIn = (fn: FunctionConfig, host: Host, socketPath: string): string[] => [
  process.execPath,
  host.bootstrapFile,
  socketPath,
  fn.handler,
  fn.initializer?.handler ?? '',
  fn.preStop?.handler ?? '',
];

/** A port that was free a moment ago. Another program may take it before the function does: see `portTaken`. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '0.0.0.0', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** Whether somebody accepts connections at `address`. */
export function listening(address: Address): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = 'port' in address ? connect(address) : connect(address.socketPath);
    socket.once('connect', () => done(true));
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('error', () => done(false));
  });
}
