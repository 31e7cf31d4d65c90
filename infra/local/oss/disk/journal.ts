/**
 * The journal: a file of entries, one a line, each with its checksum. Writing an entry's line is the commit point of
 * the change it describes.
 *
 *     <CRC-64 of the JSON, 16 hex digits> <JSON>\n
 *
 * A line is handed to the operating system with one write before anything is acknowledged, so it outlives the
 * process, however that ends. It is not forced to the medium: after a power cut the newest entries may be missing.
 * The file grows with every change and is shortened to what is still true when the store is opened.
 */
import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { crc64 } from '../crc64.ts';
import type { Entry } from './catalog.ts';

/** The journal has an unreadable line with readable ones after it: not a torn tail, so nothing is thrown away. */
export class JournalDamagedError extends Error {
  override readonly name = 'JournalDamagedError';
}

export class Journal {
  readonly #fd: number;
  #length: number;

  constructor(path: string) {
    this.#fd = openSync(path, 'a');
    this.#length = fstatSync(this.#fd).size;
  }

  /** Commits one entry. If this throws, the entry is not committed and the journal is as before. */
  write(entry: Entry): void {
    const line = encodeLine(entry);
    try {
      writeWhole(this.#fd, line);
    } catch (cause) {
      ftruncateSync(this.#fd, this.#length);
      throw cause;
    }
    this.#length += line.length;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** The entries of a journal file up to its torn tail, if it has one. Throws `JournalDamagedError`. */
export function readJournal(path: string): Entry[] {
  const lines = splitLines(readFileSync(path));
  const entries = lines.map(decodeLine);
  const torn = entries.indexOf(null);
  const whole = entries.filter((entry) => entry !== null);
  if (torn >= 0 && whole.length > torn) {
    throw new JournalDamagedError(
      `Line ${torn + 1} of ${path} is unreadable and intact lines follow it. ` +
        'Restore the file from a copy, or start with an empty data directory.',
    );
  }
  return whole;
}

/** Replaces the journal file by one that holds just `entries`; at every moment the file is the old or the new one. */
export function rewriteJournal(path: string, entries: Iterable<Entry>): void {
  const next = `${path}.next`;
  const fd = openSync(next, 'w');
  try {
    for (const entry of entries) writeWhole(fd, encodeLine(entry));
  } finally {
    closeSync(fd);
  }
  renameSync(next, path);
}

function encodeLine(entry: Entry): Buffer {
  const json = Buffer.from(JSON.stringify(entry));
  return Buffer.concat([Buffer.from(`${checksum(json)} `), json, Buffer.from('\n')]);
}

function decodeLine(line: Buffer): Entry | null {
  const json = line.subarray(17);
  if (line.length < 19 || line.toString('latin1', 0, 16) !== checksum(json)) return null;
  return JSON.parse(json.toString('utf8'));
}

function checksum(json: Uint8Array): string {
  return crc64(json).toString(16).padStart(16, '0');
}

function splitLines(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(0x0a, start);
    // A last line without its newline is torn, even if the rest of it is there.
    lines.push(newline < 0 ? Buffer.alloc(0) : bytes.subarray(start, newline));
    start = newline < 0 ? bytes.length : newline + 1;
  }
  return lines;
}

function writeWhole(fd: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
}
