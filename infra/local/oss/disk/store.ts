/**
 * The store on disk.
 *
 *     <data dir>/lock       who uses it
 *     <data dir>/journal    every change, in order: the truth
 *     <data dir>/objects/   the bytes, one file an object or part
 *     <data dir>/incoming/  bodies too large for memory, while they arrive
 *
 * A change first puts its bytes in place, in a new file or behind the last committed byte of an appendable object's
 * file, and then commits by one line in the journal (`journal.ts`). Both steps are synchronous: nothing can happen
 * between a check, its write and its commit. If the process dies in between, the bytes are there but no entry says
 * so; recovery cuts files to their committed length and removes those nobody refers to.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Body, BodySink } from '../body.ts';
import { type Bucket, Catalog, type Entry } from './catalog.ts';
import { Journal, readJournal, rewriteJournal } from './journal.ts';
import { lockDataDir } from './lock.ts';

const COPY_BYTES = 1024 * 1024;

/** A data file is missing or shorter than the journal says: bytes once acknowledged are gone. */
export class DataLostError extends Error {
  override readonly name = 'DataLostError';
}

export class Store {
  readonly #dataDir: string;
  readonly #catalog: Catalog;
  readonly #journal: Journal;
  readonly #unlock: () => void;
  #closed = false;

  /** Opens or creates the directory. Throws `DataDirInUseError`, `JournalDamagedError`, `DataLostError`. */
  constructor(dataDir: string) {
    this.#dataDir = dataDir;
    mkdirSync(join(dataDir, 'objects'), { recursive: true });
    this.#unlock = lockDataDir(dataDir);
    try {
      this.#catalog = recover(dataDir);
      this.#journal = new Journal(join(dataDir, 'journal'));
    } catch (error) {
      this.#unlock();
      throw error;
    }
  }

  get buckets(): ReadonlyMap<string, Bucket> {
    return this.#catalog.buckets;
  }

  /** Makes a change true. If this throws, nothing has changed. */
  commit(entry: Entry): void {
    if (this.#closed) throw new Error('The store is closed.');
    this.#journal.write(entry);
    for (const file of this.#catalog.apply(entry)) this.removeFile(file);
  }

  /** Puts a body into a data file of its own; returns the file's name. */
  adopt(body: Body): string {
    const file = randomBytes(12).toString('hex');
    if (body.file === null) writeAt(this.#path(file), 'wx', body.bytes, 0);
    else renameSync(body.file, this.#path(file));
    return file;
  }

  /** Writes a body into an existing data file at `position`, past what is committed. */
  extend(file: string, position: number, body: Body): void {
    if (body.file === null) writeAt(this.#path(file), 'r+', body.bytes, position);
    else copyAt(body.file, this.#path(file), position);
  }

  /** A second name for a data file that no longer changes: a copy that costs nothing. */
  duplicate(file: string): string {
    const copy = randomBytes(12).toString('hex');
    linkSync(this.#path(file), this.#path(copy));
    return copy;
  }

  /** Joins slices of data files into a body, without holding up other requests. */
  async gather(slices: readonly { file: string; start: number; end: number }[]): Promise<Body> {
    const sink = new BodySink(() => this.incomingPath());
    try {
      for (const { file, start, end } of slices) {
        if (start >= end) continue;
        for await (const chunk of createReadStream(this.#path(file), { start, end: end - 1 }))
          sink.write(chunk);
      }
      return sink.end();
    } catch (error) {
      sink.discard();
      throw error;
    }
  }

  /** Opens a data file for reading; it stays readable even if the object is replaced meanwhile. */
  open(file: string): number {
    return openSync(this.#path(file), 'r');
  }

  removeFile(file: string): void {
    rmSync(this.#path(file), { force: true });
  }

  /** Where a body may be kept while it arrives. */
  incomingPath(): string {
    return join(this.#dataDir, 'incoming', randomBytes(12).toString('hex'));
  }

  close(): void {
    this.#closed = true;
    this.#journal.close();
    this.#unlock();
  }

  #path(file: string): string {
    return join(this.#dataDir, 'objects', file);
  }
}

/** Rebuilds the catalog, brings the files in line with it, and shortens the journal to what is still true. */
function recover(dataDir: string): Catalog {
  const journal = join(dataDir, 'journal');
  const catalog = new Catalog();
  for (const entry of existsSync(journal) ? readJournal(journal) : []) catalog.apply(entry);

  const used = new Set<string>();
  for (const { file, length } of catalog.files()) {
    used.add(file);
    trim(join(dataDir, 'objects', file), length);
  }
  for (const file of readdirSync(join(dataDir, 'objects'))) {
    if (!used.has(file)) rmSync(join(dataDir, 'objects', file), { force: true });
  }
  rmSync(join(dataDir, 'incoming'), { recursive: true, force: true });
  mkdirSync(join(dataDir, 'incoming'));
  rewriteJournal(journal, catalog.snapshot());
  return catalog;
}

function trim(path: string, length: number): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? -1;
  if (size < length)
    throw new DataLostError(`${path} should have ${length} bytes but has ${Math.max(size, 0)}.`);
  if (size > length) truncateSync(path, length);
}

/** `flag`: `wx` for a file that must be new, `r+` for one that must exist. */
function writeAt(path: string, flag: 'wx' | 'r+', bytes: readonly Uint8Array[], position: number): void {
  const target = openSync(path, flag);
  try {
    let at = position;
    for (const chunk of bytes) at += writeWhole(target, chunk, at);
  } finally {
    closeSync(target);
  }
}

function copyAt(from: string, to: string, position: number): void {
  const source = openSync(from, 'r');
  const target = openSync(to, 'r+');
  const buffer = Buffer.allocUnsafe(COPY_BYTES);
  try {
    for (let done = 0; ; ) {
      const read = readSync(source, buffer, 0, COPY_BYTES, done);
      if (read === 0) return;
      done += writeWhole(target, buffer.subarray(0, read), position + done);
    }
  } finally {
    closeSync(source);
    closeSync(target);
  }
}

function writeWhole(fd: number, bytes: Uint8Array, position: number): number {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, position + done);
  }
  return bytes.length;
}
