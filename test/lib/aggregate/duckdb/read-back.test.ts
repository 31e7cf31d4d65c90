import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { duckDbEngine } from '../../../../lib/aggregate/duckdb/engine.ts';
import type { RowFormat } from '../../../../lib/aggregate/ports.ts';
import { sliceMember } from '../../../../lib/append/json.ts';
import { jsonLine } from '../../../../lib/append/record.ts';
import { BASE_MS, madeObject, rangesOf } from '../../../aggregate/logs.ts';
import { directory, duckdb, work } from './support.ts';

const README = readFileSync(path.join(import.meta.dirname, '../../../../README.md'), 'utf8');
const HOUR_MS = 3_600_000;
const ROOT_KEY = 'events/2026/11/22/20.ndjson';

/** The SQL of README.md, on files below `root` and not below the working directory. */
function documented(root: string): readonly string[] {
  const [, block = ''] = /^### Read as tables\n.*?^```sql\n(.*?)^```$/ms.exec(README) ?? [];
  return block
    .trimEnd()
    .replaceAll(/'(events|tables|rollups)\//g, `'${root}/$1/`)
    .split('\n');
}

const TEXTS = Array.from(
  { length: 20 },
  (_, n) => `{ "order": ${n}, "n": 900719925474099${n % 10}, "d": 1.${n}0, "t": "\u00e9\u6f22" }`,
);

/** A log, and tables of it as a job lays them out. */
async function world() {
  const root = directory();
  const appends = [TEXTS.slice(0, 7), TEXTS.slice(7)].map((texts, at) => ({
    records: texts.map((json, n) => ({
      line: jsonLine(json),
      id: `${at}-${n}`,
      source: 's',
      timeMs: BASE_MS + (n % 2) * HOUR_MS,
    })),
    atMs: BASE_MS,
    foreign: null,
    checkpoint: true,
  }));
  const made = madeObject(ROOT_KEY, ROOT_KEY, appends);
  mkdirSync(path.join(root, path.dirname(ROOT_KEY)), { recursive: true });
  writeFileSync(path.join(root, ROOT_KEY), made.bytes);
  const build = async (format: RowFormat, columns = [{ name: 'order', path: '$.order', type: 'BIGINT' }]) => {
    const { files } = await duckDbEngine().compact(
      work({ ranges: rangesOf([made], [], 1000), directory: directory(), columns, format }),
    );
    return files.map(({ windowMs, path: file }) => {
      const hour = new Date(windowMs).toISOString();
      const into = path.join(root, `tables/day=${hour.slice(0, 10)}/hour=${hour.slice(11, 13)}`);
      const name = path.join(
        into,
        `part-00001-0123456789abcdef.${path.basename(file).replace(/^\d+\./, '')}`,
      );
      mkdirSync(into, { recursive: true });
      cpSync(file, name);
      return name;
    });
  };
  return { root, build };
}

describe('ordinary tools read back the same', () => {
  it('from the log and from Parquet, as README.md has it', async () => {
    const { root, build } = await world();
    await build('parquet');
    const [hot = '', cold = ''] = documented(root);
    const fromLog = (await duckdb(hot)).map(({ json }) => json);
    expect(fromLog).toEqual(TEXTS);
    const counts = await duckdb(`${cold.replace(/;$/, '')} ORDER BY hour`);
    expect(counts.map(({ hour, 'count_star()': n }) => [String(hour), Number(n)])).toEqual([
      ['20', 11],
      ['21', 9],
    ]);
    const rows = await duckdb(
      `SELECT data, "order" FROM read_parquet('${root}/tables/**/*.parquet', hive_partitioning = true) ORDER BY "start", record`,
    );
    expect(rows.map(({ data }) => data)).toEqual(fromLog);
    expect(rows.map(({ order }) => Number(order))).toEqual(TEXTS.map((_, n) => n));
  });

  it('from NDJSON, with zcat and as README.md has it', async () => {
    const { root, build } = await world();
    const files = await build('ndjson-gzip');
    const lines = files.flatMap((file) =>
      execFileSync('zcat', [file], { encoding: 'utf8' }).trimEnd().split('\n'),
    );
    const texts = lines.map((line) => sliceMember(line, 'data'));
    expect([...texts].sort()).toEqual([...TEXTS].sort());
    const [, , sql = ''] = documented(root);
    const orders = (await duckdb(sql)).map((row) => Number(Object.values(row)[0]));
    expect(orders.sort((one, other) => one - other)).toEqual(TEXTS.map((_, n) => n));
  });

  it('from parts whose columns differ, and with an empty one among them', async () => {
    const { root, build } = await world();
    const [file = ''] = await build('parquet', []);
    const empty = await duckDbEngine().empty({ format: 'parquet', columns: [], directory: directory() });
    cpSync(empty, file.replace('00001', '00000'));
    const more = await build('parquet', [{ name: 'd', path: '$.d', type: 'DOUBLE' }]);
    expect(more).toHaveLength(2);
    const [, sql = ''] = documented(root);
    expect((await duckdb(sql)).length).toBe(2);
  });
});
