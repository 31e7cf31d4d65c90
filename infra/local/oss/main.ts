/** The server as a program: `npm run oss -- --help`. Exit codes: 2 for a wrong command line, 1 if it cannot start. */
import { HELP, parseOptions, UsageError } from './options.ts';
import { type OssServer, startOss } from './server.ts';

async function main(): Promise<void> {
  const parsed = parseOptions(process.argv.slice(2), process.env);
  if (parsed === 'help') {
    process.stdout.write(HELP);
    return;
  }
  const { options, log } = parsed;
  const oss = await startOss({
    ...options,
    ...(log ? { onRequest: (entry) => process.stdout.write(`${JSON.stringify(entry)}\n`) } : {}),
  });
  process.stdout.write(`OSS listens on ${oss.url}, data in ${options.dataDir}\n`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop(oss));
}

/** A second signal while requests are finishing ends the process at once. */
let stopping = false;
async function stop(oss: OssServer): Promise<void> {
  if (stopping) process.exit(1);
  stopping = true;
  await oss.close();
  process.exit(0);
}

main().catch((error: unknown) => {
  const usage = error instanceof UsageError;
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  if (usage) process.stderr.write('See --help.\n');
  process.exit(usage ? 2 : 1);
});
