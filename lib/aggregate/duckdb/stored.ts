/** Files of rows, as SQL that reads them back. */
import type { Column } from '../ports.ts';
import { ROW_COLUMNS } from '../row-columns.ts';
import type { Database } from './database.ts';
import { columnsMark, ownColumns } from './rows.ts';
import { list, name, text } from './sql.ts';

export const isParquet = (file: string): boolean => file.endsWith('.parquet');

/** An append's longest line, and the names around it in a row. */
const LINE_BYTES_MAX = 50 * 1024 * 1024;

/** `log`, `source`, `epoch` and `id` of each row. */
export function identitiesOf(file: string): string {
  if (isParquet(file)) return `SELECT log, source, epoch, id FROM read_parquet(${text(file)})`;
  const paths = list(['log', 'source', 'epoch', 'id'].map((key) => text(`$.${key}`)));
  return `SELECT f[1] AS log, f[2] AS source, CAST(f[3] AS BIGINT) AS epoch, f[4] AS id
    FROM (SELECT json_extract_string(line, ${paths}) AS f FROM (${ndjsonLines([file])}))`;
}

/** Rows with the base columns and the job's own, of files of Parquet, in the order of the files. */
export async function rowsOf(
  database: Database,
  files: readonly string[],
  columns: readonly Column[],
): Promise<string> {
  const base = ROW_COLUMNS.map((column) => name(column.name));
  if (files.length === 0) return noRows(columns);
  const paths = list(files.map(text));
  // A job's columns can change; what older files have of them is made anew then.
  const marks = await database.rows(
    `SELECT count(*) FILTER (WHERE decode(value) = $1) FROM parquet_kv_metadata(${paths}) WHERE decode(key) = 'columns'`,
    [columnsMark(columns)],
  );
  const same = Number(marks[0]?.[0]) === files.length;
  const own = same ? columns.map((column) => name(column.name)) : ownColumns(columns);
  return `SELECT ${[...base, ...own].join(', ')} FROM read_parquet(${paths}, union_by_name = ${!same})`;
}

export function noRows(columns: readonly Column[]): string {
  const typed = [...ROW_COLUMNS, ...columns];
  return `SELECT ${typed.map(({ name: as, type }) => `CAST(NULL AS ${type}) AS ${name(as)}`).join(', ')} WHERE false`;
}

/** The lines of files of NDJSON. What they are is not looked at. */
export function ndjsonLines(files: readonly string[]): string {
  const options = [
    `columns = {line: 'VARCHAR'}`,
    'auto_detect = false',
    'header = false',
    `delim = '\x01'`,
    `quote = ''`,
    `escape = ''`,
    `max_line_size = ${LINE_BYTES_MAX}`,
    `buffer_size = ${LINE_BYTES_MAX}`,
  ];
  return `SELECT line FROM read_csv(${list(files.map(text))}, ${options.join(', ')})`;
}
