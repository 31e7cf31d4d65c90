/**
 * Answers GET and HEAD with records of a log: one as it came in, or the data lines from a place on (PROTOCOL.md §8).
 *
 * Only what a valid commit covers is given. A commit is looked at by itself, wherever it is in the object: one that covers
 * bytes of another would have that one's commit line among its data, where no line begins like that (§3.1), or start
 * within that line.
 */
import { isCommitLike } from '../../append/commit.ts';
import { APPEND_BYTES_MAX } from '../../append/fold.ts';
import { IntakeError, quote } from '../../intake/errors.ts';
import { CommitScan, type FoundCommit, linesOf } from '../../reader/scan.ts';
import { readValue } from '../../reader/value.ts';
import { etagOf } from '../problem.ts';
import {
  assertNoIfMatch,
  isAmong,
  nothingThere,
  type ObjectReader,
  READ_BYTES_MAX,
  type ReadRequest,
  readAnswer,
  storeCall,
} from './answer.ts';
import type { RecordPlace } from './place.ts';
import { RangeNotSatisfiable } from './range.ts';

/** Where the next record is, or will be. */
export interface Next extends RecordPlace {
  /** The key of its segment. */
  readonly object: string;
}

/** Most appends are smaller; a longer one takes more requests, each for four times as much. */
const FIRST_BYTES = 64 * 1024;

/** Throws `IntakeError`, and `StoreError` where the store does not give the object. */
export async function readRecord(
  store: ObjectReader,
  request: ReadRequest,
  { start, record }: RecordPlace,
): Promise<Response> {
  assertNoIfMatch(request.headers);
  const append = await appendAt(store, request, start);
  const line = append === null ? undefined : linesOf(append)[record];
  if (append === null || line === undefined) {
    throw new IntakeError(
      'NotFound',
      `There is no record ${start}:${record} in ${quote(request.object)}. Ask for one as its receipt says it.`,
    );
  }
  const etag = `"${append.commit.crc64}:${record}"`;
  const value = readValue(line);
  const contentType = value.kind === 'json' ? 'application/json' : 'application/octet-stream';
  const headers = { etag, 'content-type': contentType };
  const known = request.headers.get('if-none-match');
  if (known !== null && isAmong(known, etag)) return readAnswer(304, headers, null);
  const bytes = value.kind === 'json' ? Buffer.from(value.json) : value.bytes;
  if (bytes.length > READ_BYTES_MAX) throw tooLarge({ start, record }, bytes.length, append);
  return readAnswer(200, headers, bytes);
}

export interface RecordsRequest extends ReadRequest {
  readonly from: RecordPlace;
  /** The key of the segment after this one. */
  readonly nextObject: string;
  /** The header that says where to go on. */
  readonly linkTo: (next: Next) => Readonly<Record<string, string>>;
}

/**
 * The records from a place on, no more than fit one answer. Throws `IntakeError`, and `StoreError` where the store does
 * not give the object.
 */
export async function readRecords(store: ObjectReader, request: RecordsRequest): Promise<Response> {
  const { object, headers, isHead, contentType, from, nextObject, linkTo } = request;
  assertNoIfMatch(headers);
  const known = headers.get('if-none-match');
  const told = (length: number) => ({ etag: etagOf(length), 'content-type': contentType });
  if (isHead || known !== null) {
    const info = await store.head(object, storeCall(request));
    if (info === null) throw nothingThere(object);
    if (known !== null && isAmong(known, etagOf(info.length)))
      return readAnswer(304, told(info.length), null);
    if (isHead) return readAnswer(200, told(info.length), null);
  }
  const page = new Page(object, from, nextObject);
  let seen = 0;
  for await (const { commits, length } of piecesFrom(store, request, from.start, READ_BYTES_MAX)) {
    seen = length;
    for (const found of commits) if (found.commit.start >= from.start && !page.take(found)) break;
    if (page.bytes > 0) break;
  }
  if (from.start > seen) throw new RangeNotSatisfiable(seen);
  // Whoever has read all of a closed segment goes on in the next.
  const goesOn = page.bytes === 0 && (await store.head(nextObject, storeCall(request))) !== null;
  const next = goesOn ? { object: nextObject, start: 0, record: 0 } : page.next;
  return readAnswer(200, { ...told(seen), ...linkTo(next) }, Buffer.concat(page.parts));
}

/** The records of one answer. */
class Page {
  readonly parts: Uint8Array[] = [];
  bytes = 0;
  next: Next;
  readonly #object: string;
  readonly #from: RecordPlace;
  readonly #nextObject: string;

  constructor(object: string, from: RecordPlace, nextObject: string) {
    this.#object = object;
    this.#from = from;
    this.#nextObject = nextObject;
    this.next = { ...from, object };
  }

  /** Takes what fits of the commit. False: there is no room for all of it. */
  take(append: FoundCommit): boolean {
    const { commit, data, end } = append;
    const { start, record: first } = this.#from;
    let at = 0;
    let from = 0;
    for (const [record, line] of linesOf(append).entries()) {
      const to = at + line.length + 1;
      if (commit.start === start && record < first) from = to;
      else if (this.bytes + to - from > READ_BYTES_MAX) {
        const place = { start: commit.start, record };
        if (this.bytes === 0 && at === from) throw tooLarge(place, line.length, append);
        this.#add(data.subarray(from, at));
        this.next = { ...place, object: this.#object };
        return false;
      }
      at = to;
    }
    this.#add(data.subarray(from));
    this.next = commit.closes
      ? { object: this.#nextObject, start: 0, record: 0 }
      : { object: this.#object, start: end, record: 0 };
    return true;
  }

  #add(part: Uint8Array): void {
    // Of its own: the scan uses its memory again.
    if (part.length > 0) this.parts.push(Buffer.from(part));
    this.bytes += part.length;
  }
}

/** The append that starts at `start`, or null. */
async function appendAt(
  store: ObjectReader,
  request: ReadRequest,
  start: number,
): Promise<FoundCommit | null> {
  let read = 0;
  for await (const { commits, bytes } of piecesFrom(store, request, start, FIRST_BYTES)) {
    for (const found of commits)
      if (found.commit.start >= start) return found.commit.start === start ? found : null;
    read += bytes;
    if (read > APPEND_BYTES_MAX) return null;
  }
  return null;
}

/** The segment from `start` on, a piece at a time, with the commits that end in each. */
async function* piecesFrom(
  store: ObjectReader,
  request: ReadRequest,
  start: number,
  firstBytes: number,
): AsyncGenerator<{ commits: Iterable<FoundCommit>; bytes: number; length: number }> {
  const { object } = request;
  // With the byte before it, which tells whether a line starts there.
  let at = Math.max(0, start - 1);
  const scan = new CommitScan({ from: at, startsLine: at === 0, uncoveredBytesMax: APPEND_BYTES_MAX });
  for (let size = firstBytes; ; size = Math.min(size * 4, READ_BYTES_MAX)) {
    const read = await store.read(object, { start: at, end: at + size }, storeCall(request));
    if (read === null) throw nothingThere(object);
    yield { commits: sound(scan.push(read.bytes)), bytes: read.bytes.length, length: read.length };
    at += read.bytes.length;
    if (read.bytes.length === 0 || at >= read.length) return;
  }
}

function* sound(commits: Iterable<FoundCommit>): Generator<FoundCommit> {
  for (const found of commits) if (found.startsLine && !linesOf(found).some(isCommitLike)) yield found;
}

function tooLarge({ start, record }: RecordPlace, bytes: number, { end }: FoundCommit): IntakeError {
  return new IntakeError(
    'ObjectTooLarge',
    `The record ${start}:${record} takes ${bytes} bytes, and an answer holds ${READ_BYTES_MAX} at most. Read its append in parts, Range: bytes=${start}-${end - 1}, and go on with records=${start}:${record + 1}.`,
  );
}
