/**
 * The handler shim: handlers written for AWS Lambda, `async (event, context) => result`, as what Function Compute calls.
 *
 * ```ts
 * export const handler = fcQueue(async ({ Records }, context) => { … }, { now });
 * ```
 */
export type { LambdaHandler, ShimContext, ShimOptions } from './context.ts';
export {
  BatchFailedError,
  InvalidResultError,
  MalformedEventError,
  ShimError,
  type Trigger,
  UnknownEventShapeError,
  UnsupportedError,
} from './errors.ts';
export type { FcContext, FcCredentials, FcHandler, FcHttpEvent, FcHttpResponse, FcLogger } from './fc.ts';
export { fcHttp } from './http.ts';
export { fcQueue, type QueueOptions, queueNameOf, queueRecords, undecodableOf } from './queue.ts';
export { fcSchedule, type ScheduleDetail } from './schedule.ts';
