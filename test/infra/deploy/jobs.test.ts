import { expect, it } from 'vitest';
import example from '../../../append.config.ts';
import { jobMistakes } from '../../../infra/deploy/jobs.ts';
import { defineConfig } from '../../../lib/config.ts';

const rollup = { kind: 'rollup', source: 'events', window: 'day', into: { target: 'stats' } } as const;
const mistakesOf = (jobs: Parameters<typeof defineConfig<'events' | 'stats'>>[0]['jobs']) =>
  jobMistakes(
    defineConfig({
      targets: {
        events: { format: 'log', key: 'events/{time:yyyy/MM/dd}.ndjson' },
        stats: { format: 'log', key: 'stats/{time:yyyy}.ndjson' },
      },
      ...(jobs && { jobs }),
    }).jobs.values(),
  );

it('the jobs of the example can run', async () => {
  expect(await jobMistakes(example.jobs.values())).toEqual([]);
});

it('what the engine refuses is told with the job and the place', async () => {
  const columns = { amount: { path: '$.amount', type: 'MONEY' } };
  const mistakes = await mistakesOf({
    good: { ...rollup, sql: 'SELECT source, count(*) AS n FROM records GROUP BY ALL', rowKey: ['source'] },
    lost: { ...rollup, sql: 'SELECT count(*) AS n FROM record' },
    typo: { ...rollup, sql: 'SELECT count(*) AS n\nFORM records' },
    key: { ...rollup, sql: 'SELECT count(*) AS n FROM records', rowKey: ['source'] },
    drop: { ...rollup, sql: 'DROP VIEW records' },
    type: { kind: 'compact', source: 'events', window: 'day', output: 'tables/{time:yyyy-MM-dd}', columns },
  });
  const places = mistakes.map((text) => text.slice(0, text.indexOf(': ')));
  expect(places).toEqual([
    'jobs.lost.sql',
    'jobs.typo.sql',
    'jobs.key.sql',
    'jobs.drop.sql',
    'jobs.type.columns.amount',
  ]);
  expect(mistakes[1]).toMatch(/LINE 2/);
});
