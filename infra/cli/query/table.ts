/** Rows of a query, for people or for programs. */

/** `rows` hold DuckDB's values, which know how they are written. */
export function resultTable(
  columns: readonly string[],
  rows: readonly (readonly unknown[])[],
  isJson: boolean,
): string {
  if (isJson)
    return rows
      .map((row) => Object.fromEntries(columns.map((name, at) => [name, plain(row[at])])))
      .map((row) => `${JSON.stringify(row)}\n`)
      .join('');
  const texts = [
    columns,
    ...rows.map((row) => row.map((value) => (value === null ? 'NULL' : String(value)))),
  ];
  const widths = columns.map((_, at) => Math.max(...texts.map((line) => line[at]?.length ?? 0)));
  const lines = texts.map((line) =>
    line
      .map((text, at) => text.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [lines[0], rule, ...lines.slice(1)].map((line) => `${line}\n`).join('');
}

/** Whole numbers that a double holds stay numbers; times, decimals and the like are texts. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return value !== null && typeof value === 'object' ? String(value) : value;
}
