/** The records of files of rows, as a count and a sum. */
import { contentHash } from '../content-hash.ts';
import type { HashWork } from '../ports.ts';
import type { Database } from './database.ts';
import { storedRows } from './records.ts';
import { badRows } from './rollup.ts';

interface Sum {
  readonly rows: number;
  readonly hash: bigint;
}

export async function hash({ files }: HashWork, open: () => Promise<Database>): Promise<Sum> {
  if (files.length === 0) return { rows: 0, hash: 0n };
  const database = await open();
  try {
    return await badRows(sumOf(database, files));
  } finally {
    database.close();
  }
}

async function sumOf(database: Database, files: readonly string[]): Promise<Sum> {
  let rows = 0;
  let sum = 0n;
  for await (const row of storedRows(database, files)) {
    sum += contentHash(row);
    rows++;
  }
  return { rows, hash: BigInt.asUintN(64, sum) };
}
