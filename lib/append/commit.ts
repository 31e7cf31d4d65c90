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
  /** The slot it claims for its writer (§4.8). */
  readonly turn: Turn;
  /** Where the append starts, in bytes from the start of the object. */
  readonly start: number;
  readonly records: number;
  /** Bytes of the data lines, line ends included. */
  readonly bytes: number;
  /** CRC-64/XZ of those bytes. */
  readonly crc64: bigint;
  /** The records in the order of their lines, in runs of one source each. */
  readonly sources: readonly SourceRun[];
}

export interface SourceRun {
  readonly source: string;
  readonly ids: readonly string[];
  /** For each id, how long before `atMs` the record's own time is, in milliseconds. */
  readonly ageMs: readonly number[];
}

export const COMMIT_VERSION = 1;
/** Every commit line starts with these bytes, and no data line does (§3.1). */
export const COMMIT_PREFIX = '{"$commit":';

/** The commit line, without its line end. */
export function commitLine(commit: Commit): string {
  return `${COMMIT_PREFIX}${JSON.stringify({
    v: COMMIT_VERSION,
    at: new Date(commit.atMs).toISOString(),
    writer: commit.writer,
    turn: commit.turn,
    start: commit.start,
    records: commit.records,
    bytes: commit.bytes,
    crc64: String(commit.crc64),
    sources: commit.sources,
  })}}`;
}

/** The runs of `records`: neighbours of one source share a run. */
export function sourceRuns(records: readonly LogRecord[], atMs: number): SourceRun[] {
  const runs: { source: string; ids: string[]; ageMs: number[] }[] = [];
  for (const record of records) {
    let run = runs.at(-1);
    if (run?.source !== record.source) {
      run = { source: record.source, ids: [], ageMs: [] };
      runs.push(run);
    }
    run.ids.push(record.id);
    run.ageMs.push(atMs - record.timeMs);
  }
  return runs;
}

/** The commit on `line`, or null if it is none that this version wrote. */
export function parseCommitLine(line: string): Commit | null {
  if (!line.startsWith(COMMIT_PREFIX)) return null;
  let body: unknown;
  try {
    body = (JSON.parse(line) as { $commit?: unknown }).$commit;
  } catch {
    return null;
  }
  if (!isObject(body) || body['v'] !== COMMIT_VERSION) return null;
  const { at, writer, turn, start, records, bytes, crc64, sources } = body;
  if (typeof at !== 'string' || typeof writer !== 'string' || typeof crc64 !== 'string') return null;
  const atMs = Date.parse(at);
  if (Number.isNaN(atMs) || !isTurn(turn) || !isCount(start) || !isCount(records) || !isCount(bytes))
    return null;
  if (!/^\d{1,20}$/.test(crc64) || !Array.isArray(sources) || !sources.every(isRun)) return null;
  const named = sources.reduce((sum, run) => sum + run.ids.length, 0);
  if (named !== records || records === 0) return null;
  return { atMs, writer, turn, start, records, bytes, crc64: BigInt(crc64), sources };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const isTurn = (value: unknown): value is Turn =>
  isObject(value) && isCount(value['slot']) && isCount(value['slotMs']);

function isRun(value: unknown): value is SourceRun {
  if (!isObject(value)) return false;
  const { source, ids, ageMs } = value;
  return (
    typeof source === 'string' &&
    Array.isArray(ids) &&
    Array.isArray(ageMs) &&
    ids.length === ageMs.length &&
    ids.every((id) => typeof id === 'string') &&
    ageMs.every((age) => Number.isSafeInteger(age))
  );
}
