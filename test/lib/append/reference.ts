/**
 * A reader of logs written a second time, from PROTOCOL.md §3 alone and slowly, to check the real one against. It shares
 * no code with lib/append.
 */
import { crc64 } from '../../../infra/local/oss/crc64.ts';

export interface ReferenceCommit {
  readonly start: number;
  /** Of its commit line. */
  readonly end: number;
  /** Of the append: a checkpoint line may follow the commit line. */
  readonly appendEnd: number;
  readonly lineStart: number;
  readonly writer: string;
  /** Epoch milliseconds. */
  readonly atMs: number;
  /** It is the last of its segment. */
  readonly closes: boolean;
  readonly records: readonly ReferenceRecord[];
}

export interface ReferenceRecord {
  readonly source: string;
  /** Of a numbered record its number, in decimal. */
  readonly id: string;
  /** It is known by its number, and not by its id. */
  readonly numbered: boolean;
  readonly line: string;
  /** Of a producer's record. */
  readonly epoch?: number;
  /** How long before the commit's time its own is. */
  readonly ageMs: number;
}

const LINE_END = 10;

/** The commits of one object. */
export function readLog(object: Uint8Array): ReferenceCommit[] {
  const bytes = Buffer.from(object);
  const commits: ReferenceCommit[] = [];
  let coveredTo = 0;
  for (let lineStart = 0, lineEnd = bytes.indexOf(LINE_END); lineEnd >= 0; ) {
    const commit = parse(bytes.subarray(lineStart, lineEnd).toString('utf8'));
    const dataStart = lineStart - (commit?.bytes ?? 0);
    if (commit !== null && dataStart >= coveredTo) {
      const data = bytes.subarray(dataStart, lineStart);
      const lines = data.toString('utf8').split('\n').slice(0, -1);
      const names = commit.sources.flatMap(namesOf);
      const atStart =
        commit.start === dataStart || (commit.start === dataStart - 1 && bytes[commit.start] === LINE_END);
      if (atStart && lines.length === names.length && String(crc64(data)) === commit.crc64) {
        const { start, writer, at, closes = false } = commit;
        const records = names.map((name, n) => ({ ...name, line: lines[n] ?? '' }));
        const atMs = Date.parse(at);
        const end = lineEnd + 1;
        const appendEnd = end + checkpointLength(bytes, end);
        commits.push({ start, end, appendEnd, lineStart, writer, atMs, closes, records });
        coveredTo = lineEnd + 1;
      }
    }
    lineStart = lineEnd + 1;
    lineEnd = bytes.indexOf(LINE_END, lineStart);
  }
  return commits;
}

/** A commit of a log of several objects. */
export interface SegmentCommit extends ReferenceCommit {
  readonly object: string;
}

/** The commits of a log, segment after segment (§3.5), as far as each is closed by its last. */
export function readSegments(objects: ReadonlyMap<string, Uint8Array>, key: string): SegmentCommit[] {
  const commits: SegmentCommit[] = [];
  for (let segment = 0; ; segment++) {
    const object = segment === 0 ? key : keyOfSegment(key, segment);
    const bytes = objects.get(object);
    if (bytes === undefined) return commits;
    const own = readLog(bytes);
    commits.push(...own.map((commit) => ({ ...commit, object })));
    if (own.at(-1)?.closes !== true) return commits;
  }
}

function keyOfSegment(key: string, segment: number): string {
  const [, path, name, extension] = /^(.*\/)?([^/]*?)(\.[^./]*)?$/.exec(key) ?? [];
  return `${path ?? ''}${name}~${`${segment}`.padStart(5, '0')}${extension ?? ''}`;
}

interface Parsed {
  v: number;
  at: string;
  start: number;
  bytes: number;
  crc64: string;
  writer: string;
  sources: ParsedRun[];
  closes?: boolean;
}

interface ParsedRun {
  source: string;
  ids?: string[];
  first?: number;
  epoch?: number;
  ageMs: number[];
}

function namesOf({ source, ids, first = 0, epoch, ageMs }: ParsedRun): Omit<ReferenceRecord, 'line'>[] {
  return (ids ?? ageMs.map((_, n) => `${first + n}`)).map((id, n) => ({
    source,
    id,
    ageMs: ageMs[n] ?? 0,
    numbered: ids === undefined,
    ...(epoch !== undefined && { epoch }),
  }));
}

/** A checkpoint line has no `sources`: a reader needs nothing of it. */
function parse(line: string): Parsed | null {
  if (!line.startsWith('{"$commit":')) return null;
  try {
    const { $commit } = JSON.parse(line) as { $commit: Parsed };
    return $commit.v === 1 && Array.isArray($commit.sources) ? $commit : null;
  } catch {
    return null;
  }
}

/** Length of the checkpoint line at `start`, with its line end; 0 if there is none. */
function checkpointLength(bytes: Buffer, start: number): number {
  const end = bytes.indexOf(LINE_END, start) + 1;
  const line = bytes.toString('utf8', start, end);
  return line.startsWith('{"$commit":{"v":1,"state":') && line.endsWith(`"checkpoint":${start}}}\n`)
    ? end - start
    : 0;
}
