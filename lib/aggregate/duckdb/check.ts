/** What is wrong with a job's columns and SQL, found on no records at all. */
import { type CheckedJob, type Column, EngineError, type EngineMistake } from '../ports.ts';
import { ROW_COLUMNS } from '../row-columns.ts';
import { type Database, DatabaseError } from './database.ts';
import { resultColumns } from './rollup.ts';
import { name, text } from './sql.ts';
import { noRows } from './stored.ts';

/** Text that stays within its place in a statement. */
const TYPE = /^[a-z][\w ]*(\[\d*\]|\([\w ,"[\]]*\)|\(([\w ,"[\]]|\([\w ,"[\]]*\))*\))*$/i;
const NAME = /^[\p{L}_][\p{L}\p{N}_]{0,62}$/u;

export async function check(
  job: CheckedJob,
  open: () => Promise<Database>,
): Promise<readonly EngineMistake[]> {
  const { columns, sort = [], sql, rowKey = [] } = job;
  const database = await open();
  try {
    const mistakes: EngineMistake[] = [];
    const known = new Set<string>(ROW_COLUMNS.map((column) => column.name));
    for (const column of columns) {
      const message = await mistakeIn(database, column, known);
      if (message !== null) mistakes.push({ where: `columns.${column.name}`, message });
      known.add(column.name.toLowerCase());
    }
    const unknown = sort.filter((one) => !known.has(one.toLowerCase()));
    for (const one of unknown) mistakes.push({ where: 'sort', message: `There is no column "${one}".` });
    // With a column that is none, the SQL could only be wrong for the same reason.
    if (sql === undefined || mistakes.some(({ where }) => where.startsWith('columns.'))) return mistakes;
    await database.run(`CREATE VIEW records AS ${noRows(columns)}`);
    await database.lockDown([], null);
    try {
      await resultColumns(database, sql, rowKey);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      mistakes.push({ where: 'sql', message: error.message });
    }
    return mistakes;
  } finally {
    database.close();
  }
}

async function mistakeIn(
  database: Database,
  column: Column,
  known: ReadonlySet<string>,
): Promise<string | null> {
  if (!NAME.test(column.name)) return 'A name is letters, digits and _, and begins with none of the digits.';
  if (known.has(column.name.toLowerCase())) return 'There is a column of this name already.';
  if (!TYPE.test(column.type)) return `"${column.type}" is no SQL type.`;
  if (!column.path.startsWith('$')) return 'A path begins with "$", as in "$.amount".';
  try {
    await database.select(`SELECT CAST(NULL AS ${column.type}) AS ${name(column.name)}`);
    const [extracted] = (await database.select(`SELECT json_extract('{}', ${text(column.path)})`)) ?? [];
    if (extracted?.type.endsWith('[]')) return 'A path leads to one value; it has no wildcard.';
    return null;
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    return error.detail;
  }
}
