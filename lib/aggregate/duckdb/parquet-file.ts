/** Writes a Parquet file (`parquet.ts`), a row group at a time. Nothing is held open between row groups. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { ByteColumn } from './columns.ts';
import { footer, MAGIC, type ParquetColumn, pageHeader, type RowGroup } from './parquet.ts';

export class ParquetFile<Name extends string> {
  readonly path: string;
  readonly #schema: readonly ParquetColumn<Name>[];
  readonly #groups: RowGroup[] = [];
  #columns: Readonly<Record<Name, ByteColumn>> | null = null;
  #fileBytes = 0;

  constructor(path: string, schema: readonly ParquetColumn<Name>[]) {
    this.path = path;
    this.#schema = schema;
  }

  /** Of the row group in the making; each takes one value a row. */
  get columns(): Readonly<Record<Name, ByteColumn>> {
    this.#columns ??= Object.fromEntries(this.#schema.map(({ name }) => [name, new ByteColumn()])) as Record<
      Name,
      ByteColumn
    >;
    return this.#columns;
  }

  /** Of the row group in the making. */
  get bytes(): number {
    return this.#schema.reduce((sum, { name }) => sum + this.columns[name].length, 0);
  }

  /** Writes the row group. Its memory is used again, if it is to be kept. */
  flush(rows: number, keep: boolean): void {
    const parts: Uint8Array[] = this.#fileBytes === 0 ? [MAGIC] : [];
    let at = this.#fileBytes + (parts[0]?.length ?? 0);
    const chunks = this.#schema.map(({ name }) => {
      const { bytes } = this.columns[name];
      const header = pageHeader(rows, bytes.length);
      parts.push(header, bytes);
      const chunk = { at, bytes: header.length + bytes.length };
      at += chunk.bytes;
      return chunk;
    });
    this.#append(parts);
    this.#groups.push({ rows, chunks });
    if (!keep) this.#columns = null;
    else for (const { name } of this.#schema) this.columns[name].clear();
  }

  /** Writes what a reader needs last. */
  end(): void {
    this.#append([...(this.#fileBytes === 0 ? [MAGIC] : []), footer(this.#schema, this.#groups)]);
    this.#columns = null;
  }

  #append(parts: readonly Uint8Array[]): void {
    const file = openSync(this.path, 'a');
    try {
      for (const part of parts) this.#fileBytes += writeAll(file, part);
    } finally {
      closeSync(file);
    }
  }
}

function writeAll(file: number, bytes: Uint8Array): number {
  for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
  return bytes.length;
}
