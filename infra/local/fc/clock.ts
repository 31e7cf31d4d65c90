/** Time and chance as the event streams and the brokers use them; tests give their own, in which a day is nothing. */
import { setTimeout as timer } from 'node:timers/promises';

export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Resolves after `ms`, or when the signal fires. It never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** In [0, 1). */
  random(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) => timer(ms, undefined, { signal }).catch(() => undefined),
  random: () => Math.random(),
};
