/**
 * The plainest Parquet there is: required columns, PLAIN encoding, no compression, one page a column and row group
 * (Apache Parquet format, "parquet.thrift"; Thrift's compact protocol).
 *
 * It hands rows over to DuckDB. Values of any bytes and any length go through as they are, DuckDB reads it at the speed of
 * memory, only the columns that it needs, in row groups side by side. (A text format would have to be escaped, parsed and
 * joined to the records' names by line number. Packages that write Parquet take each value as an object of its own.)
 */

export type ParquetType = 'int32' | 'int64' | 'timestamp-ms' | 'utf8';

export interface ParquetColumn<Name extends string = string> {
  readonly name: Name;
  readonly type: ParquetType;
}

/** Where a row group is. */
export interface RowGroup {
  readonly rows: number;
  /** Of each column: where its page starts in the file, and its length with the page's header. */
  readonly chunks: readonly { readonly at: number; readonly bytes: number }[];
}

export const MAGIC = Buffer.from('PAR1');

/** Physical type, and converted type or null, as numbers of parquet.thrift. */
const TYPES: Readonly<Record<ParquetType, readonly [number, number | null]>> = {
  int32: [1, null],
  int64: [2, null],
  'timestamp-ms': [2, 9],
  utf8: [6, 0],
};
const PLAIN = 0;
const RLE = 3;
const REQUIRED = 0;
const UNCOMPRESSED = 0;
const DATA_PAGE = 0;

/** What comes before `bytes` bytes of `rows` values. */
export function pageHeader(rows: number, bytes: number): Buffer {
  return new Struct()
    .int32(1, DATA_PAGE)
    .int32(2, bytes)
    .int32(3, bytes)
    .struct(5, new Struct().int32(1, rows).int32(2, PLAIN).int32(3, RLE).int32(4, RLE))
    .end();
}

/** The end of a file: what it holds, and where. */
export function footer(columns: readonly ParquetColumn[], rowGroups: readonly RowGroup[]): Buffer {
  const root = new Struct().text(4, 'rows').int32(5, columns.length);
  const leaves = columns.map(({ name, type }) => {
    const [physical, converted] = TYPES[type];
    const leaf = new Struct().int32(1, physical).int32(3, REQUIRED).text(4, name);
    return converted === null ? leaf : leaf.int32(6, converted);
  });
  const groups = rowGroups.map(({ rows, chunks }) => {
    const described = chunks.map(({ at, bytes }, index) => {
      const { name = '', type = 'utf8' } = columns[index] ?? {};
      const meta = new Struct()
        .int32(1, TYPES[type][0])
        .int32s(2, [PLAIN])
        .texts(3, [name])
        .int32(4, UNCOMPRESSED)
        .int64(5, rows)
        .int64(6, bytes)
        .int64(7, bytes)
        .int64(9, at);
      return new Struct().int64(2, at).struct(3, meta);
    });
    const total = chunks.reduce((sum, { bytes }) => sum + bytes, 0);
    return new Struct().structs(1, described).int64(2, total).int64(3, rows);
  });
  const rows = rowGroups.reduce((sum, group) => sum + group.rows, 0);
  const metadata = new Struct()
    .int32(1, 1)
    .structs(2, [root, ...leaves])
    .int64(3, rows)
    .structs(4, groups)
    .end();
  const length = Buffer.alloc(4);
  length.writeUInt32LE(metadata.length);
  return Buffer.concat([metadata, length, MAGIC]);
}

/** Types of fields in Thrift's compact protocol. */
const I32 = 5;
const I64 = 6;
const BINARY = 8;
const LIST = 9;
const STRUCT = 12;

/** Fields have to be added by rising number, none more than 15 after the one before. */
class Struct {
  readonly #bytes: Buffer[] = [];
  #last = 0;

  int32 = (field: number, value: number): this => this.#field(field, I32, zigzag(value));
  int64 = (field: number, value: number): this => this.#field(field, I64, zigzag(value));
  text = (field: number, value: string): this => this.#field(field, BINARY, binary(value));
  struct = (field: number, value: Struct): this => this.#field(field, STRUCT, value.end());
  int32s = (field: number, values: readonly number[]): this =>
    this.#field(field, LIST, listOf(I32, values.map(zigzag)));
  texts = (field: number, values: readonly string[]): this =>
    this.#field(field, LIST, listOf(BINARY, values.map(binary)));
  structs = (field: number, values: readonly Struct[]): this =>
    this.#field(
      field,
      LIST,
      listOf(
        STRUCT,
        values.map((value) => value.end()),
      ),
    );

  end(): Buffer {
    return Buffer.concat([...this.#bytes, Buffer.of(0)]);
  }

  #field(field: number, type: number, value: Buffer): this {
    this.#bytes.push(Buffer.of(((field - this.#last) << 4) | type), value);
    this.#last = field;
    return this;
  }
}

const LIST_SHORT_MAX = 14;

function listOf(type: number, values: readonly Buffer[]): Buffer {
  const short = values.length <= LIST_SHORT_MAX;
  const head = Buffer.of(((short ? values.length : 15) << 4) | type);
  return Buffer.concat([head, ...(short ? [] : [varint(values.length)]), ...values]);
}

function binary(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([varint(bytes.length), bytes]);
}

/** Of a number that is not negative: all of ours. */
const zigzag = (value: number): Buffer => varint(2 * value);

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}
