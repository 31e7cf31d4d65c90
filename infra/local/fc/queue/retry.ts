/** The two push retry strategies of EventBridge: how often, and how long apart. */
import type { StreamTrigger } from '../template/function.ts';

const BACKOFF_RETRIES = 3;
const BACKOFF_MS_MIN = 10_000;
const BACKOFF_MS_MAX = 20_000;

/** 176 tries over a day: 1, 2, 4 … 512 seconds, then every 512. */
const DECAY_RETRIES = 176;
const DECAY_S_MAX = 512;

/** The wait before retry `retry` (from 1), null if there is no such retry. `random` is in [0, 1). */
export function retryDelayMs(
  strategy: StreamTrigger['retryStrategy'],
  retry: number,
  random: number,
): number | null {
  if (strategy === 'BACKOFF_RETRY')
    return retry > BACKOFF_RETRIES ? null : BACKOFF_MS_MIN + random * (BACKOFF_MS_MAX - BACKOFF_MS_MIN);
  return retry > DECAY_RETRIES ? null : 1000 * Math.min(DECAY_S_MAX, 2 ** (retry - 1));
}
