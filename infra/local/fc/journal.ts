/**
 * A durable map of small entries: an append-only file of JSON lines (`{"put":id,"value":…}`, `{"remove":[ids]}`). A
 * promise that resolves means: on disk, safe from a kill -9. Writes that come together share one flush. A torn last
 * line is what a crash leaves of a write nobody was told about; it is dropped. The file is rewritten when most of it is
 * dead.
 */
import { readFileSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { PlatformError, systemCode } from './errors.ts';

type Line<T> = { readonly put: string; readonly value: T } | { readonly remove: readonly string[] };

interface Write<T> {
  readonly line: Line<T>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Below this size a rewrite is not worth it. */
const COMPACT_BYTES_MIN = 1024 * 1024;

export class Journal<T> {
  readonly #file: string;
  readonly #live: Map<string, T>;
  #handle: FileHandle;
  #bytes: number;
  #lineCount: number;
  #pending: Write<T>[] = [];
  #writing: Promise<void> | null = null;

  private constructor(file: string, handle: FileHandle, state: Replayed<T>) {
    this.#file = file;
    this.#handle = handle;
    this.#live = state.live;
    this.#bytes = state.bytes;
    this.#lineCount = state.lineCount;
  }

  /** Throws `PlatformError` `JournalCorrupt`. The file is created if it is not there. */
  static async open<T>(file: string): Promise<Journal<T>> {
    const state = replay<T>(file);
    const handle = await open(file, 'a');
    await handle.truncate(state.bytes);
    return new Journal(file, handle, state);
  }

  /** Entries in the order in which they were put first. */
  get entries(): ReadonlyMap<string, T> {
    return this.#live;
  }

  put(id: string, value: T): Promise<void> {
    return this.#write({ put: id, value });
  }

  async remove(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#write({ remove: ids });
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#handle.close();
  }

  #write(line: Line<T>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ line, resolve, reject });
      this.#writing ??= this.#drain();
    });
  }

  async #drain(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#pending;
      this.#pending = [];
      await this.#append(batch);
      if (this.#bytes > COMPACT_BYTES_MIN && this.#lineCount > 2 * this.#live.size) await this.#compact();
    }
    // In the same step as the check above, or a write that comes in between would wait for ever.
    this.#writing = null;
  }

  async #append(batch: readonly Write<T>[]): Promise<void> {
    const text = Buffer.from(batch.map(({ line }) => `${JSON.stringify(line)}\n`).join(''));
    try {
      await writeAll(this.#handle, text);
      await this.#handle.datasync();
    } catch (error) {
      // What was written of it must not stand before later lines.
      await this.#handle.truncate(this.#bytes).catch(() => undefined);
      for (const write of batch) write.reject(error);
      return;
    }
    this.#bytes += text.length;
    this.#lineCount += batch.length;
    for (const { line, resolve } of batch) {
      apply(this.#live, line);
      resolve();
    }
  }

  /** If it fails, the old file is whole and goes on being used; the next write tries again. */
  async #compact(): Promise<void> {
    const lines = [...this.#live].map(([put, value]) => `${JSON.stringify({ put, value })}\n`);
    const text = Buffer.from(lines.join(''));
    const temporary = `${this.#file}.tmp`;
    let handle: FileHandle | null = null;
    try {
      await rm(temporary, { force: true });
      handle = await open(temporary, 'a');
      await writeAll(handle, text);
      await handle.datasync();
      await rename(temporary, this.#file);
    } catch {
      return handle?.close();
    }
    await this.#handle.close();
    this.#handle = handle;
    this.#bytes = text.length;
    this.#lineCount = this.#live.size;
  }
}

function apply<T>(live: Map<string, T>, line: Line<T>): void {
  if ('put' in line) live.set(line.put, line.value);
  else for (const id of line.remove) live.delete(id);
}

async function writeAll(handle: FileHandle, bytes: Buffer): Promise<void> {
  for (let done = 0; done < bytes.length; ) done += (await handle.write(bytes, done)).bytesWritten;
}

interface Replayed<T> {
  readonly live: Map<string, T>;
  /** Length of the readable part. */
  readonly bytes: number;
  readonly lineCount: number;
}

function replay<T>(file: string): Replayed<T> {
  const content = readIfThere(file);
  const live = new Map<string, T>();
  let bytes = 0;
  let lineCount = 0;
  for (let end = content.indexOf(10); end >= 0; end = content.indexOf(10, bytes)) {
    const line = parseLine<T>(content.toString('utf8', bytes, end));
    if (!line && content.indexOf(10, end + 1) >= 0)
      throw new PlatformError(
        'JournalCorrupt',
        `${file}: unreadable line at byte ${bytes}; repair or move the file`,
      );
    if (!line) break;
    apply(live, line);
    bytes = end + 1;
    lineCount++;
  }
  return { live, bytes, lineCount };
}

/** The journal writes what it reads: a line that parses and has one of the two shapes is one of its own. */
function parseLine<T>(text: string): Line<T> | null {
  try {
    const value = JSON.parse(text);
    const isPut = typeof value?.put === 'string' && 'value' in value;
    return isPut || Array.isArray(value?.remove) ? value : null;
  } catch {
    return null;
  }
}

function readIfThere(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}
