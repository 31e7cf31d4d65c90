/** The whole stack as a user starts it: a process of its own, on free ports and a data directory of the test's. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import OSS from 'ali-oss';
import { findStack, LOCAL_BUCKET, LOCAL_KEY, type Stack } from '../../infra/cli/stack.ts';
import { startOss } from '../../infra/local/oss/server.ts';

export const ROOT = path.resolve(import.meta.dirname, '../..');

export interface Running extends Stack {
  readonly dataDir: string;
  readonly child: ChildProcess;
  /** All it has printed so far. */
  output(): string;
  /** Resolves when a line that has `text` in it is printed, or was. */
  printed(text: string): Promise<void>;
  http(path: string, init?: RequestInit): Promise<Response>;
  /** An unmodified client. */
  client(): OSS;
  end(signal: NodeJS.Signals): Promise<number | null>;
}

export const newDataDir = (): Promise<string> => mkdtemp(path.join(tmpdir(), 'oss-append-'));
export const removeDataDir = (dataDir: string): Promise<void> =>
  rm(dataDir, { recursive: true, force: true });

/** An OSS of the test's own, as the commands find one that runs by itself. */
export async function localOss() {
  const dir = await newDataDir();
  const oss = await startOss({
    dataDir: path.join(dir, 'oss'),
    credentials: [LOCAL_KEY],
    buckets: [LOCAL_BUCKET],
  });
  const end = async () => {
    await oss.close();
    await removeDataDir(dir);
  };
  return { dir, oss, port: ['--oss-port', String(oss.port)], end };
}

export function startProcess(dataDir: string, ...flags: string[]): ChildProcess {
  const args = ['--import', 'tsx', 'infra/local/main.ts', '--data-dir', dataDir, ...flags];
  return spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
}

export async function startStack(dataDir: string, ...flags: string[]): Promise<Running> {
  const child = startProcess(dataDir, '--port', '0', '--fc-port', '0', '--oss-port', '0', ...flags);
  const lines: string[] = [];
  let heard: (() => void)[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      for (const listener of heard) listener();
    });
  }
  const exited = once(child, 'exit');
  const printed = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!lines.some((line) => line.includes(text))) return;
        heard = heard.filter((listener) => listener !== look);
        resolve();
      };
      heard.push(look);
      look();
      exited.then(() =>
        reject(new Error(`the stack ended before it printed "${text}":\n${lines.join('\n')}`)),
      );
    });
  await printed('Ctrl-C ends it');
  const stack = await findStack(dataDir);
  return {
    ...stack,
    dataDir,
    child,
    output: () => lines.join('\n'),
    printed,
    http: (where, init) => fetch(`http://127.0.0.1:${stack.httpPort}${where}`, init),
    client: () => clientOf(stack.ossPort),
    async end(signal) {
      child.kill(signal);
      const [code] = await exited;
      return code as number | null;
    },
  };
}

/** An unmodified client of the local OSS on this port. */
export const clientOf = (port: number): OSS =>
  new OSS({
    ...LOCAL_KEY,
    bucket: LOCAL_BUCKET,
    endpoint: `http://127.0.0.1:${port}`,
    region: 'oss-cn-hangzhou',
  });

/** Runs a command of package.json or any program, and gives what it printed. */
export async function run(
  command: string,
  args: readonly string[],
  input?: string | Uint8Array,
): Promise<{ code: number | null; stdout: Buffer; stderr: string }> {
  const child = spawn(command, args, { cwd: ROOT, stdio: ['pipe', 'pipe', 'pipe'] });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.stdin.on('error', () => {}); // it may end without reading all
  child.stdin.end(input ?? '');
  const [code] = await once(child, 'close');
  return {
    code: code as number | null,
    stdout: Buffer.concat(stdout),
    stderr: Buffer.concat(stderr).toString(),
  };
}

export const cli = (name: string, args: readonly string[], input?: string | Uint8Array) =>
  run(process.execPath, ['--import', 'tsx', `infra/cli/${name}.ts`, ...args], input);
