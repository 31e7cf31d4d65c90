/**
 * The OSS of the simulation: its rule of positions, and a memory of everything that was ever in it.
 *
 * An object that is deleted and written again is another **incarnation** under the same key; its number is the
 * **generation**. Every piece of an incarnation is a **landing**, with who sent it, when, and what that sender knew. An
 * incarnation that is entombed keeps its bytes aside, for the checker: nobody else sees anything but the tombstone.
 */
import { crc64 } from '../../lib/append/crc64.ts';

export interface Sent {
  /** The instance, null if someone else wrote it. */
  readonly writer: string | null;
  readonly sentMs: number;
  /** The key's generation when it was sent. */
  readonly generation: number;
  /** The generation of the bytes that the sender went by, null if it had read none. */
  readonly basis: number | null;
}

export interface Landing extends Sent {
  readonly start: number;
  readonly end: number;
  readonly landedMs: number;
  /** Its answer came back in time. */
  answered: boolean;
  /** When its sender first read the object again after that. */
  confirmedMs: number;
}

export interface Incarnation {
  readonly generation: number;
  readonly landings: Landing[];
  readonly fromMs: number;
  untilMs: number;
  bytes: Buffer;
  crc64: bigint;
  /** The ordinary objects that were put in its place, the last one last. */
  readonly tombstones: Buffer[];
}

/** What is seen of an object. */
export interface Surface {
  readonly type: 'Appendable' | 'Normal';
  readonly bytes: Buffer;
  readonly crc64: bigint;
}

export function surfaceOf({ bytes, crc64: sum, tombstones }: Incarnation): Surface {
  const tombstone = tombstones.at(-1);
  if (tombstone === undefined) return { type: 'Appendable', bytes, crc64: sum };
  return { type: 'Normal', bytes: tombstone, crc64: crc64(tombstone) };
}

interface Kept {
  generation: number;
  current: Incarnation | null;
  readonly all: Incarnation[];
  /** Every length the key ever had, in order of time. */
  readonly lengths: { readonly fromMs: number; readonly length: number }[];
}

export class SimulatedOss {
  readonly #nowMs: () => number;
  readonly #keys = new Map<string, Kept>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Of the objects of a log or a raw object: the key itself, and those of its segments in order. */
  keysOf(key: string): readonly string[] {
    const segments = [...this.#keys.keys()].filter((one) => one.startsWith(`${key}~`)).sort();
    return [key, ...segments];
  }
  current(key: string): Incarnation | null {
    return this.#key(key).current;
  }
  surface(key: string): Surface | null {
    const found = this.current(key);
    return found && surfaceOf(found);
  }
  length(key: string): number {
    return this.surface(key)?.bytes.length ?? 0;
  }
  generation(key: string): number {
    return this.#key(key).generation;
  }
  incarnations(key: string): readonly Incarnation[] {
    return this.#key(key).all;
  }
  lengths(key: string): Kept['lengths'] {
    return this.#key(key).lengths;
  }

  /** All of `body` at `position`, or nothing: then the length that was found instead, or null for an ordinary object. */
  append(key: string, position: number, body: Uint8Array, sent: Sent): Landing | number | null {
    const kept = this.#key(key);
    const length = kept.current?.bytes.length ?? 0;
    if (kept.current !== null && kept.current.tombstones.length > 0) return null;
    if (position !== length) return length;
    const landedMs = this.#nowMs();
    if (kept.current === null) {
      kept.current = {
        generation: kept.generation,
        landings: [],
        fromMs: landedMs,
        untilMs: Number.POSITIVE_INFINITY,
        bytes: Buffer.alloc(0),
        crc64: 0n,
        tombstones: [],
      };
      kept.all.push(kept.current);
    }
    const landing: Landing = {
      ...sent,
      start: length,
      end: length + body.length,
      landedMs,
      answered: false,
      confirmedMs: Number.POSITIVE_INFINITY,
    };
    kept.current.bytes = Buffer.concat([kept.current.bytes, body]);
    kept.current.crc64 = crc64(body, kept.current.crc64);
    kept.current.landings.push(landing);
    kept.lengths.push({ fromMs: landedMs, length: landing.end });
    return landing;
  }

  /** An ordinary object in the place of the one that is there. */
  put(key: string, bytes: Uint8Array): void {
    const kept = this.#key(key);
    if (kept.current === null) throw new Error(`nobody puts what is not there: ${key}`);
    kept.current.tombstones.push(Buffer.from(bytes));
    kept.lengths.push({ fromMs: this.#nowMs(), length: bytes.length });
  }

  /** Bytes of someone who knows the length. */
  foreign(key: string, bytes: Uint8Array): void {
    const generation = this.generation(key);
    this.append(key, this.length(key), bytes, {
      writer: null,
      sentMs: this.#nowMs(),
      generation,
      basis: generation,
    });
  }

  delete(key: string): void {
    const kept = this.#key(key);
    if (kept.current === null) return;
    kept.current.untilMs = this.#nowMs();
    kept.current = null;
    kept.generation++;
    kept.lengths.push({ fromMs: this.#nowMs(), length: 0 });
  }

  #key(key: string): Kept {
    let kept = this.#keys.get(key);
    if (kept === undefined) {
      kept = { generation: 0, current: null, all: [], lengths: [{ fromMs: 0, length: 0 }] };
      this.#keys.set(key, kept);
    }
    return kept;
  }
}
