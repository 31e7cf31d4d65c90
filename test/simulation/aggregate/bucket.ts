/** The bucket of the simulation of jobs: what is in it now, and a way to it that goes astray. */
import { crc64 } from '../../../lib/append/crc64.ts';
import type {
  AppendAnswer,
  Bucket,
  ListPage,
  ObjectInfo,
  PutAnswer,
  PutBody,
  ReadAnswer,
} from '../../../lib/store/port.ts';
import { type Answer, exchangeOf, type Line } from '../exchange.ts';
import type { Instance } from '../instance.ts';

export interface StoredObject {
  readonly type: 'Appendable' | 'Normal';
  readonly bytes: Buffer;
  readonly crc64: bigint;
}

export class Objects {
  readonly #objects = new Map<string, StoredObject>();
  /** Is told of every change. */
  changed: (key: string) => void = () => {};
  /** Logs that others were put in the place of, as they were. */
  readonly entombed = new Map<string, Buffer>();

  get(key: string): StoredObject | null {
    return this.#objects.get(key) ?? null;
  }

  /** Sorted. */
  keys(prefix: string): string[] {
    return [...this.#objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  /** The length that was found instead of `position`, if it was not that; or that an ordinary object is there. */
  append(key: string, position: number, body: Uint8Array): number | 'ordinary' | null {
    const found = this.get(key);
    if (found?.type === 'Normal') return 'ordinary';
    const length = found?.bytes.length ?? 0;
    if (position !== length) return length;
    const bytes = Buffer.concat([found?.bytes ?? Buffer.alloc(0), body]);
    this.#set(key, { type: 'Appendable', bytes, crc64: crc64(body, found?.crc64 ?? 0n) });
    return null;
  }

  /** False if something is there that may not be overwritten. */
  put(key: string, body: Uint8Array, forbidOverwrite: boolean): boolean {
    const found = this.get(key);
    if (forbidOverwrite && found !== null) return false;
    if (found?.type === 'Appendable') this.entombed.set(key, found.bytes);
    this.#set(key, { type: 'Normal', bytes: Buffer.from(body), crc64: crc64(body) });
    return true;
  }

  remove(key: string): void {
    this.#objects.delete(key);
    this.changed(key);
  }

  #set(key: string, object: StoredObject): void {
    this.#objects.set(key, object);
    this.changed(key);
  }
}

const PAGE_OBJECTS = 3;

/** An instance's way to the bucket. */
export function bucketOf(instance: Instance, objects: Objects, line: Line): Bucket {
  const exchange = exchangeOf(instance, line);
  const answer = <A>(value: A, text: string): Answer<A> => ({ value, text, received() {} });

  async function unclear<A>(request: Promise<A>) {
    try {
      return await request;
    } catch (failure) {
      if (failure instanceof line.storeError) return { kind: 'failed', failure } as const;
      throw failure;
    }
  }

  return {
    head: (key, { timeoutMs }) =>
      exchange(key, 'HEAD ', timeoutMs, () => {
        const found = objects.get(key);
        const info: ObjectInfo | null = found && {
          type: found.type,
          length: found.bytes.length,
          crc64: found.crc64,
          contentType: null,
          lastModifiedMs: null,
        };
        return answer(info, `${info?.length ?? 'nothing there'}`);
      }),

    read: (key, range, { timeoutMs }) => {
      const asked = 'last' in range ? `last ${range.last}` : `${range.start}-${range.end}`;
      return exchange(key, `GET ${asked}`, timeoutMs, () => {
        const found = objects.get(key);
        if (found === null) return answer<ReadAnswer | null>(null, 'nothing there');
        const { length } = found.bytes;
        const start = 'last' in range ? Math.max(0, length - range.last) : Math.min(range.start, length);
        const end = 'last' in range ? length : Math.max(start, Math.min(range.end, length));
        const bytes = found.bytes.subarray(start, end);
        const text = `${bytes.length} bytes from ${start} of ${length}`;
        return answer<ReadAnswer | null>(
          { bytes, start, length, crc64: found.crc64, type: found.type },
          text,
        );
      });
    },

    append: (key, position, body, { timeoutMs }): Promise<AppendAnswer> => {
      const bytes = Uint8Array.from(body); // what is on its way does not change with the sender's memory
      return unclear(
        exchange<AppendAnswer>(key, `APPEND at ${position}, ${bytes.length} bytes`, timeoutMs, () => {
          const length = objects.append(key, position, bytes);
          if (length === 'ordinary') {
            const failure = new line.storeError('ObjectNotAppendable', 'ordinary', { status: 409 });
            return answer({ kind: 'failed', failure }, 'not appendable');
          }
          if (length !== null) return answer({ kind: 'conflict', length }, `conflict, ${length}`);
          const sum = objects.get(key)?.crc64 ?? null;
          return answer({ kind: 'appended', nextPosition: position + bytes.length, crc64: sum }, 'appended');
        }),
      );
    },

    list: (prefix, { timeoutMs, startAfter = '', limit = PAGE_OBJECTS }) =>
      exchange(prefix, 'LIST ', timeoutMs, () => {
        const keys = objects.keys(prefix).filter((key) => key > startAfter);
        const page = keys.slice(0, limit).map((key) => {
          const found = objects.get(key);
          const length = found?.bytes.length ?? 0;
          return { key, length, type: found?.type ?? 'Normal', lastModifiedMs: null };
        });
        const next = keys.length > page.length ? (page.at(-1)?.key ?? null) : null;
        return answer<ListPage>({ objects: page, next }, `${page.length} objects`);
      }),

    put: async (key, body, { timeoutMs, forbidOverwrite = false }): Promise<PutAnswer> => {
      const bytes = await bytesOf(body);
      return unclear(
        exchange<PutAnswer>(key, `PUT ${bytes.length} bytes`, timeoutMs, () => {
          if (!objects.put(key, bytes, forbidOverwrite)) return answer({ kind: 'exists' }, 'exists');
          return answer({ kind: 'created', crc64: objects.get(key)?.crc64 ?? null }, 'put');
        }),
      );
    },

    remove: (key, { timeoutMs }) =>
      exchange(key, 'DELETE ', timeoutMs, () => {
        objects.remove(key);
        return answer(undefined, 'deleted');
      }),
  };
}

async function bytesOf(body: PutBody): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return Uint8Array.from(body);
  const pieces: Uint8Array[] = [];
  for await (const piece of body.open()) pieces.push(piece);
  return Buffer.concat(pieces);
}
