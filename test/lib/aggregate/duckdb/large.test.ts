import { describe, expect, it } from 'vitest';
import { duckDbEngine } from '../../../../lib/aggregate/duckdb/engine.ts';
import type { RangeBytes, RowFormat } from '../../../../lib/aggregate/ports.ts';
import { jsonLine } from '../../../../lib/append/record.ts';
import { BASE_MS, madeObject, rangesOf } from '../../../aggregate/logs.ts';
import { directory, duckdb, from, work } from './support.ts';

const engine = duckDbEngine();
const APPEND_RECORDS = 2000;
const MINUTE_MS = 60_000;

/** Objects of many records; `id` names a record by its number. */
function ranges(
  objects: number,
  appends: number,
  id: (n: number) => string,
  timeMs = (_n: number) => BASE_MS,
): RangeBytes[] {
  let n = 0;
  return Array.from({ length: objects }, (_, lane) => {
    const specs = Array.from({ length: appends }, () => {
      const records = Array.from({ length: APPEND_RECORDS }, () => {
        const number = n++;
        return { line: jsonLine(`{"n":${number}}`), id: id(number), source: 's', timeMs: timeMs(number) };
      });
      return { records, atMs: BASE_MS, foreign: null, checkpoint: false };
    });
    return madeObject(`a/${lane}.ndjson`, 'a/*.ndjson', specs);
  }).flatMap((made) => rangesOf([made], [], 1_000_000));
}

describe('many records', () => {
  it('keep their order, whatever is done side by side', async () => {
    const done = await engine.compact(
      work({ ranges: ranges(3, 45, (n) => `id-${n}`), directory: directory() }),
    );
    expect(done).toMatchObject({ records: 270_000, repeats: 0, files: [{ rows: 270_000 }] });
    const rows = await duckdb(`SELECT data->>'n' AS n FROM read_parquet('${done.files[0]?.path}')`);
    expect(rows.findIndex(({ n }, at) => Number(n) !== at)).toBe(-1);
  });

  it('are there once, if each came before', async () => {
    const first = await engine.compact(
      work({ ranges: ranges(1, 20, (n) => `id-${n}`), directory: directory() }),
    );
    const all = () => ranges(3, 20, (n) => `id-${n % 50_000}`);
    const again = await engine.compact(
      work({ ranges: all(), directory: directory(), earlier: from(first.files.map(({ path }) => path)) }),
    );
    expect(again).toMatchObject({ records: 120_000, repeats: 110_000, files: [{ rows: 10_000 }] });
    const [row] = await duckdb(
      `SELECT min(CAST(data->>'n' AS INTEGER)) AS low, max(CAST(data->>'n' AS INTEGER)) AS high FROM read_parquet('${again.files[0]?.path}')`,
    );
    expect(row).toEqual({ low: 40_000, high: 49_999 });
  });

  it('of many windows go to a file each', async () => {
    const windows = 300;
    const timed = (n: number) => BASE_MS + (n % windows) * MINUTE_MS;
    const done = await engine.compact(
      work({ ranges: ranges(1, 3, (n) => `id-${n}`, timed), directory: directory(), window: 'minute' }),
    );
    expect(done.files.map(({ windowMs, rows }) => [windowMs, rows])).toEqual(
      Array.from({ length: windows }, (_, n) => [BASE_MS + n * MINUTE_MS, 20]),
    );
  });
});

describe.each<RowFormat>(['parquet', 'ndjson-gzip'])('large records, as %s', (format) => {
  it('go through, and are known in later claims', async () => {
    const MIB = 1024 * 1024;
    const texts = [33, 1, 20].map((mib, n) => `{"n":${n},"text":"${'x'.repeat(mib * MIB)}"}`);
    const specs = texts.map((json, n) => ({
      records: [{ line: jsonLine(json), id: `${n}`, source: 's', timeMs: BASE_MS }],
      atMs: BASE_MS,
      foreign: null,
      checkpoint: false,
    }));
    const made = madeObject('a/0.ndjson', 'a/*.ndjson', specs);
    const claim = (more: { earlier?: AsyncIterable<string> } = {}) =>
      engine.compact(
        work({ ranges: rangesOf([made], [], 4 * MIB), directory: directory(), format, ...more }),
      );
    const { files, hash } = await claim();
    const paths = files.map(({ path }) => path);
    expect(await engine.hash({ files: paths, directory: directory() })).toEqual({ rows: 3, hash });
    expect(await claim({ earlier: from(paths) })).toMatchObject({ records: 3, repeats: 3, files: [] });
    if (format !== 'parquet') return;
    const [row] = await engine.rollup({
      files: paths,
      sql: 'SELECT sum(length(data)) AS n, sum(n) AS sum FROM records',
      columns: [{ name: 'n', path: '$.n', type: 'INTEGER' }],
      directory: directory(),
      windowMs: BASE_MS,
      window: 'hour',
      rowKey: [],
    });
    expect(row?.json).toBe(`{"n":${texts.reduce((sum, { length }) => sum + length, 0)},"sum":3}`);
  });
});
