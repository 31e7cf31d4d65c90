/** `npm run query -- "SELECT …"`: SQL over objects of the bucket, with DuckDB on this machine. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Database } from '../../lib/aggregate/duckdb/database.ts';
import { runCommand, UsageError } from './command.ts';
import { progress } from './progress.ts';
import { fetchObjects, keysOf } from './query/objects.ts';
import { resultTable } from './query/table.ts';
import { openStore, STORE_FLAGS, STORE_HELP } from './store.ts';

const MEMORY_BYTES_MAX = 1024 ** 3;

await runCommand({
  help: `
Ask SQL (DuckDB's) of objects in the bucket. Name them in quotes by their keys, * and ** for any part of them; those objects
are copied to this machine for as long as the query takes.

  npm run query -- "<SELECT …>"

  npm run query -- "SELECT count(*) FROM 'tables/events/**/*.parquet'"
  npm run query -- "FROM read_json('stats/**/*.ndjson')"

  --json           an object a row, a line each, instead of a table
${STORE_HELP}`,
  flags: { json: { type: 'boolean' }, ...STORE_FLAGS },
  async run({ values, positionals: [sql, ...more] }) {
    if (sql === undefined || more.length > 0) throw new UsageError('Write one query, in quotes. See --help.');
    const patterns = keysOf(sql);
    const store = await openStore(values);
    const directory = await mkdtemp(path.join(tmpdir(), 'oss-append-query-'));
    const shown = progress('read');
    try {
      const files = await fetchObjects(store, patterns, directory, (done) => shown.update(done, null));
      shown.end();
      const [lacking] = patterns.filter(({ key }) => !files.has(key));
      if (lacking)
        throw new UsageError(
          `There is no object ${lacking.key}. npm run jobs shows what the jobs have done.`,
        );
      process.stdout.write(await ask(sql, directory, values.json === true));
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
});

async function ask(sql: string, directory: string, isJson: boolean): Promise<string> {
  const database = await Database.open({ directory, memoryBytesMax: MEMORY_BYTES_MAX });
  try {
    await database.run(`SET file_search_path = '${directory.replaceAll("'", "''")}'`);
    const columns = await database.select(sql);
    if (columns === null) throw new UsageError('That is not one SELECT. Write a query that reads.');
    const rows = await database.rows(sql);
    return resultTable(
      columns.map(({ name }) => name),
      rows,
      isJson,
    );
  } catch (error) {
    const detail = error instanceof Error && 'detail' in error ? String(error.detail) : null;
    if (detail === null) throw error;
    throw new UsageError(detail, { cause: error });
  } finally {
    database.close();
  }
}
