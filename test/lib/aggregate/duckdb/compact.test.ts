import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { duckDbEngine } from '../../../../lib/aggregate/duckdb/engine.ts';
import type { Column, RowFormat, WindowLength } from '../../../../lib/aggregate/ports.ts';
import { objects, rangesOf } from '../../../aggregate/logs.ts';
import { readRows, referenceEngine } from '../../../aggregate/reference.ts';
import { directory, from, rowsIn, work } from './support.ts';

const COLUMNS: readonly Column[] = [
  { name: 'n', path: '$.n', type: 'DOUBLE' },
  { name: 'deep', path: '$.a.b', type: 'VARCHAR' },
  { name: 'big', path: '$.k', type: 'BIGINT' },
];
const FORMATS: readonly RowFormat[] = ['parquet', 'ndjson-gzip', 'ndjson-zstd'];

describe.each(FORMATS)('the rows of a claim, as %s', (format) => {
  const engine = duckDbEngine();
  const oracle = referenceEngine();

  it('are those of the reference engine, also of the claims after it', async () => {
    const claims = fc.record({
      made: objects,
      cuts: fc.array(fc.nat(60), { maxLength: 4 }),
      pieceBytes: fc.integer({ min: 1, max: 400 }),
      // Of the ranges, how many are in the first of two claims.
      share: fc.constantFrom(0.3, 0.5, 0.7),
      window: fc.constantFrom<WindowLength>('minute', 'hour', 'day'),
      sort: fc.constantFrom<string[]>([], ['time'], ['deep', 'id'], ['n', 'time']),
    });
    await fc.assert(
      fc.asyncProperty(claims, async ({ made, cuts, pieceBytes, share, window, sort }) => {
        const ranges = () => rangesOf(made, cuts, pieceBytes);
        const first = Math.round(share * ranges().length);
        const earlier: string[] = [];
        const earlierOfOracle: string[] = [];
        for (const part of [[0, first], [first]] as const) {
          const common = { window, sort, columns: COLUMNS, format };
          const done = await engine.compact(
            work({
              ...common,
              ranges: ranges().slice(...part),
              directory: directory(),
              earlier: from(earlier),
            }),
          );
          const expected = await oracle.compact(
            work({
              ...common,
              ranges: ranges().slice(...part),
              directory: directory(),
              earlier: from(earlierOfOracle),
            }),
          );
          const { files, ...counts } = done;
          const { files: expectedFiles, ...expectedCounts } = expected;
          expect(counts).toEqual(expectedCounts);
          const rows = await Promise.all(
            files.map(async ({ windowMs, path }) => [windowMs, await rowsIn(path)]),
          );
          const expectedRows = expectedFiles.map(async ({ windowMs, path }) => [
            windowMs,
            await readRows(path),
          ]);
          expect(rows).toEqual(await Promise.all(expectedRows));
          expect(files.map(({ rows: count }) => count)).toEqual(
            expectedFiles.map(({ rows: count }) => count),
          );
          earlier.push(...files.map(({ path }) => path));
          earlierOfOracle.push(...expectedFiles.map(({ path }) => path));
        }
        const total = await engine.hash({ files: earlier, directory: directory() });
        expect(total).toEqual(await oracle.hash({ files: earlierOfOracle, directory: directory() }));
      }),
      { numRuns: format === 'parquet' ? 15 : 7 },
    );
  });
});
