/** Records that timers append. */
import { createScheduleHandler } from '../lib/intake/schedule.ts';
import { fcSchedule } from '../lib/shim/index.ts';
import { services } from './wiring/services.ts';

const { config, intake, runtime, credentials } = services();
const take = createScheduleHandler({ config, intake });

export const handler = fcSchedule(
  (event, context) => {
    credentials.update(context.fc.credentials);
    return take(event, context);
  },
  { now: runtime.monotonic },
);
