/** Where payloads go. All there is to set is in `lib/config.ts`; what differs between deployments is in the environment. */
import { defineConfig } from './lib/config.ts';

export default defineConfig({
  targets: {
    // POST /append/notes/2026/hello.txt puts the body, as it is, at the end of notes/2026/hello.txt; GET gives it back.
    notes: { format: 'raw', key: 'notes/{path}', readable: true },
    // POST /append/events puts records into one object an hour, each exactly once.
    events: { format: 'log', key: 'events/{time:yyyy/MM/dd/HH}.ndjson', readable: true },
  },
  queues: {
    events: { target: 'events' },
  },
  schedules: {
    heartbeat: { target: 'events' },
  },
});
