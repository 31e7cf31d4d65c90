/** Runs engines in directories of their own, and reads what they wrote with ordinary tools. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { onTestFinished } from 'vitest';
import type { CompactWork } from '../../../../lib/aggregate/ports.ts';
import { sliceMember } from '../../../../lib/append/json.ts';
import type { ReferenceRow } from '../../../aggregate/reference.ts';

export function directory(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'oss-append-rows-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

let connection: Promise<DuckDBConnection> | undefined;

/** Rows of a plain DuckDB, as objects. */
export async function duckdb(sql: string): Promise<Record<string, unknown>[]> {
  connection ??= DuckDBInstance.create(':memory:', { threads: '2' }).then((instance) => instance.connect());
  return (await (await connection).runAndReadAll(sql)).getRowObjectsJS() as Record<string, unknown>[];
}

export async function* from(files: readonly string[]): AsyncGenerator<string> {
  yield* files;
}

export const work = (
  more: Partial<CompactWork> & Pick<CompactWork, 'ranges' | 'directory'>,
): CompactWork => ({
  earlier: from([]),
  window: 'hour',
  columns: [],
  sort: [],
  format: 'parquet',
  ...more,
});

const BASE = ['id', 'source', 'epoch', 'time', 'log', 'object', 'start', 'end', 'record', 'data'];

/** The rows of a file in its order, as the reference engine has them. */
export async function rowsIn(file: string): Promise<ReferenceRow[]> {
  const rows = file.endsWith('.parquet')
    ? await duckdb(`FROM read_parquet('${file.replaceAll("'", "''")}')`)
    : (await linesIn(file)).map((line): Record<string, unknown> => {
        const row = JSON.parse(line) as Record<string, unknown>;
        return { ...row, data: sliceMember(line, 'data'), time: new Date(String(row['time'])) };
      });
  return rows.map((row) => {
    const own = Object.entries(row).filter(([name]) => !BASE.includes(name));
    const number = (name: string) => Number(row[name]);
    return {
      id: String(row['id']),
      source: String(row['source']),
      epoch: row['epoch'] === null ? null : number('epoch'),
      timeMs: (row['time'] as Date).getTime(),
      log: String(row['log']),
      object: String(row['object']),
      start: number('start'),
      end: number('end'),
      record: number('record'),
      data: String(row['data']),
      own: Object.fromEntries(
        own.map(([name, value]) => [name, typeof value === 'bigint' ? Number(value) : (value as string)]),
      ),
    };
  });
}

export async function linesIn(file: string): Promise<string[]> {
  if (file.endsWith('.gz')) {
    const text = execFileSync('zcat', [file], { encoding: 'utf8', maxBuffer: 1e9 });
    return text.split('\n').slice(0, -1);
  }
  const csv = `columns = {line: 'VARCHAR'}, auto_detect = false, header = false, delim = '\x01', quote = '', escape = ''`;
  const rows = await duckdb(`FROM read_csv('${file.replaceAll("'", "''")}', ${csv})`);
  return rows.map(({ line }) => String(line));
}
