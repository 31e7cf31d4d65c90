import { InvalidRecord } from './errors.ts';
import { checkJson, memberNames } from './json.ts';
import type { DataLine, LogRecord, RecordNumber } from './types.ts';

/**
 * Records as the data lines of a log (PROTOCOL.md §3.1): one line each, the value untouched.
 *
 * The top-level keys `$commit`, `$bytes` and `$record` are ours. A JSON object that has one of them is wrapped as
 * `{"$record":…}`, so nothing that comes in can pass for a commit line or change its meaning on the way out.
 */

const OURS: readonly string[] = ['$commit', '$bytes', '$record'];
/** A longer text is checked without building its tree: 32 MB of `[{},{},…]` would take 1 GB. */
const TREE_CHARS_MAX = 256 * 1024;

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** Characters of an id or a source: enough for any queue's, and 10,000 of them fit one commit line. */
export const NAME_LENGTH_MAX = 256;

/** The range of `Date`. Past it, the age of a record could be a number that no reader takes (§3.2). */
const TIME_MS_MAX = 8.64e15;

/** A record with its names checked (§3.2). Throws `InvalidRecord`. */
export function logRecord(record: LogRecord): LogRecord {
  checkName('id', record.id);
  checkName('source', record.source);
  if (!Number.isInteger(record.timeMs) || Math.abs(record.timeMs) > TIME_MS_MAX) {
    throw new InvalidRecord('The time of a record has to be a whole number of milliseconds.');
  }
  if (record.numbered !== undefined) checkNumber(record.id, record.numbered);
  return record;
}

/** The data line of a JSON text. Numbers, escapes and duplicate keys stay as they came. Throws `InvalidRecord`. */
export function jsonLine(json: string | Uint8Array): DataLine {
  const text = typeof json === 'string' ? checkedText(json) : decoded(json);
  const ours = isOurs(text);
  // Valid JSON has line ends between tokens only, so they and the indentation after them can go.
  if (!ours && typeof json !== 'string' && isBareLine(json)) return json;
  const hasLineEnds = text.includes('\n') || text.includes('\r');
  const line = (hasLineEnds ? text.replace(/[\r\n][\r\n\t ]*/g, '') : text).trim();
  return ours ? `{"$record":${line}}` : line;
}

/** The data line of a text: a JSON string. */
export function textLine(text: string): DataLine {
  return JSON.stringify(text);
}

/** The data line of bytes: `{"$bytes":"<base64>"}`. */
export function bytesLine(bytes: Uint8Array): DataLine {
  const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  return `{"$bytes":"${base64}"}`;
}

/** Length of a data line in bytes, without its line end. */
export const lineBytes = (line: DataLine): number =>
  typeof line === 'string' ? Buffer.byteLength(line) : line.length;

/** A data line as text. */
export const lineText = (line: DataLine): string =>
  typeof line === 'string' ? line : Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString();

/** Valid JSON that is its own data line: nothing to take out, so its bytes need not be made again. */
function isBareLine(json: Uint8Array): boolean {
  const isValue = (byte = 0x20) => byte > 0x20 && byte !== 0xef; // neither white space nor a byte order mark
  return isValue(json[0]) && isValue(json.at(-1)) && !json.includes(0x0a) && !json.includes(0x0d);
}

function checkName(what: string, name: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (name.length > 0 && name.length <= NAME_LENGTH_MAX && name.isWellFormed() && !/[\0-\x1f\x7f]/.test(name))
    return;
  throw new InvalidRecord(`The ${what} of a record has to be 1 to ${NAME_LENGTH_MAX} printable characters.`);
}

/** §3.4. The number after it is one that a commit line can tell, too. */
function checkNumber(id: string, { number, epoch }: RecordNumber): void {
  const isNumber = (value: number) => Number.isSafeInteger(value) && value >= 0;
  if (isNumber(number) && isNumber(number + 1) && isNumber(epoch ?? 0) && id === String(number)) return;
  throw new InvalidRecord(
    'The number of a record, and its epoch, have to be whole numbers from 0 to 2^53 - 2, and its id the number in decimal.',
  );
}

/** Whether `text` is an object with a key of ours. Throws `InvalidRecord` if it is no JSON. */
function isOurs(text: string): boolean {
  try {
    if (text.length > TREE_CHARS_MAX) {
      checkJson(text);
      return hasOne(memberNames(text), OURS);
    }
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    return OURS.some((key) => Object.hasOwn(value, key));
  } catch {
    // The parser's message quotes the payload, so it is not kept.
    throw new InvalidRecord(
      'The record is not valid JSON. Send one JSON value, or choose another content type.',
    );
  }
}

function hasOne(names: Iterable<string>, wanted: readonly string[]): boolean {
  for (const name of names) if (wanted.includes(name)) return true;
  return false;
}

function decoded(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    throw new InvalidRecord(
      'The record is not valid UTF-8. JSON travels as UTF-8; send other bytes as binary.',
    );
  }
}

function checkedText(text: string): string {
  if (!text.isWellFormed()) {
    throw new InvalidRecord(
      'The record has half of a surrogate pair. Escape it, or send the bytes as binary.',
    );
  }
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}
