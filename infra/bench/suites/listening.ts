/** Servers that the bench starts: the built web function, and its peer. Both say on standard output where they listen. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Lab } from '../lab.ts';

export interface Listening {
  readonly child: ChildProcess;
  readonly port: number;
}

/** Resolves when the program listens. What it logs is read and dropped, as a log service would read it. */
export async function listening(lab: Lab, file: string, env: NodeJS.ProcessEnv): Promise<Listening> {
  const child = lab.spawn([file], { ...env, FC_CUSTOM_LISTEN_PORT: '0' }, ['ignore', 'pipe', 'inherit']);
  const { stdout } = child;
  if (stdout === null) throw new Error('no output');
  const lines = createInterface({ input: stdout });
  try {
    for await (const line of lines) {
      if (!line.includes('"listening"')) continue;
      const { port }: { readonly port: number } = JSON.parse(line);
      return { child, port };
    }
  } finally {
    stdout.resume();
  }
  throw new Error('A server ended before it listened.');
}
