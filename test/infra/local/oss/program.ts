/** The server as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { BUCKET, KEY } from './harness.ts';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

export interface Program {
  readonly process: ChildProcess;
  /** Everything it has written. */
  output(): string;
  /** Resolves when it has ended and closed its output. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

export function run(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Program {
  const child = spawn(process.execPath, ['--import', 'tsx', 'infra/local/oss/main.ts', ...args], {
    cwd: ROOT,
    env: { ...process.env, ...environment },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { process: child, output: () => output, ended };
}

/** Starts it on any port; resolves when it listens. */
export async function listen(
  dataDir: string,
  args: readonly string[] = [],
): Promise<Program & { readonly port: number }> {
  const flags = ['--port', '0', '--data-dir', dataDir, '--bucket', BUCKET];
  const keys = ['--access-key-id', KEY.accessKeyId, '--access-key-secret', KEY.accessKeySecret];
  const program = run([...flags, ...keys, ...args]);
  const port = await new Promise<number>((resolve, reject) => {
    const look = (): void => {
      const match = /listens on http:\/\/[^:]+:(\d+)/.exec(program.output());
      if (match !== null) resolve(Number(match[1]));
    };
    program.process.stdout?.on('data', look);
    void program.ended.then(() => reject(new Error(`It ended: ${program.output()}`)));
  });
  return { ...program, port };
}
