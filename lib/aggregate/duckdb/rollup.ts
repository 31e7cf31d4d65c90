/** SQL of a job over the records of a window. It sees the view `records` and nothing else: no file, no network, no setting. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { EngineError, type RolledUpRow, type RollupWork, type RowFile } from '../ports.ts';
import { type Database, DatabaseError } from './database.ts';
import { ZSTD } from './rows.ts';
import { list, name, text } from './sql.ts';
import { isParquet, rowsOf } from './stored.ts';

/** Rows go into one append with a commit line that names them, so they have to fit (PROTOCOL.md §3.6). */
const ROWS_BYTES_MAX = 32 * 1024 * 1024;
/** Columns of a file of rows of a rollup, before those of the SQL. */
export const ROLLUP_COLUMNS: readonly string[] = ['window', 'revision', 'row', 'rows'];

export interface ResultColumn {
  readonly name: string;
  readonly type: string;
}

export async function rollup(
  work: RollupWork,
  open: () => Promise<Database>,
): Promise<readonly RolledUpRow[]> {
  const database = await open();
  try {
    await make(database, work, work.files);
    const rows: RolledUpRow[] = [];
    let bytes = 0;
    for await (const [key, json] of database.stream('SELECT key, json FROM made ORDER BY place')) {
      const row = { key: String(key), json: String(json) };
      bytes += row.key.length + row.json.length;
      if (bytes > ROWS_BYTES_MAX) {
        const message = `The SQL gives more than ${ROWS_BYTES_MAX} bytes of rows. Aggregate further, or write them to files (into.files).`;
        throw new EngineError('TooLarge', message);
      }
      rows.push(row);
    }
    return rows;
  } finally {
    database.close();
  }
}

export async function rollupFile(
  work: RollupWork & { readonly revision: number },
  open: () => Promise<Database>,
): Promise<RowFile> {
  const { windowMs, revision, directory } = work;
  const database = await open();
  try {
    const file = path.join(directory, `rollup-${windowMs}.parquet`);
    const columns = await make(database, work, [...work.files, file]);
    const [counted] = await database.rows('SELECT count(*) FROM made');
    const rows = Number(counted?.[0]);
    const values = [
      `make_timestamp(${windowMs} * 1000) AS "window"`,
      `CAST(${revision} AS BIGINT) AS revision`,
      `made.key AS "row"`,
      `CAST(${rows} AS BIGINT) AS "rows"`,
      ...columns.map((column) => `made.result.${name(column.name)} AS ${name(column.name)}`),
    ];
    const select = `SELECT ${values.join(', ')} FROM made ORDER BY made.place`;
    await database.run(`COPY (${select}) TO ${text(file)} (FORMAT parquet, ${ZSTD})`);
    const { size } = await stat(file);
    return { windowMs, path: file, rows, bytes: size };
  } finally {
    database.close();
  }
}

/** The result's columns. Throws `EngineError` if `sql` is not one SELECT, or none whose rows can be told apart. */
export async function resultColumns(
  database: Database,
  sql: string,
  rowKey: readonly string[],
): Promise<readonly ResultColumn[]> {
  const columns = await badSql(database.select(sql), ({ detail }) => detail);
  if (columns === null) throw new EngineError('BadSql', 'The SQL has to be one SELECT.');
  const names = columns.map((column) => column.name.toLowerCase());
  const twice = names.find((one, at) => names.indexOf(one) !== at);
  if (twice !== undefined)
    throw new EngineError('BadSql', `Two columns are named "${twice}". Name them apart with AS.`);
  const ours = names.find((one) => ROLLUP_COLUMNS.includes(one));
  if (ours !== undefined) {
    throw new EngineError(
      'BadSql',
      `A column is named "${ours}", as one that every row has. Name it otherwise with AS.`,
    );
  }
  const missing = rowKey.find((key) => !names.includes(key.toLowerCase()));
  if (missing !== undefined)
    throw new EngineError('BadSql', `The row key "${missing}" is no column of the result.`);
  return columns;
}

/**
 * Table `made`: of each row of the result its place, key and JSON, and the row itself as `result`. From now on `open`
 * are the only files that can be touched; the SQL, one SELECT, can but read them.
 */
async function make(
  database: Database,
  work: RollupWork,
  open: readonly string[],
): Promise<readonly ResultColumn[]> {
  const { files, directory, columns: own, sql, rowKey } = work;
  if (!files.every(isParquet)) throw new EngineError('BadRows', 'SQL runs on rows in Parquet only.');
  const rows = await badRows(rowsOf(database, files, own));
  await database.run(`CREATE VIEW records AS ${rows}`);
  await database.lockDown(open, directory);
  const columns = await resultColumns(database, sql, rowKey);
  const ordered = await isOrdered(database, sql);
  await badSql(database.run(`CREATE VIEW result_of_job AS\n${sql}`), ({ detail }) => detail);

  const values = columns.map((column) => `${name(column.name)} := ${finite(column)}`);
  const json = `CAST(to_json(struct_pack(${values.join(', ')})) AS VARCHAR)`;
  const keys = columns.filter((column) =>
    rowKey.some((key) => key.toLowerCase() === column.name.toLowerCase()),
  );
  // Without an order of its own, the engine's would change from run to run.
  const place = ordered ? 'row_number() OVER ()' : 'row_number() OVER (ORDER BY json)';
  const key =
    rowKey.length === 0
      ? 'CAST(place AS VARCHAR)'
      : `CAST(to_json(${list(keys.map((column) => `CAST(result.${name(column.name)} AS VARCHAR)`))}) AS VARCHAR)`;
  await badSql(
    database.run(
      `CREATE TABLE made AS SELECT place, ${key} AS key, json, result
       FROM (SELECT ${place} - 1 AS place, json, result FROM (SELECT ${json} AS json, r AS result FROM result_of_job r))`,
    ),
    ({ type }) => `The SQL cannot be run on the records of a window: ${type} error.`,
  );
  const [twice] = await database.rows('SELECT count(*) - count(DISTINCT key) FROM made');
  if (Number(twice?.[0]) > 0) {
    throw new EngineError(
      'BadSql',
      `${twice?.[0]} rows have the row key of another. Group by its columns, or name more.`,
    );
  }
  return columns;
}

/** JSON has no numbers that are not finite; they are null, as JavaScript has it. */
function finite({ name: column, type }: ResultColumn): string {
  const value = name(column);
  return type === 'DOUBLE' || type === 'FLOAT' ? `CASE WHEN isfinite(${value}) THEN ${value} END` : value;
}

async function isOrdered(database: Database, sql: string): Promise<boolean> {
  const [row] = await database.rows('SELECT json_serialize_sql(CAST($1 AS VARCHAR))', [sql]);
  const { statements = [] } = JSON.parse(String(row?.[0])) as {
    statements?: { node: { modifiers?: { type: string }[] } }[];
  };
  return statements[0]?.node.modifiers?.some(({ type }) => type === 'ORDER_MODIFIER') ?? false;
}

async function badSql<T>(running: Promise<T>, said: (error: DatabaseError) => string): Promise<T> {
  return running.catch((cause: unknown) => {
    if (!(cause instanceof DatabaseError) || cause.isOfMachine) throw cause;
    throw new EngineError('BadSql', said(cause), { cause });
  });
}

export async function badRows<T>(reading: Promise<T>): Promise<T> {
  return reading.catch((cause: unknown) => {
    if (!(cause instanceof DatabaseError) || cause.isOfMachine) throw cause;
    throw new EngineError(
      'BadRows',
      'A file of rows cannot be read: it is none that a job wrote. Rebuild the group.',
      { cause },
    );
  });
}
