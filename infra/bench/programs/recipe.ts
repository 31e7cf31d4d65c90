/**
 * The peers: plain ali-oss with its default client, loaded from node_modules as it is installed.
 *
 * `recipe` is what the documentation leads to: HEAD, append there, and on any failure HEAD again, at once. `jitter`
 * waits before that, a random time up to 20 ms · 2ⁿ and at most 2 s. `bare` knows that nobody else writes.
 */
import OSS from 'ali-oss';
import { ALI_OSS_OPTIONS, type Client, type Place } from './client.ts';
import { nowMs, sleep } from './clock.ts';
import { type Load, runLoad } from './load.ts';
import { loneWriter } from './lone.ts';
import { serve } from './serve.ts';

export type RecipeKind = 'recipe' | 'jitter' | 'bare';

const BACKOFF_MS = 20;
const BACKOFF_MS_MAX = 2000;

class GivenUp extends Error {
  override readonly name = 'GivenUp';
}

const connect = (endpoint: string) => new OSS({ ...ALI_OSS_OPTIONS, endpoint });

async function lengthOf(oss: OSS, key: string): Promise<number> {
  try {
    const { res } = await oss.head(key);
    const headers: Record<string, unknown> = { ...res.headers };
    return Number(headers['content-length']);
  } catch (error) {
    if (error instanceof Error && 'status' in error && error.status === 404) return 0;
    throw error;
  }
}

const appendAt = (oss: OSS, key: string, position: number, bytes: Buffer) =>
  oss.append(key, bytes, { position: String(position) });

function open(kind: RecipeKind, { endpoint }: Place): Client {
  const oss = connect(endpoint);
  return kind === 'bare' ? bare(oss) : recipe(oss, kind === 'jitter');
}

function recipe(oss: OSS, jitter: boolean): Client {
  return {
    async append(key, { line }, endMs) {
      const bytes = Buffer.from(`${line}\n`);
      for (let failures = 0; nowMs() < endMs; ) {
        try {
          await appendAt(oss, key, await lengthOf(oss, key), bytes);
          return;
        } catch {
          failures++;
          if (jitter) await sleep(Math.random() * Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** failures));
        }
      }
      throw new GivenUp('not in by the end of the run');
    },
  };
}

function bare(oss: OSS): Client {
  let position = 0;
  return {
    async append(key, { line }) {
      const bytes = Buffer.from(`${line}\n`);
      await appendAt(oss, key, position, bytes);
      position += bytes.length;
    },
  };
}

/** The bytes of an object, null if there is none. A client that has nothing of ours reads what ours wrote. */
async function read({ endpoint, key }: { endpoint: string; key: string }): Promise<Buffer | null> {
  try {
    const { content } = await connect(endpoint).get(key);
    return content;
  } catch (error) {
    if (error instanceof Error && 'status' in error && error.status === 404) return null;
    throw error;
  }
}

const methods = {
  /** Answers when the program is loaded. */
  ready: () => true,
  load: (load: Load<RecipeKind>) => runLoad(load, open),
  lone: loneWriter(open),
  read,
};

export type RecipeMethods = typeof methods;
serve(methods);
