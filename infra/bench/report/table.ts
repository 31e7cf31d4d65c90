/** A suite's rows as text. Under a row that has a peer: each of its numbers divided by the peer's. */
import type { Column, Row, Suite } from '../suite.ts';
import { decimal, ratio, times } from './numbers.ts';

/** What a row is, compared with its peer, by column. Null if it has none among `rows`. */
export function ratios(
  row: Row,
  rows: readonly Row[],
  columns: readonly Column[],
): Readonly<Record<string, number>> | null {
  const peer = rows.find(({ name }) => name === row.peer);
  if (peer === undefined) return null;
  return Object.fromEntries(
    columns.flatMap(({ id, ratio: comparable }) => {
      const value = comparable ? ratio(row.values[id], peer.values[id]) : null;
      return value === null ? [] : [[id, value]];
    }),
  );
}

export function table(suite: Pick<Suite, 'title' | 'note' | 'columns'>, rows: readonly Row[]): string {
  const { columns } = suite;
  const lines = [['', ...columns.map(({ title }) => title)]];
  for (const row of rows) {
    lines.push([row.name, ...columns.map((column) => cell(row, column))]);
    const compared = ratios(row, rows, columns);
    if (compared === null) continue;
    const cells = columns.map(({ id }) => (compared[id] === undefined ? '' : times(compared[id])));
    lines.push([`  against ${row.peer}`, ...cells]);
  }
  const widths = lines[0]?.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0))) ?? [];
  const text = lines.map((line) =>
    line
      .map((part, at) => (at === 0 ? part.padEnd(widths[at] ?? 0) : part.padStart(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  const wrong = rows.flatMap((row) => row.wrong.map((what) => `! ${row.name}: ${what}`));
  return `${[suite.title, suite.note, '', ...text, ...wrong].join('\n')}\n`;
}

function cell(row: Row, { id, digits }: Column): string {
  const value = row.values[id];
  if (value === null || value === undefined) return '–';
  return `${row.atLeast.includes(id) ? '>' : ''}${decimal(value, digits)}`;
}
