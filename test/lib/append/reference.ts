/**
 * A reader of logs written a second time, from PROTOCOL.md §3 alone and slowly, to check the real one against.
 */
import { crc64 } from '../../../lib/append/crc64.ts';

export interface ReferenceCommit {
  readonly start: number;
  readonly end: number;
  readonly lineStart: number;
  readonly writer: string;
  readonly records: readonly { source: string; id: string; line: string }[];
}

export function readLog(object: Uint8Array): ReferenceCommit[] {
  const bytes = Buffer.from(object);
  const commits: ReferenceCommit[] = [];
  let coveredTo = 0;
  for (let lineStart = 0, lineEnd = bytes.indexOf(10); lineEnd >= 0; ) {
    const commit = parse(bytes.subarray(lineStart, lineEnd).toString('utf8'));
    const dataStart = lineStart - (commit?.bytes ?? 0);
    if (commit !== null && dataStart >= coveredTo) {
      const data = bytes.subarray(dataStart, lineStart);
      const lines = data.toString('utf8').split('\n').slice(0, -1);
      const names = commit.sources.flatMap(({ source, ids }) => ids.map((id) => ({ source, id })));
      const atStart =
        commit.start === dataStart || (commit.start === dataStart - 1 && bytes[commit.start] === 10);
      if (atStart && lines.length === names.length && String(crc64(data)) === commit.crc64) {
        const records = names.map((name, at) => ({ ...name, line: lines[at] ?? '' }));
        commits.push({ start: commit.start, end: lineEnd + 1, lineStart, writer: commit.writer, records });
        coveredTo = lineEnd + 1;
      }
    }
    lineStart = lineEnd + 1;
    lineEnd = bytes.indexOf(10, lineStart);
  }
  return commits;
}

interface Parsed {
  v: number;
  start: number;
  bytes: number;
  crc64: string;
  writer: string;
  sources: { source: string; ids: string[] }[];
}

function parse(line: string): Parsed | null {
  if (!line.startsWith('{"$commit":')) return null;
  try {
    const { $commit } = JSON.parse(line) as { $commit: Parsed };
    return $commit.v === 1 && Array.isArray($commit.sources) ? $commit : null;
  } catch {
    return null;
  }
}
