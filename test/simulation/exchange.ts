/** One request and its answer, between an instance and OSS: both take time, and go astray. */
import type { StoreError } from '../../lib/store/port.ts';
import type { Weather } from './faults.ts';
import type { Instance } from './instance.ts';
import type { Scheduler } from './scheduler.ts';

export interface Line {
  readonly scheduler: Scheduler;
  readonly weather: Weather;
  readonly latencyMs: number;
  readonly storeError: typeof StoreError;
  trace(who: string, what: string): void;
  /** A request for `key` has just acted. */
  acted(key: string): void;
}

/** A request that its sender gave up arrives this much later, at the most. */
const LATE_MS_MAX = 300_000;
/** A slow one takes this long, at the most: longer than some time-outs. */
const SLOW_MS_MAX = 5000;
/** How long the store asks to wait. */
const THROTTLE_MS_MAX = 3000;

const ASTRAY = [
  'throttled',
  'refused',
  'error-before',
  'request-lost',
  'request-late',
  'error-after',
  'answer-lost',
  'slow',
] as const;

/** What a request came to, in words, and what its answer does where it arrives. */
export interface Answer<A> {
  readonly value: A;
  readonly text: string;
  received(): void;
}

/** How an instance sends a request for `key`: `act` is what it does when it arrives. */
export function exchangeOf(instance: Instance, line: Line) {
  const { scheduler, storeError, trace } = line;
  return exchange;

  function exchange<A>(key: string, text: string, timeoutMs: number, act: () => Answer<A>): Promise<A> {
    const what = text.replace(' ', ` ${key} `).trim();
    const { random, among } = line.weather.of(`${instance.name} ${key}`);
    const latency = () => line.latencyMs * (1 + 2 * random.next());
    trace(instance.name, `→ ${what}`);
    return new Promise((resolve, reject) => {
      let given = false;
      const settle = (text: string, settled: () => void) => {
        if (given) return;
        given = true;
        cancelTimeout();
        trace(instance.name, `← ${what}: ${text}`);
        settled();
      };
      const fail = (code: string, status: number | null, delayMs: number | null = null) =>
        settle(code, () => reject(new storeError(code, code, { status, delayMs })));
      const cancelTimeout = instance.later(timeoutMs, () => fail('NoAnswer', null));
      const back = (run: () => void, slowMs = 0) => instance.later(latency() + slowMs, run);
      /** The connection breaks, or else nothing comes back until the time is up. */
      const broken = () => random.chance(0.6) && instance.later(2 * latency(), () => fail('NoAnswer', null));
      const arrive = (ms: number, answered: (answer: Answer<A>) => void) =>
        scheduler.after(ms, () => {
          // What a process had not sent in full when it died never acts.
          if (instance.state === 'dead' && random.chance(0.5)) return trace('oss', `${what} was cut off`);
          const answer = act();
          line.acted(key);
          trace('oss', `${instance.name}'s ${what}: ${answer.text}`);
          answered(answer);
        });
      const deliver = (answer: Answer<A>) =>
        settle(answer.text, () => {
          answer.received();
          resolve(answer.value);
        });

      const fault = among(ASTRAY);
      if (fault !== null) trace('fault', `${fault}: ${instance.name}'s ${what}`);
      const server = (run: () => void) => scheduler.after(latency(), run);
      switch (fault) {
        case 'throttled': {
          const delayMs = random.chance(0.7) ? random.whole(1, THROTTLE_MS_MAX) : null;
          server(() => back(() => fail('TotalQpsLimitExceeded', 503, delayMs)));
          break;
        }
        case 'refused':
          server(() => back(() => fail('AccessDenied', 403)));
          break;
        case 'error-before':
          server(() => back(() => fail(random.pick(['InternalError', 'ServiceUnavailable']), 503)));
          break;
        case 'request-lost':
          broken();
          break;
        case 'request-late':
          broken();
          arrive(LATE_MS_MAX * random.next() ** 4, () => {});
          break;
        case 'error-after':
          arrive(latency(), () => back(() => fail(random.pick(['InternalError', 'RequestTimeout']), 500)));
          break;
        case 'answer-lost':
          arrive(latency(), broken);
          break;
        case 'slow': {
          const slowMs = random.between(0, SLOW_MS_MAX);
          const there = random.chance(0.5);
          arrive(latency() + (there ? slowMs : 0), (answer) =>
            back(() => deliver(answer), there ? 0 : slowMs),
          );
          break;
        }
        case null:
          arrive(latency(), (answer) => back(() => deliver(answer)));
      }
    });
  }
}
