/** A DuckDB of our own in memory, with bounds, for one piece of work. The only file that imports the package. */
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { type DuckDBConnection, DuckDBInstance, type DuckDBValue, StatementType } from '@duckdb/node-api';
import { list, text } from './sql.ts';

export interface DatabaseOptions {
  /** For what does not fit into memory; null: nothing may. */
  readonly directory: string | null;
  readonly memoryBytesMax: number;
  /** By one thread, with more memory for each row: they can be large. */
  readonly oneThread?: boolean;
}

/** Each thread has buffers of its own. */
const THREADS = Math.min(4, availableParallelism());
/**
 * What DuckDB may count of the memory that the work may take. Beside it are the library, buffers of files in the making,
 * which it does not count, and what the allocator keeps.
 */
const COUNTED_SHARE = 0.35;
const COUNTED_SHARE_OF_ONE = 0.8;

const limit = (bytes: number): string => `${Math.floor(bytes / 1024)}KiB`;

/** DuckDB refused or failed. What it says can quote rows, so it goes no further than to whoever wrote the SQL. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
  /** DuckDB's name for the kind of error, such as `Conversion`. */
  readonly type: string;
  readonly #detail: string;

  constructor(detail: string) {
    // The message starts with the type; the package passes on nothing else of it.
    const type = /^([A-Z][A-Za-z ]*?) Error: /.exec(detail)?.[1] ?? 'Unknown';
    super(`DuckDB failed: ${type}.`);
    this.type = type;
    this.#detail = detail;
  }

  /** What DuckDB says: with line and place, but perhaps with values of rows. No logger shows it by itself. */
  get detail(): string {
    return this.#detail;
  }

  /** It may go well elsewhere, or with more room. */
  get isOfMachine(): boolean {
    return MACHINE.has(this.type);
  }
}

const isOutOfMemory = (error: unknown): boolean =>
  error instanceof DatabaseError && error.type === 'Out of Memory';

const MACHINE: ReadonlySet<string> = new Set([
  'Out of Memory',
  'IO',
  'FATAL',
  'INTERNAL',
  'INTERRUPT',
  'Unknown',
]);

export type Open = () => Promise<Database>;

/**
 * Work on a database of its own; once more by one thread, if several have not enough memory: each has rows of its own at
 * hand, and a row can be large.
 */
export async function inAnyCase<T>(
  options: Omit<DatabaseOptions, 'oneThread'>,
  work: (open: Open) => Promise<T>,
): Promise<T> {
  return work(() => Database.open(options)).catch((error: unknown) => {
    if (!isOutOfMemory(error)) throw error;
    return work(() => Database.open({ ...options, oneThread: true }));
  });
}

export class Database {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #memoryBytesMax: number;

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection, memoryBytesMax: number) {
    this.#instance = instance;
    this.#connection = connection;
    this.#memoryBytesMax = memoryBytesMax;
  }

  static async open({ directory, memoryBytesMax, oneThread = false }: DatabaseOptions): Promise<Database> {
    const instance = await DuckDBInstance.create(':memory:', {
      threads: String(THREADS),
      memory_limit: limit(memoryBytesMax * COUNTED_SHARE),
      temp_directory: directory === null ? '' : spillDirectory(directory),
      preserve_insertion_order: 'true',
      // Nothing is fetched: what is not in the library is not there.
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    const database = new Database(instance, await instance.connect(), memoryBytesMax);
    if (oneThread) await database.useOneThread();
    return database;
  }

  /** From now on, nothing but `files` and what is in memory can be read, and no setting changes. */
  async lockDown(files: readonly string[], directory: string | null): Promise<void> {
    const directories = directory === null ? [] : [spillDirectory(directory)];
    await this.run(`SET allowed_paths = ${list(files.map(text))}`);
    await this.run(`SET allowed_directories = ${list(directories.map(text))}`);
    await this.run('SET enable_external_access = false');
    await this.run('SET lock_configuration = true');
  }

  async run(sql: string, values?: DuckDBValue[]): Promise<void> {
    await told(this.#connection.run(sql, values));
  }

  /** From now on, `getvariable(name)` is `value`. */
  async set(name: string, value: string): Promise<void> {
    await this.run(`SET VARIABLE ${name} = ${value}`);
  }

  /** The same as `run`; by one thread, if several have not enough memory. Nothing is left of what did not go well. */
  async runInAnyCase(sql: string): Promise<void> {
    await this.run(sql).catch(async (error: unknown) => {
      if (!isOutOfMemory(error)) throw error;
      await this.useOneThread();
      await this.run(sql);
    });
  }

  /** With more memory for each row, from now on. */
  async useOneThread(): Promise<void> {
    await this.run('SET threads = 1');
    await this.run(`SET memory_limit = '${limit(this.#memoryBytesMax * COUNTED_SHARE_OF_ONE)}'`);
  }

  /** All rows, each a list of values. */
  async rows(sql: string, values?: DuckDBValue[]): Promise<DuckDBValue[][]> {
    const reader = await told(this.#connection.runAndReadAll(sql, values));
    return reader.getRows();
  }

  /** Rows as they are made, some at a time. */
  async *stream(sql: string): AsyncGenerator<DuckDBValue[]> {
    const result = await told(this.#connection.stream(sql));
    for (;;) {
      const chunk = await told(result.fetchChunk());
      if (chunk === null || chunk.rowCount === 0) return;
      yield* chunk.getRows();
    }
  }

  /** The result's columns of the one SELECT that `sql` has to be, or null if it is something else. */
  async select(sql: string): Promise<readonly { readonly name: string; readonly type: string }[] | null> {
    // With one of ours behind it: the package fails on a text that has no statement.
    const statements = await told(this.#connection.extractStatements(`${sql}\n;SELECT 1`));
    if (statements.count !== 2) return null;
    const prepared = await told(statements.prepare(0));
    try {
      if (prepared.statementType !== StatementType.SELECT) return null;
      return Array.from({ length: prepared.columnCount }, (_, at) => ({
        name: prepared.columnName(at),
        type: String(prepared.columnType(at)),
      }));
    } finally {
      prepared.destroySync();
    }
  }

  close(): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}

const spillDirectory = (directory: string): string => path.join(directory, 'duckdb');

async function told<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new DatabaseError(message.replace(/^Failed to extract statements: /, ''));
  }
}
