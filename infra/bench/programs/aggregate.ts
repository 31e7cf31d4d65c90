/** A log into a table, and a table into sums: our engine, DuckDB by itself, and a loop over lines. Each once a process. */
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Column } from '../../../lib/aggregate/ports.ts';
import { nowMs } from './clock.ts';
import { makeLog } from './large-log.ts';
import { serve } from './serve.ts';

export interface Compaction {
  /** Files of logs; each is a claim, of a log of its own. */
  readonly logs: readonly string[];
  readonly directory: string;
  readonly columns?: readonly Column[];
}

export interface Rollup {
  /** Of rows: Parquet, or lines of JSON. */
  readonly files: readonly string[];
  readonly directory: string;
}

export interface Cost {
  readonly ms: number;
  readonly cpuMs: number;
  /** Above what the process had before anything was loaded. */
  readonly peakBytes: number;
}

export interface Compacted extends Cost {
  readonly rows: number;
  readonly files: readonly string[];
}

export const COLUMNS: readonly Column[] = [
  { name: 'customer', path: '$.customer', type: 'VARCHAR' },
  { name: 'amount', path: '$.amount', type: 'DOUBLE' },
];
const SUMS = 'SELECT customer, count(*) AS n, sum(amount) AS amount';
const PIECE_BYTES = 4 * 1024 * 1024;

async function costOf<T>(work: () => Promise<T>): Promise<T & Cost> {
  const baseBytes = process.memoryUsage.rss();
  const startMs = nowMs();
  const before = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  const peakBytes = process.resourceUsage().maxRSS * 1024 - baseBytes;
  return { ...result, ms: nowMs() - startMs, cpuMs: (user + system) / 1000, peakBytes };
}

async function duckdb(directory: string) {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:', { temp_directory: path.join(directory, 'spill') });
  return instance.connect();
}

const CSV = `columns = {line: 'VARCHAR'}, auto_detect = false, header = false, delim = '\x01', quote = '', escape = '',
  max_line_size = 4000000`;

/** The shortest SQL that gives the same rows, of a log that is whole; nothing is checked. Zstandard as ours has it. */
const bareSql = (log: string, file: string): readonly string[] => [
  `CREATE TABLE lines AS SELECT row_number() OVER () AS n, line FROM read_csv('${log}', ${CSV})
   WHERE NOT starts_with(line, '{"$commit":{"v":1,"state"')`,
  `CREATE TABLE names AS
   WITH commits AS (SELECT n, from_json(line, '{"$commit":{"at":"TIMESTAMP","start":"BIGINT","records":"BIGINT",
       "sources":[{"source":"VARCHAR","ids":["VARCHAR"],"ageMs":["BIGINT"]}]}}')."$commit" AS c
     FROM lines WHERE starts_with(line, '{"$commit":')),
   runs AS (SELECT n, c."at" AS made, c."start" AS "start", c.records AS records, UNNEST(c.sources) AS run FROM commits),
   named AS (SELECT n, made, "start", records, run.source AS source, UNNEST(run.ids) AS id,
     UNNEST(run."ageMs") AS age, generate_subscripts(run.ids, 1) - 1 AS record FROM runs)
   SELECT n - records + record AS n, source, id, made - to_milliseconds(age) AS time, "start", record FROM named`,
  'CREATE TABLE firsts AS SELECT min(n) AS n FROM names GROUP BY source, id',
  `COPY (SELECT id, source, time, "start", record, line AS data FROM lines JOIN names USING (n)
     WHERE n IN (SELECT n FROM firsts))
   TO '${file}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)`,
];

const linesOf = (file: string) =>
  createInterface({ input: createReadStream(file, { highWaterMark: PIECE_BYTES }), crlfDelay: Infinity });

interface LoopCommit {
  readonly $commit: { readonly sources?: { readonly source: string; readonly ids: string[] }[] };
}

const methods = {
  log: ({ file, bytes }: { file: string; bytes: number }) => makeLog(file, bytes),

  ours: ({ logs, directory, columns = [] }: Compaction): Promise<Compacted> =>
    costOf(async () => {
      const { duckDbEngine } = await import('../../../lib/aggregate/duckdb/engine.ts');
      const engine = duckDbEngine();
      const files: string[] = [];
      let rows = 0;
      for (const [number, log] of logs.entries()) {
        const pieces = createReadStream(log, { highWaterMark: PIECE_BYTES });
        const range = { object: `${number}.ndjson`, family: `${number}.ndjson`, from: 0, to: 0, pieces };
        const made = await engine.compact({
          ranges: [range],
          earlier: (async function* () {
            yield* files;
          })(),
          window: 'hour',
          columns,
          sort: [],
          format: 'parquet',
          directory: path.join(directory, String(number)),
        });
        for (const file of made.files) {
          rows += file.rows;
          files.push(file.path);
        }
      }
      return { rows, files };
    }),

  bare: ({ logs, directory }: Compaction): Promise<Compacted> =>
    costOf(async () => {
      const connection = await duckdb(directory);
      const file = path.join(directory, 'bare.parquet');
      for (const sql of bareSql(logs[0] ?? '', file)) await connection.run(sql);
      const [[rows]] = (await connection.runAndReadAll('SELECT count(*) FROM firsts')).getRows() as [
        [bigint],
      ];
      return { rows: Number(rows), files: [file] };
    }),

  /** To lines of JSON: there is no Parquet in JavaScript itself. */
  loop: ({ logs, directory }: Compaction): Promise<Compacted> =>
    costOf(async () => {
      const file = path.join(directory, 'loop.ndjson');
      const out = createWriteStream(file);
      const seen = new Set<string>();
      let waiting: string[] = [];
      let rows = 0;
      for await (const line of linesOf(logs[0] ?? '')) {
        if (!line.startsWith('{"$commit":')) {
          waiting.push(line);
          continue;
        }
        const { sources = [] } = (JSON.parse(line) as LoopCommit).$commit;
        const kept = sources
          .flatMap(({ source, ids }) => ids.map((id) => `${source} ${id}`))
          .map((name, at) => ({ name, data: waiting[at] }))
          .filter(({ name }) => !seen.has(name) && seen.add(name));
        rows += kept.length;
        waiting = [];
        const text = kept.map(({ name, data }) => `{"id":${JSON.stringify(name)},"data":${data}}\n`).join('');
        if (!out.write(text)) await once(out, 'drain');
      }
      out.end();
      await once(out, 'finish');
      return { rows, files: [file] };
    }),

  async lines({ files, directory }: Rollup): Promise<string> {
    const connection = await duckdb(directory);
    const file = path.join(directory, 'records.ndjson');
    const select = `SELECT data FROM read_parquet([${files.map((one) => `'${one}'`).join(', ')}])`;
    await connection.run(
      `COPY (${select}) TO '${file}' (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')`,
    );
    return file;
  },

  rollup: ({ files, directory }: Rollup): Promise<Cost & { rows: number }> =>
    costOf(async () => {
      const { duckDbEngine } = await import('../../../lib/aggregate/duckdb/engine.ts');
      const sql = `${SUMS} FROM records GROUP BY customer`;
      const job = { files, directory, sql, columns: COLUMNS, rowKey: ['customer'] };
      return { rows: (await duckDbEngine().rollup({ ...job, windowMs: 0, window: 'hour' })).length };
    }),

  bareRollup: ({ files, directory }: Rollup): Promise<Cost & { rows: number }> =>
    costOf(async () => {
      const connection = await duckdb(directory);
      const [file = ''] = files;
      const paths = `[${files.map((one) => `'${one}'`).join(', ')}]`;
      const from = file.endsWith('.parquet')
        ? `read_parquet(${paths})`
        : `read_json(${paths}, format = 'newline_delimited', columns = {customer: 'VARCHAR', amount: 'DOUBLE'})`;
      const result = await connection.runAndReadAll(`${SUMS} FROM ${from} GROUP BY customer`);
      return { rows: result.getRowObjectsJson().length };
    }),

  loopRollup: ({ files }: Rollup): Promise<Cost & { rows: number }> =>
    costOf(async () => {
      const sums = new Map<string, { n: number; amount: number }>();
      for (const file of files) {
        for await (const line of linesOf(file)) {
          const { customer, amount } = JSON.parse(line) as { customer: string; amount: number };
          const sum = sums.get(customer) ?? { n: 0, amount: 0 };
          sums.set(customer, { n: sum.n + 1, amount: sum.amount + amount });
        }
      }
      return { rows: sums.size };
    }),

  size: async (file: string): Promise<number> => (await stat(file)).size,
};

export type AggregateMethods = typeof methods;
serve(methods);
