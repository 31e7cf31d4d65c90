/** The records of files of rows, one after the other, with their texts as they are. */
import { sliceMember } from '../../append/json.ts';
import type { HashedRecord } from '../content-hash.ts';
import type { Database } from './database.ts';
import { list, text } from './sql.ts';
import { isParquet, ndjsonLines } from './stored.ts';

export interface StoredRow extends HashedRecord {
  /** Where the record is in its log. */
  readonly object: string;
  readonly start: number;
  readonly record: number;
}

/** Of files of one format, in their order. */
export function storedRows(database: Database, files: readonly string[]): AsyncGenerator<StoredRow> {
  return files.every(isParquet) ? ofParquet(database, files) : ofNdjson(database, files);
}

async function* ofParquet(database: Database, files: readonly string[]): AsyncGenerator<StoredRow> {
  const columns = 'log, source, epoch, id, data, object, "start", record';
  const rows = `SELECT ${columns} FROM read_parquet(${list(files.map(text))}, union_by_name = true)`;
  for await (const [log, source, epoch, id, data, object, start, record] of database.stream(rows))
    yield {
      family: String(log),
      source: String(source),
      epoch: epoch === null ? null : Number(epoch),
      id: String(id),
      data: String(data),
      object: String(object),
      start: Number(start),
      record: Number(record),
    };
}

/** DuckDB would make another text of the same JSON, so lines are taken apart here. */
async function* ofNdjson(database: Database, files: readonly string[]): AsyncGenerator<StoredRow> {
  await database.run('SET threads = 1');
  for await (const [line] of database.stream(ndjsonLines(files))) {
    const json = String(line);
    const { log, ...row } = JSON.parse(json) as Omit<StoredRow, 'data' | 'family'> & { log: string };
    const { source, epoch, id, object, start, record } = row;
    const data = sliceMember(json, 'data') ?? '';
    yield { family: log, source, epoch, id, data, object, start, record };
  }
  await database.run('RESET threads');
}
