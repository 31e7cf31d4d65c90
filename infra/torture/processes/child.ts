/** A program of a run, in a process of its own. */
import { type ChildProcess, fork } from 'node:child_process';

const STDERR_CHARS_MAX = 4000;

export interface Child {
  readonly process: ChildProcess;
  /** Resolves when it has ended and everything it said was heard. */
  readonly ended: Promise<void>;
  /** The end of what it wrote to standard error. */
  stderr(): string;
}

export function start(program: string, options: unknown, onMessage: (message: never) => void): Child {
  const { PATH, HOME, TMPDIR } = process.env;
  const child = fork(program, [JSON.stringify(options)], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: ['--enable-source-maps'],
    env: { PATH, HOME, TMPDIR, TZ: 'UTC' },
    // Ctrl-C is for the source alone, which ends its programs itself; and they end when it does.
    detached: true,
  });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_CHARS_MAX);
  });
  child.on('message', onMessage as (message: unknown) => void);
  // `exit` may come before the last messages; `close` waits for the other end of the channel to be closed.
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const neverStarted = new Promise<void>((resolve) => {
    child.on('error', (error) => {
      stderr += error.message;
      // What goes wrong with a channel shows in the end of its process.
      if (child.pid === undefined) resolve();
    });
  });
  const ended = Promise.race([neverStarted, closed]);
  return { process: child, ended, stderr: () => stderr };
}

/** Whether the process has not ended yet. */
export const isRunning = ({ process: { exitCode, signalCode } }: Child): boolean =>
  exitCode === null && signalCode === null;
