/** What goes wrong at the store all the time, and how its network is when it is slow. */
import type { FaultRule } from '../../local/oss/faults.ts';

const append = { operation: 'append' } as const;

export const FAULTS: readonly FaultRule[] = [
  { fault: 'slow', probability: 0.02, delayMs: 300 },
  { fault: 'answer-lost', match: append, probability: 0.04 },
  { fault: 'no-position', match: append, probability: 0.02 },
  { fault: 'error-500-after', match: append, probability: 0.01 },
  { fault: 'request-lost', probability: 0.01 },
  { fault: 'reset', probability: 0.01 },
  { fault: 'error-500', probability: 0.01 },
  { fault: 'throttle', probability: 0.01, delayMs: 50 },
  { fault: 'truncated', match: { operation: 'get' }, probability: 0.02 },
];

/** The usual round trip. */
export const NETWORK = { rttMs: 4, rttSigma: 0.5 } as const;
/** Requests get there after their writers have given up on them, who wait for `REQUEST_TIMEOUT_MS`. */
export const SLOW_NETWORK = { rttMs: 1500, rttSigma: 0.5 } as const;
export const REQUEST_TIMEOUT_MS = 600;
