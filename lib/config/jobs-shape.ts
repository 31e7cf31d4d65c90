/** The shape of a job in `append.config.ts`. What its parts mean together, and beside targets, is in `jobs.ts`. */
import * as z from 'zod/mini';
import type { Column } from '../aggregate/ports.ts';
import { hint, only, wholeNumber } from './mistakes.ts';
import { templateOf } from './template.ts';

export const JOB_NAME = /^[a-z0-9-]+$/;
/** A name that SQL takes without quotes, if it is none of its own words. */
const COLUMN_NAME = /^[A-Za-z_]\w*$/;
const JSON_PATH = /^\$(?:\.[A-Za-z_][\w-]*|\."[^"]+"|\[\d+\])+$/;
/** Nothing but what types are written with: which there are, the engine knows. */
const COLUMN_TYPE = /^[A-Za-z][\w "(),[\]]*$/;
const MIB = 1024 ** 2;

const LOG = 'the name of a target with format "log"';
const WINDOW = '"minute", "hour" or "day"';
const FORMAT = '"parquet", "ndjson-gzip" or "ndjson-zstd"';
const OUTPUT = 'a directory for each window, such as "tables/orders/day={time:yyyy-MM-dd}/hour={time:HH}"';
const PATH = 'where the value is in a record, such as "$.amount" or "$.items[0].price"';
const TYPE = 'a type of SQL, such as VARCHAR, BIGINT, DOUBLE, DECIMAL(18,2), TIMESTAMP or VARCHAR[]';
const NAMES = 'names of columns, such as ["time"]';
const SQL = 'a query over records, such as "SELECT count(*) AS orders FROM records"';

const oneOf = <const T extends readonly string[]>(values: T, what: string) => z.enum(values, hint(what));
const text = (what: string) =>
  z.string(hint(what)).check(z.refine((value) => value.trim() !== '', hint(what)));
const names = z.optional(z.array(text(NAMES), hint(NAMES)));

const output = z.pipe(
  z.string(hint(OUTPUT)),
  z.transform((value: string, context) => templateOf(value, false, context)),
);
const format = z._default(oneOf(['parquet', 'ndjson-gzip', 'ndjson-zstd'], FORMAT), 'parquet');

const column = z.strictObject(
  {
    path: z.string(hint(PATH)).check(z.regex(JSON_PATH, hint(PATH))),
    type: z.string(hint(TYPE)).check(z.regex(COLUMN_TYPE, hint(TYPE))),
  },
  only('path, type'),
);
const COLUMNS =
  'columns by name, with letters, digits and _ in a name: { amount: { path: "$.amount", type: "DOUBLE" } }';
const columns = z._default(
  z.pipe(
    z.record(z.string().check(z.regex(COLUMN_NAME)), column, hint(COLUMNS)),
    z.transform((named): readonly Column[] =>
      Object.entries(named).map(([name, rest]) => ({ name, ...rest })),
    ),
  ),
  [],
);

const common = {
  source: z.string(hint(LOG)),
  window: oneOf(['minute', 'hour', 'day'], WINDOW),
  columns,
  graceMs: z._default(wholeNumber(0, 86_400_000, 'milliseconds from 0 to 86,400,000 (a day)'), 60_000),
  claimBytesMax: z._default(
    wholeNumber(MIB, 8 * 1024 * MIB, 'bytes from 1,048,576 (1 MiB) to 8,589,934,592 (8 GiB)'),
    1024 * MIB,
  ),
  memoryBytesMax: z._default(
    wholeNumber(128 * MIB, 64 * 1024 * MIB, 'bytes from 134,217,728 (128 MiB) to 68,719,476,736 (64 GiB)'),
    512 * MIB,
  ),
};
const compact = { output, format, sort: names };
const INTO = 'either target, the name of one with format "log", or files, a directory for each window';
const into = z
  .strictObject(
    { target: z.optional(z.string(hint(LOG))), files: z.optional(output) },
    only('target or files'),
  )
  .check(z.refine(({ target, files }) => (target === undefined) !== (files === undefined), hint(INTO)));
const rollup = {
  sql: text(SQL),
  rowKey: names,
  into,
  output: z.optional(output),
};
const named = (shape: object) => only(['kind', ...Object.keys(common), ...Object.keys(shape)].join(', '));

export const jobShape = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({ kind: z.literal('compact'), ...common, ...compact }, named(compact)),
    z.strictObject({ kind: z.literal('rollup'), ...common, ...rollup }, named(rollup)),
  ],
  hint('"compact" (records into files of rows) or "rollup" (SQL over the records of a window)'),
);

const PREFIX = 'what the keys of their logs start with, such as "jobs/"';
export const jobLogsShape = z.strictObject(
  { prefix: z.string(hint(PREFIX)).check(z.regex(/^[^{}]*\/$/, hint(PREFIX))) },
  only('prefix'),
);
