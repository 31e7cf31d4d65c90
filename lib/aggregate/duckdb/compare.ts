/** Rows of files against the records of logs, one by one, on disk where memory does not do. */
import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Comparer, CompareWork, Comparison, Difference } from '../../audit/comparer.ts';
import { FACT_COLUMNS } from '../../audit/facts.ts';
import { contentHash } from '../content-hash.ts';
import { type Database, type DatabaseOptions, inAnyCase } from './database.ts';
import { type StoredRow, storedRows } from './records.ts';
import { badRows } from './rollup.ts';
import { text } from './sql.ts';

/** In no key (PROTOCOL.md §7). */
const DELIMITER = '\x01';
/** No line is as long as this. DuckDB's own buffers are of 32 MB, and those for JSON are not to be had smaller. */
const LINE_BYTES_MAX = 64 * 1024;
const LINES = `auto_detect = false, header = false, quote = '', escape = '', max_line_size = ${LINE_BYTES_MAX},
       buffer_size = ${16 * LINE_BYTES_MAX}`;

export function duckDbComparer({ memoryBytesMax }: Pick<DatabaseOptions, 'memoryBytesMax'>): Comparer {
  return {
    compare: (work) =>
      inAnyCase({ directory: work.directory, memoryBytesMax }, async (open) => {
        const database = await open();
        try {
          await loadFacts(database, work);
          await badRows(loadRows(database, work));
          return await compared(database);
        } finally {
          database.close();
        }
      }),
  };
}

/** Table `objects`, and view `facts`: records as far as the job has committed them. */
async function loadFacts(database: Database, { facts, objects }: CompareWork): Promise<void> {
  await database.run(
    `CREATE TABLE objects AS SELECT UNNEST(from_json(CAST($1 AS JSON),
       '[{"number":"INTEGER","key":"VARCHAR","end":"BIGINT"}]'), recursive := true)`,
    [JSON.stringify(objects)],
  );
  const types = {
    identity: 'UBIGINT',
    content: 'UBIGINT',
    object: 'INTEGER',
    start: 'BIGINT',
    record: 'INTEGER',
  };
  const columns = FACT_COLUMNS.map((column) => `${column}: '${types[column]}'`).join(', ');
  await database.run(
    `CREATE VIEW facts AS SELECT f.identity, f.content, o.key AS object, f.start, f.record
     FROM read_csv(${text(facts)}, columns = {${columns}}, delim = ',', ${LINES}) f
     JOIN objects o ON o.number = f.object AND f.start < o."end"`,
  );
}

/** View `rows`: the same of the files. */
async function loadRows(database: Database, { files, directory }: CompareWork): Promise<void> {
  const hashed = path.join(directory, 'rows');
  const lines = files.length === 0 ? [] : hashedLines(storedRows(database, files));
  await pipeline(Readable.from(lines), createWriteStream(hashed));
  await database.run(
    `CREATE VIEW rows AS FROM read_csv(${text(hashed)}, delim = ${text(DELIMITER)}, ${LINES},
       columns = {identity: 'UBIGINT', content: 'UBIGINT', object: 'VARCHAR', "start": 'BIGINT', record: 'INTEGER'})`,
  );
}

async function* hashedLines(rows: AsyncIterable<StoredRow>): AsyncGenerator<string> {
  for await (const { object, start, record, ...row } of rows) {
    const [identity, content] = [contentHash({ ...row, data: '' }), contentHash(row)];
    yield `${[identity, content, object, start, record].join(DELIMITER)}\n`;
  }
}

async function compared(database: Database): Promise<Comparison> {
  const [counts] = await database.rows(
    'SELECT (SELECT count(*) FROM facts), (SELECT count(DISTINCT identity) FROM facts), count(*), sum(content) FROM rows',
  );
  const [records, distinct, rows, sum] = counts ?? [];
  const retired = 'object NOT IN (SELECT key FROM objects)';
  const [ofRetired] = await database.rows(`SELECT count(*) FROM rows WHERE ${retired}`);
  const difference = async (select: string): Promise<Difference> => {
    const [first] = await database.rows(
      `SELECT count(*) OVER (), object, "start", record FROM (${select}) ORDER BY object, "start", record LIMIT 1`,
    );
    if (first === undefined) return { count: 0, first: null };
    const [count, object, start, record] = first;
    return {
      count: Number(count),
      first: { object: String(object), start: Number(start), record: Number(record) },
    };
  };
  return {
    records: Number(records),
    distinct: Number(distinct),
    rows: Number(rows),
    hash: typeof sum === 'bigint' ? BigInt.asUintN(64, sum) : 0n,
    rowsOfRetired: Number(ofRetired?.[0]),
    missing: await difference('FROM facts f ANTI JOIN rows r ON r.identity = f.identity'),
    unknown: await difference(
      `FROM (FROM rows WHERE NOT (${retired})) r ANTI JOIN facts f ON f.identity = r.identity AND f.content = r.content`,
    ),
    twice: await difference(
      'FROM (SELECT *, row_number() OVER (PARTITION BY identity ORDER BY object, "start", record) AS nth FROM rows) WHERE nth > 1',
    ),
  };
}
