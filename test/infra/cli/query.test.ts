import { describe, expect, it } from 'vitest';
import { keysOf } from '../../../infra/cli/query/objects.ts';
import { resultTable } from '../../../infra/cli/query/table.ts';

const matching = (pattern: string, keys: readonly string[]) =>
  keys.filter((key) => keysOf(`FROM '${pattern}'`)[0]?.matches.test(key));

describe('the objects of a query', () => {
  it('are those whose keys it has in quotes; other texts are none', () => {
    const sql = `SELECT 'a/b', '%H:%M', 'it''s/x.csv' FROM 'tables/**/*.parquet' JOIN read_json('log/20.ndjson', format = 'auto')
      WHERE day = '2026-11-22' OR x IN ('/etc/passwd.txt', '*/x.csv', 'x.csv')`;
    expect(keysOf(sql).map(({ key, prefix }) => [key, prefix])).toEqual([
      ["it's/x.csv", "it's/x.csv"],
      ['tables/**/*.parquet', 'tables/'],
      ['log/20.ndjson', 'log/20.ndjson'],
    ]);
  });

  it('are found as DuckDB finds files', () => {
    const keys = ['t/a.parquet', 't/x/a.parquet', 't/x/y/a.parquet', 't/x/ab.parquet', 't/a_parquet'];
    expect(matching('t/*.parquet', keys)).toEqual(['t/a.parquet']);
    expect(matching('t/*/*.parquet', keys)).toEqual(['t/x/a.parquet', 't/x/ab.parquet']);
    expect(matching('t/**/*.parquet', keys)).toEqual(keys.slice(0, 4));
    expect(matching('t/**/?.parquet', keys)).toEqual(keys.slice(0, 3));
    expect(matching('t/a.parquet', keys)).toEqual(['t/a.parquet']);
  });
});

describe('the rows of a query', () => {
  const rows = [
    ['a', 12n, null],
    ['bc', 2n ** 60n, { toString: () => '2026-11-22 20:30:00' }],
  ];

  it('are a table for people', () => {
    expect(resultTable(['name', 'n', 'time'], rows, false)).toBe(
      [
        'name  n                    time',
        '----  -------------------  -------------------',
        'a     12                   NULL',
        'bc    1152921504606846976  2026-11-22 20:30:00',
        '',
      ].join('\n'),
    );
  });

  it('are a line of JSON each for programs', () => {
    expect(resultTable(['name', 'n', 'time'], rows, true)).toBe(
      '{"name":"a","n":12,"time":null}\n{"name":"bc","n":"1152921504606846976","time":"2026-11-22 20:30:00"}\n',
    );
  });
});
