/** Copies the objects that a query names to a directory, under their keys. */
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { objectsBelow } from '../../../lib/store/list.ts';
import type { Bucket } from '../../../lib/store/port.ts';

const PIECE_BYTES = 8 * 1024 * 1024;
const TIMEOUT_MS = 60_000;

export interface KeyPattern {
  /** As it stands in the query. */
  readonly key: string;
  /** What the keys start with. */
  readonly prefix: string;
  readonly matches: RegExp;
}

/** The texts of a query that can be keys: they have a directory, and it is written out. */
export function keysOf(sql: string): readonly KeyPattern[] {
  const texts = [...sql.matchAll(/'((?:[^']|'')*)'/g)].map(([, text = '']) => text.replaceAll("''", "'"));
  return [...new Set(texts)]
    .filter((text) => /^[^*?[/]+\//.test(text) && /\.\w+$/.test(text))
    .map((key) => ({ key, prefix: key.replace(/[*?[].*$/s, ''), matches: globOf(key) }));
}

/** The keys that were found for each pattern with any. */
export async function fetchObjects(
  store: Bucket,
  patterns: readonly KeyPattern[],
  directory: string,
  onBytes: (done: number) => void,
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  const fetched = new Set<string>();
  let done = 0;
  for (const { key: pattern, prefix, matches } of patterns) {
    for await (const { key, length } of objectsBelow(store, prefix, { timeoutMs: TIMEOUT_MS })) {
      if (!matches.test(key)) continue;
      found.add(pattern);
      if (fetched.has(key)) continue;
      fetched.add(key);
      const file = path.join(directory, key);
      if (!file.startsWith(`${directory}${path.sep}`))
        throw new Error(`${key} is no key that a file can have.`);
      await mkdir(path.dirname(file), { recursive: true });
      await pipeline(Readable.from(pieces(store, key, length)), createWriteStream(file));
      done += length;
      onBytes(done);
    }
  }
  return found;
}

async function* pieces(store: Bucket, key: string, length: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < length; ) {
    const range = { start, end: Math.min(length, start + PIECE_BYTES) };
    const read = await store.read(key, range, { timeoutMs: TIMEOUT_MS });
    if (read === null || read.bytes.length === 0) throw new Error(`${key} was removed while it was read.`);
    yield read.bytes;
    start += read.bytes.length;
  }
}

/** `*` stays within a directory, `**` is any number of them, `?` is one character. */
function globOf(text: string): RegExp {
  const source = text
    .split(/(\*\*\/|\*\*|\*|\?)/)
    .map((part) => {
      if (part === '**/') return '(?:.*/)?';
      if (part === '**') return '.*';
      if (part === '*') return '[^/]*';
      return part === '?' ? '[^/]' : part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
    })
    .join('');
  return new RegExp(`^${source}$`);
}
