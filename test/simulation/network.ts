/** The way between an instance and OSS: an `ObjectStore` whose requests and answers take time, and go astray. */
import type {
  AppendAnswer,
  Bucket,
  ByteRange,
  ObjectStore,
  PutAnswer,
  StoreError,
} from '../../lib/store/port.ts';
import type { Weather } from './faults.ts';
import type { Instance } from './instance.ts';
import { type SimulatedOss, type Surface, surfaceOf } from './oss.ts';
import type { Scheduler } from './scheduler.ts';

export interface Network {
  readonly scheduler: Scheduler;
  readonly oss: SimulatedOss;
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
interface Answer<A> {
  readonly value: A;
  readonly text: string;
  received(): void;
}

export function storeOf(instance: Instance, network: Network): ObjectStore & Pick<Bucket, 'put'> {
  const { scheduler, oss, storeError, trace } = network;
  const diceOf = (key: string) => network.weather.of(`${instance.name} ${key}`);

  /** Sends one request. `act` is what it does when it arrives. */
  function exchange<A>(key: string, text: string, timeoutMs: number, act: () => Answer<A>): Promise<A> {
    const what = text.replace(' ', ` ${key} `).trim();
    const { random, among } = diceOf(key);
    const latency = () => network.latencyMs * (1 + 2 * random.next());
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
          network.acted(key);
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

  const look = <A>(key: string, see: (found: Surface | null) => A, text: (found: A) => string) => {
    const generation = oss.generation(key);
    const found = oss.current(key);
    const value = see(found && surfaceOf(found));
    const landings = (found?.landings ?? []).filter(({ writer }) => writer === instance.name);
    const received = () => {
      instance.basis.set(key, generation);
      for (const landing of landings) landing.confirmedMs = Math.min(landing.confirmedMs, scheduler.nowMs);
    };
    return { value, text: text(value), received };
  };

  return {
    head: (key, { timeoutMs }) =>
      exchange(key, 'HEAD ', timeoutMs, () => {
        const see = (found: Surface | null) =>
          found && {
            type: found.type,
            length: found.bytes.length,
            crc64: found.crc64,
            contentType: null,
            lastModifiedMs: null,
          };
        const answer = look(key, see, (info) => `${info?.length ?? 'nothing there'}`);
        return { ...answer, received() {} }; // a length is not what a log goes by
      }),

    read: (key, range, { timeoutMs }) =>
      exchange(key, `GET ${rangeText(range)}`, timeoutMs, () => {
        const see = (found: Surface | null) => {
          if (found === null) return null;
          const { length } = found.bytes;
          const start = 'last' in range ? Math.max(0, length - range.last) : Math.min(range.start, length);
          const end = 'last' in range ? length : Math.max(start, Math.min(range.end, length));
          return { ...found, bytes: found.bytes.subarray(start, end), start, length };
        };
        const text = (read: ReturnType<typeof see>) =>
          read === null ? 'nothing there' : `${read.bytes.length} bytes from ${read.start} of ${read.length}`;
        return look(key, see, text);
      }),

    async append(key, position, body, { timeoutMs }): Promise<AppendAnswer> {
      const sent = {
        writer: instance.name,
        sentMs: scheduler.nowMs,
        generation: oss.generation(key),
        basis: instance.basis.get(key) ?? null,
      };
      const bytes = Uint8Array.from(body); // what is on its way does not change with the sender's memory
      const act = (): Answer<AppendAnswer> => {
        const landing = oss.append(key, position, bytes, sent);
        const found = oss.length(key);
        // Which of the two OSS says of an ordinary object of another length is not documented.
        if (landing === null && (position === found || diceOf(key).random.chance(0.7))) {
          const failure = new storeError('ObjectNotAppendable', 'ordinary', { status: 409 });
          return { value: { kind: 'failed', failure }, text: 'not appendable', received() {} };
        }
        if (landing === null || typeof landing === 'number') {
          const length = diceOf(key).strikes('no-length') ? null : found;
          const text = length === null ? `conflict without a length (${found})` : `conflict, ${length}`;
          return { value: { kind: 'conflict', length }, text, received() {} };
        }
        const value = {
          kind: 'appended',
          nextPosition: landing.end,
          crc64: oss.current(key)?.crc64 ?? null,
        } as const;
        const { generation } = landing;
        const landedIn = oss.generation(key);
        const received = () => {
          landing.answered = true;
          instance.basis.set(key, landedIn);
        };
        return { value, text: `appended${landedIn === generation ? '' : ' to another object'}`, received };
      };
      try {
        return await exchange(key, `APPEND at ${position}, ${body.length} bytes`, timeoutMs, act);
      } catch (failure) {
        if (failure instanceof storeError) return { kind: 'failed', failure };
        throw failure;
      }
    },

    async put(key, body, { timeoutMs }): Promise<PutAnswer> {
      if (!(body instanceof Uint8Array)) throw new TypeError('nothing here puts streams');
      const bytes = Uint8Array.from(body);
      const act = (): Answer<PutAnswer> => {
        oss.put(key, bytes);
        const crc64 = oss.surface(key)?.crc64 ?? null;
        return { value: { kind: 'created', crc64 }, text: 'put', received() {} };
      };
      try {
        return await exchange(key, `PUT ${bytes.length} bytes`, timeoutMs, act);
      } catch (failure) {
        if (failure instanceof storeError) return { kind: 'failed', failure };
        throw failure;
      }
    },
  };
}

const rangeText = (range: ByteRange): string =>
  'last' in range ? `last ${range.last}` : `${range.start}-${range.end}`;
