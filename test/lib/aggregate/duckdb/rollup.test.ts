import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { duckDbEngine } from '../../../../lib/aggregate/duckdb/engine.ts';
import {
  type Column,
  EngineError,
  type RollupWork,
  type RowFormat,
} from '../../../../lib/aggregate/ports.ts';
import { jsonLine } from '../../../../lib/append/record.ts';
import { BASE_MS, madeObject, rangesOf } from '../../../aggregate/logs.ts';
import { directory, duckdb, work } from './support.ts';

const engine = duckDbEngine();
const AMOUNT: Column = { name: 'amount', path: '$.amount', type: 'BIGINT' };

async function filesOf(
  texts: readonly string[],
  more: { format?: RowFormat; columns?: readonly Column[] } = {},
): Promise<readonly string[]> {
  const records = texts.map((json, n) => ({
    line: jsonLine(json),
    id: `id-${n}`,
    source: n % 2 === 0 ? 'even' : 'odd',
    timeMs: BASE_MS + n,
  }));
  const made = madeObject('a/0.ndjson', 'a/*.ndjson', [
    { records, atMs: BASE_MS, foreign: null, checkpoint: false },
  ]);
  const { files } = await engine.compact(
    work({ ranges: rangesOf([made], [], 1000), directory: directory(), columns: [AMOUNT], ...more }),
  );
  return files.map((file) => file.path);
}

const rollup = (files: readonly string[], sql: string, more: Partial<RollupWork> = {}) =>
  engine.rollup({
    files,
    sql,
    directory: directory(),
    windowMs: BASE_MS,
    window: 'hour',
    columns: [AMOUNT],
    rowKey: [],
    ...more,
  });

const ORDERS = ['{"amount":9007199254740993}', '{"amount":-2}', '{"amount":"none"}', '{"other":1}'];

describe('a rollup', () => {
  it('sees the records of the files, with the job’s own columns', async () => {
    const files = await filesOf(ORDERS);
    const sql =
      'SELECT source, count(*) AS n, sum(amount) AS sum, max("end") > 0 AS there FROM records GROUP BY source';
    expect(await rollup(files, sql, { rowKey: ['source'] })).toEqual([
      { key: '["even"]', json: '{"source":"even","n":2,"sum":9007199254740993,"there":true}' },
      { key: '["odd"]', json: '{"source":"odd","n":2,"sum":-2,"there":true}' },
    ]);
    expect(await rollup(files, 'SELECT data FROM records WHERE record = 1')).toEqual([
      { key: '0', json: '{"data":"{\\"amount\\":-2}"}' },
    ]);
    const ndjson = await filesOf(ORDERS, { format: 'ndjson-gzip' });
    await expect(rollup(ndjson, sql)).rejects.toMatchObject({ code: 'BadRows' });
  });

  it('has columns as the job defines them now, also over files of an older definition', async () => {
    const old = await filesOf(ORDERS, { columns: [{ ...AMOUNT, path: '$.other' }] });
    const none = await filesOf(ORDERS, { columns: [] });
    const now = await filesOf(ORDERS);
    for (const files of [old, none, now, [...old, ...now, ...none]]) {
      const [row] = await rollup(files, 'SELECT count(amount) AS n, max(amount) AS most FROM records');
      expect(row?.json).toBe(`{"n":${2 * files.length},"most":9007199254740993}`);
    }
  });

  it('of no files has what the SQL says of no records', async () => {
    expect(await rollup([], 'SELECT count(*) AS n FROM records')).toEqual([{ key: '0', json: '{"n":0}' }]);
    expect(await rollup([], 'SELECT id FROM records')).toEqual([]);
  });

  it('keeps values to the last digit, and has null where JSON has no number', async () => {
    const sql = `SELECT 12345678901234567890123::HUGEINT AS huge, 18446744073709551615::UBIGINT AS u,
      123456789012345678901234567890.12345678::DECIMAL(38,8) AS exact, TIMESTAMP '2026-11-22 20:00:00.123456' AS at,
      [1, NULL] AS list, {'a': {'b': 'é"'}} AS nested, 'nan'::DOUBLE AS nan, '-inf'::FLOAT AS infinite, NULL AS nothing`;
    expect((await rollup([], sql))[0]?.json).toBe(
      '{"huge":12345678901234567890123,"u":18446744073709551615,"exact":123456789012345678901234567890.12345678,' +
        '"at":"2026-11-22 20:00:00.123456","list":[1,null],"nested":{"a":{"b":"é\\""}},"nan":null,"infinite":null,"nothing":null}',
    );
  });

  it('keeps the order that the SQL asks for, and has one of its own else', async () => {
    const files = await filesOf(ORDERS);
    const ids = async (sql: string) =>
      (await rollup(files, sql)).map(({ key, json }) => [key, JSON.parse(json).id]);
    const inOrder = ['0', '1', '2', '3'].map((n) => [n, `id-${n}`]);
    expect(await ids('SELECT id FROM records ORDER BY id DESC; -- the last first')).toEqual(
      inOrder.map(([n], at) => [n, `id-${3 - at}`]),
    );
    expect(await ids('SELECT id FROM (SELECT id FROM records ORDER BY id DESC)')).toEqual(inOrder);
  });

  it.each([
    ['SELECT count(* FROM records', /syntax error.*LINE 1/s],
    ['SELECT\n  amuont FROM records', /"amuont" not found.*LINE 2/s],
    ['SELECT 1; SELECT 2', /one SELECT/],
    ['', /one SELECT/],
    ['-- nothing', /one SELECT/],
    ["COPY records TO 'x.csv'", /disabled by configuration/],
    ['CREATE TABLE x (i INT)', /one SELECT/],
    ["SET memory_limit = '1GB'", /one SELECT/],
    ["ATTACH 'x.db'", /one SELECT/],
    ['SELECT 1 AS a, 2 AS A', /named "a"/],
    ['SELECT 1 AS revision', /"revision"/],
    ["SELECT * FROM read_text('/etc/hostname')", /disabled by configuration|Permission/],
    ["SELECT * FROM '/etc/hostname.csv'", /disabled by configuration|Permission/],
    ["SELECT * FROM read_csv('https://example.com/x.csv')", /disabled by configuration|Permission|httpfs/],
    ["SELECT * FROM glob('/etc/*')", /disabled by configuration|Permission/],
  ])('is refused before it runs: %s', async (sql, message) => {
    const refused = rollup([], sql);
    await expect(refused).rejects.toThrowError(EngineError);
    await expect(refused).rejects.toThrowError(message);
    await expect(refused).rejects.toMatchObject({ code: 'BadSql' });
    const mistakes = await engine.check({ columns: [AMOUNT], sql });
    expect(mistakes).toEqual([{ where: 'sql', message: expect.stringMatching(message) }]);
  });

  it('that fails on the records quotes none of them', async () => {
    const files = await filesOf(['{"amount":"secret"}']);
    const failed = rollup(
      files,
      "SELECT CAST(json_extract_string(data, '$.amount') AS INTEGER) AS n FROM records",
    );
    await expect(failed).rejects.toMatchObject({
      code: 'BadSql',
      message: expect.stringContaining('Conversion'),
    });
    const { inspect } = await import('node:util');
    expect(inspect(await failed.catch((error: unknown) => error), { depth: 9 })).not.toContain('secret');
  });

  it('whose rows have one key is refused, with their number', async () => {
    const files = await filesOf(ORDERS);
    const failed = rollup(files, 'SELECT source, id FROM records', { rowKey: ['source'] });
    await expect(failed).rejects.toMatchObject({ code: 'BadSql', message: expect.stringMatching(/^2 rows/) });
    const missing = rollup(files, 'SELECT source FROM records', { rowKey: ['customer'] });
    await expect(missing).rejects.toMatchObject({
      code: 'BadSql',
      message: expect.stringContaining('"customer"'),
    });
  });

  it('of too many rows for one append says so', async () => {
    const failed = rollup([], "SELECT repeat('x', 1000) AS text FROM range(40000)");
    await expect(failed).rejects.toMatchObject({ code: 'TooLarge' });
  });

  it('of a file that is none of ours says so', async () => {
    const file = path.join(directory(), 'x.parquet');
    await writeFile(file, 'PAR1, or not');
    await expect(rollup([file], 'SELECT 1 AS a')).rejects.toMatchObject({ code: 'BadRows' });
  });
});

describe('the file of a rollup', () => {
  const file = async (sql: string, rowKey: readonly string[] = []) => {
    const files = await filesOf(ORDERS);
    const into = directory();
    const made = await engine.rollupFile({
      files,
      sql,
      rowKey,
      directory: into,
      windowMs: BASE_MS,
      window: 'hour',
      columns: [AMOUNT],
      revision: 7,
    });
    expect(await readdir(into)).toEqual([path.basename(made.path)]);
    return { made, rows: await duckdb(`SELECT * FROM read_parquet('${made.path}')`) };
  };

  it('has the columns of the SQL, with their types, after those that tell revisions apart', async () => {
    const sql =
      'SELECT source, count(*) AS n, max(time) AS last FROM records GROUP BY source ORDER BY source DESC';
    const { made, rows } = await file(sql, ['source']);
    const common = { window: new Date(BASE_MS), revision: 7n, rows: 2n, n: 2n };
    expect(rows).toEqual([
      { ...common, row: '["odd"]', source: 'odd', last: new Date(BASE_MS + 3) },
      { ...common, row: '["even"]', source: 'even', last: new Date(BASE_MS + 2) },
    ]);
    expect(made).toMatchObject({ windowMs: BASE_MS, rows: 2 });
  });

  it('has the same columns without rows, and so has the empty one that is put in its place', async () => {
    const typesOf = (one: string) =>
      duckdb(`SELECT column_name, column_type FROM (DESCRIBE FROM read_parquet('${one}'))`);
    const sql = 'SELECT id, amount, [amount] AS list FROM records';
    const { made } = await file(sql);
    const none = await file(`${sql} WHERE false`);
    expect(none.rows).toEqual([]);
    expect(none.made.rows).toBe(0);
    const empty = await engine.emptyLike({ file: made.path, directory: directory() });
    expect(await duckdb(`FROM read_parquet('${empty}')`)).toEqual([]);
    const types = await typesOf(made.path);
    expect(types.length).toBe(7);
    expect(await typesOf(none.made.path)).toEqual(types);
    expect(await typesOf(empty)).toEqual(types);
  });
});

describe('the check of a job', () => {
  it('finds nothing wrong with what can be run', async () => {
    const columns: Column[] = [
      AMOUNT,
      { name: 'price', path: '$.price', type: 'DECIMAL(18, 4)' },
      { name: 'tags', path: '$.tags', type: 'VARCHAR[]' },
      { name: 'at', path: '$.at', type: 'TIMESTAMP WITH TIME ZONE' },
      { name: 'nested', path: '$.a."b c"[0]', type: 'STRUCT(x INTEGER, "y z" DECIMAL(9,2)[])' },
      { name: 'any', path: '$.any', type: 'JSON' },
    ];
    const sql =
      'WITH all_of AS (FROM records) SELECT sum(price) AS sum, any_value(nested.x) AS x FROM all_of';
    expect(await engine.check({ columns, sql, sort: ['time', 'price'], rowKey: ['sum'] })).toEqual([]);
    const files = await filesOf(
      ['{"price":"1.2345","tags":["a"],"a":{"b c":[{"x":1,"y z":[1.5]}]},"any":{"z":1}}'],
      { columns },
    );
    const [row] = await rollup(files, 'SELECT price, tags, nested, "any" FROM records', { columns });
    expect(row?.json).toBe('{"price":1.2345,"tags":["a"],"nested":{"x":1,"y z":[1.5]},"any":{"z":1}}');
  });

  it('finds every mistake, and where', async () => {
    const columns: Column[] = [
      { name: 'Time', path: '$.t', type: 'TIMESTAMP' },
      { name: 'a', path: '$.a', type: 'NUMBER' },
      { name: 'b', path: 'b', type: 'INTEGER' },
      { name: 'c', path: '$.c[*]', type: 'INTEGER' },
      { name: 'd', path: '$.d[', type: 'INTEGER' },
      { name: 'e', path: '$.e', type: 'INTEGER), (SELECT 1' },
      { name: 'f"', path: '$.f', type: 'INTEGER' },
      { name: 'a', path: '$.a', type: 'INTEGER' },
    ];
    const mistakes = await engine.check({ columns, sort: ['tiem'] });
    expect(mistakes.map(({ where }) => where)).toEqual([
      'columns.Time',
      'columns.a',
      'columns.b',
      'columns.c',
      'columns.d',
      'columns.e',
      'columns.f"',
      'columns.a',
      'sort',
    ]);
  });
});

describe('an empty file', () => {
  it.each(['parquet', 'ndjson-gzip', 'ndjson-zstd'] as const)(
    'reads as no rows, with the same columns: %s',
    async (format) => {
      const empty = await engine.empty({ format, columns: [AMOUNT], directory: directory() });
      const full = await filesOf(ORDERS, { format });
      expect(await engine.hash({ files: [empty, ...full], directory: directory() })).toMatchObject({
        rows: 4,
      });
      if (format !== 'parquet') return;
      expect(await rollup([empty], 'SELECT count(*) AS n, sum(amount) AS sum FROM records')).toEqual([
        { key: '0', json: '{"n":0,"sum":null}' },
      ]);
      const schema = (file: string) => duckdb(`DESCRIBE SELECT * FROM read_parquet('${file}')`);
      expect(await schema(empty)).toEqual(await schema(full[0] ?? ''));
    },
  );
});
