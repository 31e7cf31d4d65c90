/** Messages of queues and topics, in batches. */
import { createQueueHandler } from '../lib/intake/queue.ts';
import { fcQueue, queueNameOf, undecodableOf } from '../lib/shim/index.ts';
import { services } from './wiring/services.ts';

const { config, deployment, intake, runtime, credentials } = services();
const { queue, queueShape, queueBodies } = deployment;
const take = createQueueHandler({ config, intake, runtime, queueNameOf, undecodableOf, queue });

export const handler = fcQueue(
  (event, context) => {
    credentials.update(context.fc.credentials);
    return take(event, context);
  },
  { now: runtime.monotonic, shape: queueShape, bodyEncoding: queueBodies, undecodable: 'is-record' },
);
