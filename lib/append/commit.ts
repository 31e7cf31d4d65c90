import type { NumberedRun } from './numbers.ts';
import type { Turn } from './pace.ts';
import type { LogRecord } from './types.ts';

/**
 * The commit line that ends every append to a log (PROTOCOL.md §3.2).
 *
 * It says where the append starts, how many bytes and records it covers and their checksum, so that a reader can tell
 * a whole batch from stray bytes; and which records they are, so that the log is its own dedupe database.
 */
export interface Commit {
  /** When the append was made, epoch milliseconds. */
  readonly atMs: number;
  /** The instance that made it. */
  readonly writer: string;
  /** What it tells of its writer's turn (§4.8); null if the line says nothing that could be. */
  readonly turn: Turn | null;
  /** Where the append starts, in bytes from the start of the object. */
  readonly start: number;
  readonly records: number;
  /** Bytes of the data lines, line ends included. */
  readonly bytes: number;
  /** CRC-64/XZ of those bytes. */
  readonly crc64: bigint;
  /** The records in the order of their lines, in runs of one source each. */
  readonly sources: readonly SourceRun[];
  /** It is the last of its segment (§3.5). */
  readonly closes: boolean;
  /** Where the last checkpoint before it starts, 0 if the segment has none yet (§3.3). */
  readonly checkpoint: number;
}

/** Neighbours of one source. */
export type SourceRun = NamedRun | NumberedSourceRun;

export interface NamedRun extends Ages {
  readonly source: string;
  readonly ids: readonly string[];
}

/** Neighbours whose numbers follow each other (§3.4). */
export interface NumberedSourceRun extends Ages {
  readonly source: string;
  /** Missing for offsets. */
  readonly epoch?: number;
  readonly first: number;
}

interface Ages {
  /** For each record, how long before `atMs` its own time is, in milliseconds. */
  readonly ageMs: readonly number[];
}

export const COMMIT_VERSION = 1;
/** Every commit line and every checkpoint line starts with these bytes, and no data line does (§3.1). */
export const COMMIT_PREFIX = '{"$commit":';

/** Whether a line is a commit line or a checkpoint line, or would like to be. */
export function isCommitLike(line: Uint8Array): boolean {
  return Buffer.from(line.subarray(0, COMMIT_PREFIX.length)).toString('latin1') === COMMIT_PREFIX;
}

/** The commit line, without its line end. A cold writer finds what it needs by the end of the line (§4.1). */
export function commitLine(commit: Commit): string {
  const body = JSON.stringify({
    v: COMMIT_VERSION,
    at: new Date(commit.atMs).toISOString(),
    writer: commit.writer,
    turn: commit.turn,
    start: commit.start,
    records: commit.records,
    bytes: commit.bytes,
    crc64: String(commit.crc64),
    sources: commit.sources,
    // Undefined is left out. A spread would take V8 as long as all the rest.
    closes: commit.closes || undefined,
    checkpoint: commit.checkpoint,
  });
  return `${COMMIT_PREFIX}${body}}`;
}

/** The runs of `records`. */
export function sourceRuns(records: readonly LogRecord[], atMs: number): SourceRun[] {
  const runs: SourceRun[] = [];
  let ids: string[] | null = null;
  let ageMs: number[] = [];
  let last: LogRecord | undefined;
  for (const record of records) {
    const { source, id, numbered, timeMs } = record;
    if (last === undefined || !follows(last, record)) {
      ageMs = [];
      ids = numbered === undefined ? [] : null;
      if (ids !== null) runs.push({ source, ids, ageMs });
      else if (numbered !== undefined) {
        const { number: first, epoch } = numbered;
        runs.push({ source, ...(epoch !== null && { epoch }), first, ageMs });
      }
    }
    ids?.push(id);
    ageMs.push(atMs - timeMs);
    last = record;
  }
  return runs;
}

export const isNamed = (run: SourceRun): run is NamedRun => 'ids' in run;

export const numberedRun = ({ source, epoch, first, ageMs }: NumberedSourceRun): NumberedRun => ({
  source,
  epoch: epoch ?? null,
  first,
  count: ageMs.length,
});

/** The commit on `line`, or null if it is none that this version wrote. */
export function parseCommitLine(line: string): Commit | null {
  const body = commitBody(line);
  if (body === null) return null;
  const { at, writer, turn, start, records, bytes, crc64, sources, closes = false, checkpoint } = body;
  if (typeof at !== 'string' || typeof writer !== 'string' || !isCrc64(crc64)) return null;
  const atMs = Date.parse(at);
  if (Number.isNaN(atMs) || !isCount(start) || !isCount(records) || !isCount(bytes)) return null;
  if (typeof closes !== 'boolean' || !isCount(checkpoint)) return null;
  if (!Array.isArray(sources) || !sources.every(isRun)) return null;
  const named = sources.reduce((sum, run) => sum + run.ageMs.length, 0);
  // Without records it is there to close the segment (§3.7).
  if (named !== records || (records === 0 && !closes)) return null;
  const sum = BigInt(crc64);
  // A claim that makes no sense is none; what was committed counts all the same.
  const claim = isTurn(turn) ? turn : null;
  return { atMs, writer, turn: claim, start, records, bytes, crc64: sum, sources, closes, checkpoint };
}

/** What a line of this version says under `$commit`, or null. */
export function commitBody(line: string): Readonly<Record<string, unknown>> | null {
  if (!line.startsWith(COMMIT_PREFIX)) return null;
  try {
    const body = (JSON.parse(line) as { $commit?: unknown }).$commit;
    return isObject(body) && body['v'] === COMMIT_VERSION ? body : null;
  } catch {
    return null;
  }
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;

const isDuration = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0;

/** A checksum in decimal. */
export const isCrc64 = (value: unknown): value is string =>
  typeof value === 'string' && /^\d{1,20}$/.test(value);

export const isTurn = (value: unknown): value is Turn =>
  isObject(value) && isDuration(value['roundTripMs']) && isCount(value['more']);

/** Whether `record` goes on with the run of `last`. */
function follows(last: LogRecord, { source, numbered }: LogRecord): boolean {
  if (last.source !== source) return false;
  if (numbered === undefined || last.numbered === undefined) return numbered === last.numbered;
  return last.numbered.epoch === numbered.epoch && last.numbered.number + 1 === numbered.number;
}

function isRun(value: unknown): value is SourceRun {
  if (!isObject(value)) return false;
  const { source, ids, ageMs, epoch, first } = value;
  if (typeof source !== 'string' || !Array.isArray(ageMs)) return false;
  if (!ageMs.every((age) => Number.isSafeInteger(age))) return false;
  if (ids === undefined)
    return isCount(first) && isCount(first + ageMs.length) && (epoch === undefined || isCount(epoch));
  return Array.isArray(ids) && ids.length === ageMs.length && ids.every((id) => typeof id === 'string');
}
