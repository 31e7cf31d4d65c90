/** Where payloads go. All there is to set is in `lib/config.ts`; what differs between deployments is in the environment. */
import { defineConfig } from './lib/config.ts';

export default defineConfig({
  targets: {
    // POST /append/notes/2026/hello.txt puts the body, as it is, at the end of notes/2026/hello.txt; GET gives it back.
    notes: { format: 'raw', key: 'notes/{path}', readable: true },
    // POST /append/events puts records into one object an hour, each exactly once.
    events: { format: 'log', key: 'events/{time:yyyy/MM/dd/HH}.ndjson', readable: true },
    // What the job events-per-minute makes of them.
    stats: { format: 'log', key: 'stats/{time:yyyy/MM/dd}.ndjson', readable: true },
  },
  queues: {
    events: { target: 'events' },
  },
  schedules: {
    heartbeat: { target: 'events' },
  },
  jobs: {
    // Parquet files, one row a record. A window of a minute shows itself soon; an hour or a day makes larger files.
    'events-table': {
      kind: 'compact',
      source: 'events',
      window: 'minute',
      output: 'tables/events/day={time:yyyy-MM-dd}/hour={time:HH}/minute={time:mm}',
      columns: { amount: { path: '$.amount', type: 'DOUBLE' } },
    },
    // A row for each minute in stats, again with a higher revision when late records change it.
    'events-per-minute': {
      kind: 'rollup',
      source: 'events',
      window: 'minute',
      columns: { amount: { path: '$.amount', type: 'DOUBLE' } },
      sql: 'SELECT count(*) AS records, sum(amount) AS amount FROM records',
      into: { target: 'stats' },
    },
  },
});
