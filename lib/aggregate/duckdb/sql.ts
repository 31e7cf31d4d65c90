/** Pieces of SQL text. */

export const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;
export const name = (value: string): string => `"${value.replaceAll('"', '""')}"`;
export const list = (values: readonly string[]): string => `[${values.join(', ')}]`;
