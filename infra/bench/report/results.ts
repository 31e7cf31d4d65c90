/** What a run found, as JSON for whoever draws or compares it. No array of plain values, so that any formatter leaves it alone. */
import type { Column, Row, Suite } from '../suite.ts';
import { machine } from './machine.ts';
import { ratios } from './table.ts';

interface Measured {
  readonly suite: Pick<Suite, 'id' | 'title' | 'note' | 'columns'>;
  readonly rows: readonly Row[];
}

export function resultsJson(measured: readonly Measured[], quick: boolean): string {
  const suites = measured.map(({ suite: { id, title, note, columns }, rows }) => ({
    id,
    title,
    note,
    columns: Object.fromEntries(columns.map((column) => [column.id, column.title])),
    rows: rows.map((row) => entry(row, rows, columns)),
  }));
  return `${JSON.stringify({ machine: machine(), quick, suites }, rounded, 2)}\n`;
}

/** `atLeast` and `wrong` are there only where there is something to say. */
function entry(row: Row, rows: readonly Row[], columns: readonly Column[]) {
  const { name, values, atLeast, wrong, peer } = row;
  return {
    name,
    values,
    ...(atLeast.length > 0 && { atLeast: Object.fromEntries(atLeast.map((id) => [id, true])) }),
    ...(wrong.length > 0 && { wrong: wrong.join('; ') }),
    peer,
    ratios: ratios(row, rows, columns),
  };
}

/** Four significant digits: the rest is noise. */
function rounded(_name: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}
