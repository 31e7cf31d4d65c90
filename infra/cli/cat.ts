/** `npm run cat -- <key>`: an object's bytes on standard output, in bounded memory. */
import { once } from 'node:events';
import { runCommand, UsageError } from './command.ts';
import { openStore, STORE_FLAGS, STORE_HELP } from './store.ts';

const PIECE_BYTES = 4 * 1024 * 1024;
const TIMEOUT_MS = 60_000;

await runCommand({
  help: `
Write an object's bytes to standard output.

  npm run --silent cat -- <key>

  npm run --silent cat -- notes/today.txt
${STORE_HELP}`,
  flags: STORE_FLAGS,
  async run({ values, positionals }) {
    const [key, ...more] = positionals;
    if (key === undefined || more.length > 0)
      throw new UsageError('Name one key, such as notes/today.txt. See --help.');
    const store = await openStore(values);
    const info = await store.head(key, { timeoutMs: TIMEOUT_MS });
    if (info === null)
      throw new UsageError(`There is no object ${key}. A receipt names the object it is about.`);
    for (let start = 0; start < info.length; ) {
      const end = Math.min(info.length, start + PIECE_BYTES);
      const read = await store.read(key, { start, end }, { timeoutMs: TIMEOUT_MS });
      if (read === null || read.bytes.length === 0) throw new Error(`${key} was removed while it was read.`);
      if (!process.stdout.write(read.bytes)) await once(process.stdout, 'drain');
      start += read.bytes.length;
    }
  },
});
