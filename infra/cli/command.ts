/** What the command line tools share: flags, `--help`, exit codes and errors in one line. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** The command was called wrongly, or cannot be done as asked. The message says what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

type Flags = NonNullable<ParseArgsConfig['options']>;

export interface Command<F extends Flags> {
  readonly help: string;
  readonly flags: F;
  /** Runs the command; its promise's end is the end of the process. */
  run(args: ReturnType<typeof parsed<F>>): Promise<void>;
}

/** Runs a command on this process: exit code 0, or 2 for a wrong call, or 1 for a failure. */
export async function runCommand<F extends Flags>(command: Command<F>): Promise<void> {
  // A reader that has seen enough, such as `head`, is not an error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`${command.help.trim()}\n`);
    return;
  }
  try {
    await command.run(parsed(command.flags, args));
  } catch (error) {
    const usage = error instanceof UsageError;
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${message}\n${usage ? '' : causeOf(error)}`);
    process.exitCode = usage ? 2 : 1;
  }
}

function parsed<F extends Flags>(flags: F, args: string[]) {
  try {
    return parseArgs({ args, options: flags, allowPositionals: true, strict: true });
  } catch (cause) {
    const [sentence] = (cause as Error).message.split('. ');
    throw new UsageError(`${sentence}. See --help.`, { cause });
  }
}

/** A port number from a flag, or undefined if the flag is not there. */
export function portFlag(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new UsageError(`--${name} ${text}: a port is a number from 0 to 65535 (0 takes any free one).`);
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? `  because: ${cause.message}\n` : '';
}
