/** An engine without SQL, in memory, for the simulation: files are JSON lines, a rollup counts rows by their source. */

import type { RollupWork } from '../../../lib/aggregate/ports.ts';
import { spanStart, timeText } from '../../../lib/aggregate/time.ts';
import type { JobEngine } from '../../../lib/aggregator/context.ts';
import { CommitScan, linesOf } from '../../../lib/reader/scan.ts';
import { namesOf } from '../../../lib/reader.ts';
import type { MemoryWorkspace } from './workspace.ts';

export interface Row {
  readonly identity: string;
  readonly source: string;
  readonly timeMs: number;
  readonly data: string;
}

/** A row of a rollup, in a file or as a record. */
export interface RolledUp {
  readonly window: string;
  readonly revision: number;
  readonly row: string | null;
  readonly rows: number;
  readonly n?: number;
}

const linesIn = <T>(bytes: Uint8Array): T[] =>
  Buffer.from(bytes)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line): T => JSON.parse(line));

/** Of one file. */
export const readRows = (bytes: Uint8Array): Row[] => linesIn(bytes);
export const readRolledUp = (bytes: Uint8Array): RolledUp[] => linesIn(bytes);

export const identityOf = (
  family: string,
  { source, epoch, id }: { source: string; epoch: number | null; id: string },
): string => JSON.stringify([family, source, epoch, id]);

/** The rows of a rollup: how many rows each source has. */
export function countsOf(rows: readonly Row[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { source } of rows) counts.set(source, (counts.get(source) ?? 0) + 1);
  return counts;
}

export function plainEngine({ files }: Pick<MemoryWorkspace, 'files'>): JobEngine {
  const rowsIn = (path: string): Row[] => {
    const bytes = files.get(path);
    if (bytes === undefined) throw new Error(`no file ${path}`);
    return readRows(bytes);
  };
  const write = (path: string, rows: readonly object[]) => {
    const bytes = Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    files.set(path, bytes);
    return { path, rows: rows.length, bytes: bytes.length };
  };
  const counted = ({ files: paths }: Pick<RollupWork, 'files'>) =>
    [...countsOf(paths.flatMap(rowsIn))].map(([row, n]) => ({ row, n }));
  const empty = async ({ directory }: Pick<RollupWork, 'directory'>) => {
    const path = `${directory}/empty`;
    files.set(path, Buffer.from('\n'));
    return path;
  };
  return {
    async compact({ ranges, earlier, window, directory, onProgress }) {
      const windows = new Map<number, Row[]>();
      const seen = new Set<string>();
      let [records, read, covered] = [0, 0, 0];
      const found: Row[] = [];
      for (const { from, family, pieces } of ranges) {
        const scan = new CommitScan({ from });
        for await (const piece of pieces) {
          read += piece.length;
          onProgress?.(read);
          for (const commit of scan.push(piece)) {
            const lines = linesOf(commit);
            for (const [at, { source, id, numbered, timeMs }] of namesOf(commit.commit).entries()) {
              const identity = identityOf(family, { source, id, epoch: numbered?.epoch ?? null });
              const data = Buffer.from(lines[at] ?? []).toString('utf8');
              found.push({ identity, source, timeMs, data });
              records++;
            }
          }
        }
        covered += scan.coveredBytes;
      }
      for await (const path of earlier) for (const { identity } of rowsIn(path)) seen.add(identity);
      for (const row of found) {
        if (seen.has(row.identity)) continue;
        seen.add(row.identity);
        const start = spanStart(row.timeMs, window);
        windows.set(start, [...(windows.get(start) ?? []), row]);
      }
      const made = [...windows].map(([windowMs, rows]) => ({
        windowMs,
        ...write(`${directory}/${windowMs}`, rows),
      }));
      const rows = made.reduce((sum, file) => sum + file.rows, 0);
      return {
        files: made,
        records,
        repeats: records - rows,
        uncoveredBytes: read - covered,
        hash: BigInt(rows),
      };
    },
    rollup: async (work) => counted(work).map(({ row, n }) => ({ key: row, json: JSON.stringify({ n }) })),
    async rollupFile({ windowMs, revision, directory, ...work }) {
      const rows = counted(work);
      const common = { window: timeText(windowMs), revision, rows: rows.length };
      const told = rows.map((row): RolledUp => ({ ...common, ...row }));
      return { windowMs, ...write(`${directory}/rollup-${windowMs}`, told) };
    },
    empty,
    emptyLike: empty,
  };
}
