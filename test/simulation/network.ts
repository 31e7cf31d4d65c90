/** The way between an instance and OSS: an `ObjectStore` whose requests and answers take time, and go astray. */
import type { AppendAnswer, Bucket, ByteRange, ObjectStore, PutAnswer } from '../../lib/store/port.ts';
import { type Answer, exchangeOf, type Line } from './exchange.ts';
import type { Instance } from './instance.ts';
import { type SimulatedOss, type Surface, surfaceOf } from './oss.ts';

export interface Network extends Line {
  readonly oss: SimulatedOss;
}

export function storeOf(instance: Instance, network: Network): ObjectStore & Pick<Bucket, 'put'> {
  const { scheduler, oss, storeError } = network;
  const diceOf = (key: string) => network.weather.of(`${instance.name} ${key}`);

  const exchange = exchangeOf(instance, network);

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
