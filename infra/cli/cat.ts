/** `npm run cat -- <key>`: an object's bytes, or all segments of a log, on standard output, in bounded memory. */
import { once } from 'node:events';
import config from '../../append.config.ts';
import { laterSegment, segmentKey } from '../../lib/append/segment.ts';
import type { Tombstone } from '../../lib/append/tombstone.ts';
import { tombstoneOf } from '../../lib/reader.ts';
import type { ObjectStore } from '../../lib/store/port.ts';
import { runCommand, UsageError } from './command.ts';
import { openStore, STORE_FLAGS, STORE_HELP } from './store.ts';

const PIECE_BYTES = 4 * 1024 * 1024;
const TIMEOUT_MS = 60_000;

await runCommand({
  help: `
Write an object's bytes to standard output. A log that goes on in segments (…~00001…, …~00002…) is written to its end;
the key of a later segment is for that one alone. Of a segment that retention has removed, standard error tells where it went.

  npm run --silent cat -- <key>

  npm run --silent cat -- notes/today.txt
${STORE_HELP}`,
  flags: STORE_FLAGS,
  async run({ values, positionals }) {
    const [key, ...more] = positionals;
    if (key === undefined || more.length > 0)
      throw new UsageError('Name one key, such as notes/today.txt. See --help.');
    const store = await openStore(values);
    if (!(await write(store, key)))
      throw new UsageError(`There is no object ${key}. A receipt names the object it is about.`);
    if (!isLog(key)) return;
    for (let segment = 1; await write(store, segmentKey(key, segment)); segment++);
  },
});

/** Whether `key` is that of a log's first segment. In other targets, what looks like a segment is an object of its own. */
function isLog(key: string): boolean {
  return isOfLog(key) && laterSegment(key) === null;
}

function isOfLog(key: string): boolean {
  const logs = [...config.targets.values()].filter(({ format }) => format === 'log');
  return logs.some((log) => key.startsWith(log.key.prefix));
}

function tombstoneText(key: string, { length, atMs, jobs }: Tombstone): string {
  const places = jobs.map(({ job, output }) => `${output} (${job})`).join(', ');
  const where = places === '' ? '' : ` Its records are in ${places}.`;
  return `${key} was removed at ${new Date(atMs).toISOString()}; it had ${length} bytes.${where}`;
}

/** False if there is no such object. */
async function write(store: ObjectStore, key: string): Promise<boolean> {
  const info = await store.head(key, { timeoutMs: TIMEOUT_MS });
  if (info === null) return false;
  const tombstone = info.type === 'Normal' && isOfLog(key) ? await tombstoneOf(store, key) : null;
  if (tombstone !== null) {
    process.stderr.write(`${tombstoneText(key, tombstone)}\n`);
    return true;
  }
  for (let start = 0; start < info.length; ) {
    const end = Math.min(info.length, start + PIECE_BYTES);
    const read = await store.read(key, { start, end }, { timeoutMs: TIMEOUT_MS });
    if (read === null || read.bytes.length === 0) throw new Error(`${key} was removed while it was read.`);
    if (!process.stdout.write(read.bytes)) await once(process.stdout, 'drain');
    start += read.bytes.length;
  }
  return true;
}
