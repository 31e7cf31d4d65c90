/** What only the engine can tell about jobs: whether their SQL and the types of their columns are any. */
import { duckDbEngine } from '../../lib/aggregate/duckdb/engine.ts';
import type { Job } from '../../lib/aggregate/job.ts';

/** One line a mistake, with its place in append.config.ts; none if every job can run. */
export async function jobMistakes(jobs: Iterable<Job>): Promise<readonly string[]> {
  const engine = duckDbEngine();
  const mistakes: string[] = [];
  for (const { name, columns, sort, rollup } of jobs) {
    const found = await engine.check({
      columns,
      sort,
      ...(rollup && { sql: rollup.sql, rowKey: rollup.rowKey }),
    });
    mistakes.push(...found.map(({ where, message }) => `jobs.${name}.${where}: ${message}`));
  }
  return mistakes;
}
