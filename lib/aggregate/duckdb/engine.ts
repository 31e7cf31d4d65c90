/** The engine of jobs: DuckDB on local disk, in bounded memory. Each piece of work has a database of its own. */
import path from 'node:path';
import type { Engine } from '../ports.ts';
import { check } from './check.ts';
import { compact } from './compact.ts';
import { Database, inAnyCase } from './database.ts';
import { hash } from './hash.ts';
import { rollup, rollupFile } from './rollup.ts';
import { copyTo, EXTENSIONS, ZSTD } from './rows.ts';
import { text } from './sql.ts';
import { noRows } from './stored.ts';

export interface DuckDbOptions {
  /** Beside what the process has without it, in bytes. Default: 512 MiB. */
  readonly memoryBytesMax?: number;
}

const MEMORY_BYTES_MAX = 512 * 1024 * 1024;

export function duckDbEngine({ memoryBytesMax = MEMORY_BYTES_MAX }: DuckDbOptions = {}): Engine {
  const optionsIn = (directory: string | null) => ({ directory, memoryBytesMax });
  const opening = (directory: string | null) => () => Database.open(optionsIn(directory));

  /** What `copy` makes in `directory`: a file of this name. */
  async function copied(directory: string, name: string, copy: (file: string) => string): Promise<string> {
    const database = await opening(directory)();
    try {
      const file = path.join(directory, name);
      await database.run(copy(file));
      return file;
    } finally {
      database.close();
    }
  }

  return {
    compact: (work) => compact(work, opening(work.directory)),
    rollup: (work) => inAnyCase(optionsIn(work.directory), (open) => rollup(work, open)),
    rollupFile: (work) => inAnyCase(optionsIn(work.directory), (open) => rollupFile(work, open)),
    check: (job) => check(job, opening(null)),
    hash: (work) => inAnyCase(optionsIn(work.directory), (open) => hash(work, open)),
    empty: ({ format, columns, directory }) =>
      copied(directory, `empty.${EXTENSIONS[format]}`, (file) =>
        copyTo(file, format, noRows(columns), columns, 1),
      ),
    emptyLike: ({ file: like, directory }) =>
      copied(
        directory,
        'empty-like.parquet',
        (file) =>
          `COPY (FROM read_parquet(${text(like)}) LIMIT 0) TO ${text(file)} (FORMAT parquet, ${ZSTD})`,
      ),
  };
}
