/** `npm run send -- <queue> <payload or @file>`: publishes a message to a queue of the running stack. */
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { portFlag, runCommand, UsageError } from './command.ts';
import { DATA_DIR, findStack } from './stack.ts';

await runCommand({
  help: `
Publish a message to a queue of the running stack. It prints the message id once the message is on disk.

  npm run send -- <queue> <payload>
  npm run send -- <queue> @<file>        the file's bytes
  npm run send -- <queue> @-             standard input

  npm run send -- events '{"order":17}'

  --fc-port P      the FC to use, if not that of the running stack
  --data-dir D     data directory of the running stack (${DATA_DIR})`,
  flags: { 'fc-port': { type: 'string' }, 'data-dir': { type: 'string' } },
  async run({ values, positionals }) {
    const [queue, payload, ...more] = positionals;
    if (queue === undefined || payload === undefined || more.length > 0) {
      throw new UsageError('Name a queue and give one payload (in quotes if it has spaces). See --help.');
    }
    const body = await payloadBytes(payload);
    const port =
      portFlag('fc-port', values['fc-port']) ?? (await findStack(values['data-dir'] ?? DATA_DIR)).fcPort;
    const url = `http://127.0.0.1:${port}/queues/${encodeURIComponent(queue)}/messages`;
    const response = await fetch(url, { method: 'POST', body: new Uint8Array(body) }).catch(
      (cause: unknown) => {
        throw new Error(
          `FC does not answer on port ${port}. Is the stack running? Start it with \`npm start\`.`,
          { cause },
        );
      },
    );
    const text = await response.text();
    if (!response.ok) throw new UsageError(`The queue did not take the message: ${reasonOf(text)}`);
    process.stdout.write(`${text.trim()}\n`);
  },
});

/** FC's own words, if it was FC that answered. */
function reasonOf(text: string): string {
  try {
    return String((JSON.parse(text) as { ErrorMessage?: unknown }).ErrorMessage ?? text.trim());
  } catch {
    return text.trim();
  }
}

async function payloadBytes(payload: string): Promise<Uint8Array> {
  if (!payload.startsWith('@')) return Buffer.from(payload, 'utf8');
  const file = payload.slice(1);
  if (file === '-') return buffer(process.stdin);
  return readFile(file).catch((cause: unknown) => {
    throw new UsageError(`${file} cannot be read: ${(cause as Error).message}`, { cause });
  });
}
