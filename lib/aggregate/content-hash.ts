/**
 * What a record is known by over all of a job's files: 64 bits of where it belongs, its names and its text. Added up
 * modulo 2⁶⁴, they say whether two sets of records are the same, whatever their order.
 *
 * MurmurHash3_x86_128 (Austin Appleby) of one part after the other, each with the result before as its state, so parts
 * cannot run into each other; all zeros at first. It guards against mistakes, not against forgers. MD5, which DuckDB has
 * itself, took as long as writing the rows: 0.6 µs to begin with a record.
 */

/** Of a log: its family, in UTF-8. */
export class ContentHash {
  readonly #state = new Int32Array(4);
  /** After the parts that the records of a run have in common. */
  readonly #run = new Int32Array(4);

  /** The records that follow are of one source and epoch. */
  run(family: string, source: string, epoch: number | null): void {
    this.#run.fill(0);
    for (const part of [family, source, epoch === null ? '' : String(epoch)]) {
      const bytes = Buffer.from(part);
      murmur(this.#run, bytes, 0, bytes.length);
    }
  }

  /** Takes the id of the next record; the low and the high half of what its identity is known by are then at hand. */
  id(bytes: Uint8Array, start: number, end: number): void {
    this.#state.set(this.#run);
    murmur(this.#state, bytes, start, end);
  }

  /** Takes its text; the low and the high half of its hash are then at hand. */
  data(bytes: Uint8Array, start: number, end: number): void {
    murmur(this.#state, bytes, start, end);
  }

  get low(): number {
    return this.#state[0] as number;
  }

  get high(): number {
    return this.#state[1] as number;
  }
}

export interface HashedRecord {
  /** The log that it belongs to. */
  readonly family: string;
  readonly source: string;
  readonly epoch: number | null;
  readonly id: string;
  /** The record as it came in: its data line, or what is wrapped there (PROTOCOL.md §3.1). */
  readonly data: string | Uint8Array;
}

export function contentHash({ family, source, epoch, id, data }: HashedRecord): bigint {
  const hash = new ContentHash();
  hash.run(family, source, epoch);
  const [name, text] = [Buffer.from(id), Buffer.from(data)];
  hash.id(name, 0, name.length);
  hash.data(text, 0, text.length);
  return (BigInt(hash.high >>> 0) << 32n) | BigInt(hash.low >>> 0);
}

const C1 = 0x239b961b;
const C2 = 0xab0e9789;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93;

/** `state` becomes the hash of the bytes [start, end), with four seeds: what it was. */
export function murmur(state: Int32Array, bytes: Uint8Array, start: number, end: number): void {
  let h1 = state[0] as number;
  let h2 = state[1] as number;
  let h3 = state[2] as number;
  let h4 = state[3] as number;
  const length = end - start;
  const blocksEnd = start + length - (length % 16);
  for (let at = start; at < blocksEnd; at += 16) {
    h1 = rotated(h1 ^ mixed(word(bytes, at), C1, 15, C2), 19);
    h1 = (Math.imul((h1 + h2) | 0, 5) + 0x561ccd1b) | 0;
    h2 = rotated(h2 ^ mixed(word(bytes, at + 4), C2, 16, C3), 17);
    h2 = (Math.imul((h2 + h3) | 0, 5) + 0x0bcaa747) | 0;
    h3 = rotated(h3 ^ mixed(word(bytes, at + 8), C3, 17, C4), 15);
    h3 = (Math.imul((h3 + h4) | 0, 5) + 0x96cd1c35) | 0;
    h4 = rotated(h4 ^ mixed(word(bytes, at + 12), C4, 18, C1), 13);
    h4 = (Math.imul((h4 + h1) | 0, 5) + 0x32ac3b17) | 0;
  }
  // Words of the rest, zeros after its end; a word of zeros changes nothing.
  h4 ^= mixed(lastWord(bytes, blocksEnd + 12, end), C4, 18, C1);
  h3 ^= mixed(lastWord(bytes, blocksEnd + 8, end), C3, 17, C4);
  h2 ^= mixed(lastWord(bytes, blocksEnd + 4, end), C2, 16, C3);
  h1 ^= mixed(lastWord(bytes, blocksEnd, end), C1, 15, C2);

  h1 = ((h1 ^ length) + (h2 ^ length) + (h3 ^ length) + (h4 ^ length)) | 0;
  h2 = ((h2 ^ length) + h1) | 0;
  h3 = ((h3 ^ length) + h1) | 0;
  h4 = ((h4 ^ length) + h1) | 0;
  h1 = final(h1);
  h2 = final(h2);
  h3 = final(h3);
  h4 = final(h4);
  h1 = (h1 + h2 + h3 + h4) | 0;
  state[0] = h1;
  state[1] = h2 + h1;
  state[2] = h3 + h1;
  state[3] = h4 + h1;
}

const byte = (bytes: Uint8Array, at: number): number => bytes[at] as number;
const rotated = (value: number, by: number): number => (value << by) | (value >>> (32 - by));
const mixed = (value: number, first: number, by: number, second: number): number =>
  Math.imul(rotated(Math.imul(value, first), by), second);

const word = (bytes: Uint8Array, at: number): number =>
  byte(bytes, at) | (byte(bytes, at + 1) << 8) | (byte(bytes, at + 2) << 16) | (byte(bytes, at + 3) << 24);

function lastWord(bytes: Uint8Array, at: number, end: number): number {
  let value = 0;
  for (let shift = 0; shift < 32 && at < end; shift += 8) value |= byte(bytes, at++) << shift;
  return value;
}

function final(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
