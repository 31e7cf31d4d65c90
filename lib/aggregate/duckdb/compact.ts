/** Ranges of logs → files of rows, one a window. */
import { rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { CommitScan } from '../../reader/scan.ts';
import type { Compacted, CompactWork, RangeBytes, RowFile } from '../ports.ts';
import type { Database } from './database.ts';
import { badRows } from './rollup.ts';
import { copyTo, EPOCH, EXTENSIONS, LOG, ownColumns, SPOOLED_ROW } from './rows.ts';
import { Spool, type Spooled } from './spool.ts';
import { list, name, text } from './sql.ts';
import { identitiesOf } from './stored.ts';

export const WINDOW_MS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;

/** What the ranges hold, on disk. */
interface Read {
  readonly spooled: readonly Spooled[];
  readonly ranges: readonly Pick<RangeBytes, 'family' | 'object'>[];
  readonly records: number;
  readonly uncoveredBytes: number;
}

export async function compact(work: CompactWork, open: () => Promise<Database>): Promise<Compacted> {
  const { spooled, ranges, records, uncoveredBytes } = await read(work);
  if (records === 0) return { files: [], records, repeats: 0, uncoveredBytes, hash: 0n };
  const database = await open();
  try {
    await database.set('objects', list(ranges.map(({ object }) => text(object))));
    await database.set('logs', list(ranges.map(({ family }) => text(family))));
    await findRepeats(database, spooled, work.earlier);
    await database.set('repeats', `(SELECT bitstring_agg("row", 0, ${records - 1}) FROM repeats)`);
    const [bits] = await database.rows(`SELECT COALESCE(bit_count(getvariable('repeats')), 0)`);
    const repeats = Number(bits?.[0]);
    const files: RowFile[] = [];
    let hash = 0n;
    // Two threads make a file by more than twice the memory of one, and take a fifth more CPU.
    await database.useOneThread();
    for (const one of spooled) {
      const kept = await write(database, one, work, repeats > 0);
      if (kept !== null) files.push(kept.file);
      hash += kept?.hash ?? 0n;
      await rm(one.path);
    }
    return { files, records, repeats, uncoveredBytes, hash: BigInt.asUintN(64, hash) };
  } finally {
    database.close();
  }
}

async function read({ ranges, window, directory, onProgress }: CompactWork): Promise<Read> {
  const spool = new Spool(directory, WINDOW_MS[window]);
  const seen: Pick<RangeBytes, 'family' | 'object'>[] = [];
  let bytes = 0;
  let coveredBytes = 0;
  for (const { object, family, from, pieces } of ranges) {
    const number = seen.push({ object, family }) - 1;
    const scan = new CommitScan({ from });
    for await (const piece of pieces) {
      for (const found of scan.push(piece)) spool.add(number, family, found);
      bytes += piece.length;
      onProgress?.(bytes);
    }
    coveredBytes += scan.coveredBytes;
  }
  return { spooled: spool.end(), ranges: seen, records: spool.rows, uncoveredBytes: bytes - coveredBytes };
}

/**
 * Table `repeats`: the rows whose identity came before, in the ranges or in an earlier file; some of them twice. Hashes
 * find those that may be repeats in little memory, then the names themselves decide.
 */
async function findRepeats(
  database: Database,
  spooled: readonly Spooled[],
  earlier: AsyncIterable<string>,
): Promise<void> {
  const files = list(spooled.map((one) => text(one.path)));
  await database.run(
    `CREATE VIEW identities AS SELECT "row", identity, ${LOG} AS log, source, ${EPOCH} AS epoch, id
     FROM read_parquet(${files})`,
  );
  await database.run(
    `CREATE TABLE suspects AS SELECT identity FROM read_parquet(${files}) GROUP BY identity HAVING count(*) > 1`,
  );
  await database.run(
    `CREATE TABLE repeats AS SELECT "row" FROM (
       SELECT "row", row_number() OVER (PARTITION BY log, source, epoch, id ORDER BY "row") AS nth
       FROM identities WHERE identity IN (FROM suspects)
     ) WHERE nth > 1`,
  );
  await database.run('DROP TABLE suspects');
  const hash = 'hash(log, source, epoch, id)';
  let hasHashes = false;
  for await (const file of earlier) {
    if (!hasHashes) await database.runInAnyCase(`CREATE TABLE hashes AS SELECT ${hash} AS h FROM identities`);
    hasHashes = true;
    await badRows(
      // What is kept in memory to look up in is of the new records, or of the earlier ones if they are fewer.
      database.runInAnyCase(
        `CREATE OR REPLACE TABLE suspects AS
         SELECT h FROM (SELECT ${hash} AS h FROM (${identitiesOf(file)})) SEMI JOIN hashes USING (h)`,
      ),
    );
    await database.runInAnyCase(
      `INSERT INTO repeats SELECT i."row" FROM (FROM identities WHERE ${hash} IN (FROM suspects)) i
       SEMI JOIN (FROM (${identitiesOf(file)}) WHERE ${hash} IN (FROM suspects)) e
       ON e.id = i.id AND e.source = i.source AND e.log = i.log AND e.epoch IS NOT DISTINCT FROM i.epoch
       WHERE EXISTS (FROM suspects)`,
    );
  }
}

/**
 * Nothing is joined while rows are written: what DuckDB makes of a join has no order. So repeats are bits of one value,
 * and objects and their logs are lists.
 */
async function write(
  database: Database,
  { windowMs, path: spool, rows, dataBytes }: Spooled,
  { directory, format, columns, sort }: CompactWork,
  hasRepeats: boolean,
): Promise<{ file: RowFile; hash: bigint } | null> {
  const isFirst = hasRepeats ? `WHERE get_bit(getvariable('repeats'), CAST("row" AS INTEGER)) = 0` : '';
  const kept = `FROM read_parquet(${text(spool)}) ${isFirst}`;
  const [sums] = await database.rows(`SELECT count(*), sum(content) ${kept}`);
  const [count, sum] = [Number(sums?.[0]), sums?.[1]];
  if (count === 0 || typeof sum !== 'bigint') return null;
  const order = sort.length === 0 ? '' : `ORDER BY ${[...sort.map(name), '"row"'].join(', ')}`;
  const select = `SELECT ${[SPOOLED_ROW, ...ownColumns(columns)].join(', ')} ${kept} ${order}`;
  const file = path.join(directory, `${windowMs}.${EXTENSIONS[format]}`);
  await database.run(copyTo(file, format, select, columns, dataBytes / rows));
  const { size } = await stat(file);
  return { file: { windowMs, path: file, rows: count, bytes: size }, hash: sum };
}
