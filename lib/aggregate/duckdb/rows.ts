/** The rows that jobs make of records, as SQL: their columns, and how a file holds them. */
import type { Column, RowFormat } from '../ports.ts';
import { NO_EPOCH } from './spool.ts';
import { list, name, text } from './sql.ts';

/** Types whose values a JSON text holds as a string or a number; others are made of the JSON itself. */
const SCALAR = /^[a-z_ ]+(\(\s*\d+\s*(,\s*\d+\s*)?\))?$/i;
const NESTED = /^(json|variant|struct|map|union|row)\b/i;
const isScalar = (type: string): boolean => SCALAR.test(type.trim()) && !NESTED.test(type.trim());

/**
 * Expressions of own columns, over `data`. Each record is parsed once for all scalars and once for all others; a record
 * that is no JSON, which no writer of ours lets in, has none.
 */
export function ownColumns(columns: readonly Column[]): string[] {
  const scalars = columns.filter(({ type }) => isScalar(type));
  const others = columns.filter(({ type }) => !isScalar(type));
  return columns.map((column) => {
    const { name: as, type } = column;
    const group = isScalar(type) ? scalars : others;
    const extract = isScalar(type) ? 'json_extract_string' : 'json_extract';
    const paths = list(group.map(({ path }) => text(path)));
    return `TRY_CAST(TRY(${extract}(data, ${paths}))[${group.indexOf(column) + 1}] AS ${type}) AS ${name(as)}`;
  });
}

/** Of a spooled record; the variables `logs` and `objects` have a value a range. */
export const LOG = `getvariable('logs')[object + 1]`;
export const EPOCH = `NULLIF(epoch, ${NO_EPOCH})`;

/** A row's first columns, of the spool. */
export const SPOOLED_ROW = [
  'id',
  'source',
  `${EPOCH} AS epoch`,
  '"time"',
  `${LOG} AS log`,
  `getvariable('objects')[object + 1] AS object`,
  '"start"',
  '"end"',
  'record',
  'data',
].join(', ');

/** One row as a line of NDJSON. `data` is its text as it is. */
export function ndjsonLine(columns: readonly Column[]): string {
  const json = (column: string) => `to_json(${column})`;
  const field = (key: string, value: string) => `${text(`,${JSON.stringify(key)}:`)}, ${value}`;
  const own = columns.map(({ name: key }) => field(key, `COALESCE(${finite(key)}, 'null')`));
  const parts = [
    `'{"id":'`,
    json('id'),
    field('source', json('source')),
    field('epoch', `COALESCE(CAST(epoch AS VARCHAR), 'null')`),
    field('time', `strftime("time", '"%Y-%m-%dT%H:%M:%S.%gZ"')`),
    field('log', json('log')),
    field('object', json('object')),
    field('start', '"start"'),
    field('end', '"end"'),
    field('record', 'record'),
    // What is no JSON, which no writer of ours lets in, becomes a string.
    field('data', `IF(json_valid(data), data, CAST(to_json(data) AS VARCHAR))`),
    ...own,
    `'}'`,
  ];
  return `concat(${parts.join(', ')})`;
}

/** JSON has no numbers that are not finite. */
const finite = (column: string) =>
  `CAST(TRY(CASE WHEN CAST(to_json(${name(column)}) AS VARCHAR) IN ('NaN', 'Infinity', '-Infinity') THEN NULL ELSE to_json(${name(column)}) END) AS VARCHAR)`;

export const EXTENSIONS: Readonly<Record<RowFormat, string>> = {
  parquet: 'parquet',
  'ndjson-gzip': 'ndjson.gz',
  'ndjson-zstd': 'ndjson.zst',
};

/** Rows of one group of a Parquet file take about so much: what is being written is in memory. */
const GROUP_BYTES = 32 * 1024 * 1024;
const GROUP_ROWS_MAX = 61_440;

/** The lowest level takes half of the CPU of the default, 3, and its files were not larger. */
export const ZSTD = 'COMPRESSION zstd, COMPRESSION_LEVEL 1';

/** `COPY` of `select`, with all of a row's columns, to a file. `rowBytes` is about what one takes. */
export function copyTo(
  file: string,
  format: RowFormat,
  select: string,
  columns: readonly Column[],
  rowBytes: number,
): string {
  if (format === 'parquet') {
    const rows = Math.max(1, Math.min(GROUP_ROWS_MAX, Math.floor(GROUP_BYTES / Math.max(1, rowBytes))));
    const metadata = `KV_METADATA {columns: ${text(columnsMark(columns))}}`;
    return `COPY (${select}) TO ${text(file)} (FORMAT parquet, ${ZSTD}, ROW_GROUP_SIZE ${rows}, ${metadata})`;
  }
  const compression = format === 'ndjson-gzip' ? 'gzip' : 'zstd';
  // Text with nothing to quote it by: the lines as they are.
  const asLines = `FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01', COMPRESSION ${compression}`;
  return `COPY (SELECT ${ndjsonLine(columns)} AS line FROM (${select})) TO ${text(file)} (${asLines})`;
}

/** What a Parquet file says of the columns of the job's own in it. */
export const columnsMark = (columns: readonly Column[]): string =>
  JSON.stringify(columns.map(({ name: as, path, type }) => [as, path, type]));
