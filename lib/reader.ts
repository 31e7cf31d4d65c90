/**
 * Reads the records of a log, from its first segment to its last, in bounded memory (PROTOCOL.md §3).
 *
 * ```ts
 * for await (const { id, source, line } of readRecords(store, 'events/20.ndjson')) …
 * ```
 *
 * Only records that a valid commit covers are given; other bytes are passed over (§3.6). A segment that retention has
 * removed is passed over, too, and told of (§3.7). A log that is being written to is read as far as its last open segment
 * was long when the reader came to it.
 */
import { type Commit, isNamed, type SourceRun } from './append/commit.ts';
import { segmentKey } from './append/segment.ts';
import { parseTombstone, TOMBSTONE_START_BYTES, type Tombstone } from './append/tombstone.ts';
import type { RecordNumber } from './append/types.ts';
import { CommitScan, linesOf } from './reader/scan.ts';
import type { ObjectStore, ReadAnswer } from './store/port.ts';

export interface StoredRecord extends RecordName {
  /** The data line, UTF-8 without its line end; `readValue` (`reader/value.ts`) reads it back. A view of its append. */
  readonly line: Uint8Array;
  /** The key of the segment. */
  readonly object: string;
  /** The append: where it starts, where its commit line ends, and which of its data lines this is, from 0. */
  readonly start: number;
  readonly end: number;
  readonly record: number;
}

export interface RecordName {
  readonly source: string;
  /** Of a numbered record, the number in decimal. */
  readonly id: string;
  /** Null if the record is known by its id. */
  readonly numbered: RecordNumber | null;
  /** The record's own time, epoch milliseconds. */
  readonly timeMs: number;
}

export interface ReadOptions {
  /** Bytes of one request. */
  readonly pieceBytes?: number;
  /** Of one request. */
  readonly timeoutMs?: number;
  /** Called in the place of the records of a segment whose tombstone is all that is left of it. */
  readonly onTombstone?: (object: string, tombstone: Tombstone) => void;
}

/** The object became shorter, or went away, while it was read. */
export class LogReplaced extends Error {
  override readonly name = 'LogReplaced';
  readonly code = 'LogReplaced';

  constructor(key: string) {
    super(`${key} was replaced or removed while it was read. Read it again.`);
  }
}

const PIECE_BYTES = 4 * 1024 * 1024;
const TIMEOUT_MS = 60_000;
const APPENDABLE = 'Appendable';

/** Nothing if there is no object under `key`. Throws `StoreError`, and `LogReplaced`. */
export async function* readRecords(
  store: Pick<ObjectStore, 'read'>,
  key: string,
  options: ReadOptions = {},
): AsyncGenerator<StoredRecord> {
  for (let segment = 0; ; segment++) {
    const scan = new CommitScan();
    const object = segmentKey(key, segment);
    let tombstone: Tombstone | null | undefined;
    for await (const { bytes, type } of piecesOf(store, object, options)) {
      if (tombstone === undefined)
        tombstone = type === APPENDABLE ? null : await tombstoneOf(store, object, options);
      if (tombstone !== null) break;
      for (const { commit, end, data, lineEnds } of scan.push(bytes)) {
        const names = namesOf(commit);
        // Of its own: the scan uses its memory again, and records may be kept.
        const lines = linesOf({ data: Buffer.from(data), lineEnds });
        for (const [record, line] of lines.entries()) {
          const name = names[record];
          if (name !== undefined) yield { ...name, line, object, start: commit.start, end, record };
        }
      }
    }
    if (tombstone != null) options.onTombstone?.(object, tombstone);
    else if (!scan.closed) return;
  }
}

/** What is left of a segment, null if it is no tombstone, or is not there. Throws `StoreError`. */
export async function tombstoneOf(
  store: Pick<ObjectStore, 'read'>,
  object: string,
  { timeoutMs = TIMEOUT_MS }: Pick<ReadOptions, 'timeoutMs'> = {},
): Promise<Tombstone | null> {
  const read = await store.read(object, { start: 0, end: TOMBSTONE_START_BYTES }, { timeoutMs });
  return read && parseTombstone(read.bytes);
}

/** What a commit calls the records it covers, in the order of their lines. */
export function namesOf({ sources, atMs }: Pick<Commit, 'sources' | 'atMs'>): RecordName[] {
  return sources.flatMap((run) =>
    run.ageMs.map((age, index) => ({ ...nameIn(run, index), source: run.source, timeMs: atMs - age })),
  );
}

function nameIn(run: SourceRun, index: number): Pick<RecordName, 'id' | 'numbered'> {
  if (isNamed(run)) return { id: run.ids[index] ?? '', numbered: null };
  const number = run.first + index;
  return { id: String(number), numbered: { number, epoch: run.epoch ?? null } };
}

/** The bytes of an object up to the length that it had at first. */
async function* piecesOf(
  store: Pick<ObjectStore, 'read'>,
  key: string,
  { pieceBytes = PIECE_BYTES, timeoutMs = TIMEOUT_MS }: ReadOptions,
): AsyncGenerator<ReadAnswer> {
  let length: number | null = null;
  let start = 0;
  do {
    const range = { start, end: Math.min(length ?? Number.POSITIVE_INFINITY, start + pieceBytes) };
    const read = await store.read(key, range, { timeoutMs });
    if (read === null && length === null) return;
    if (read === null || read.length < (length ?? 0)) throw new LogReplaced(key);
    length ??= read.length;
    if (read.bytes.length === 0 && start < length) throw new LogReplaced(key);
    yield read;
    start += read.bytes.length;
  } while (start < length);
}
