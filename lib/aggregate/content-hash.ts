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
      const bytes = viewOf(Buffer.from(part));
      murmur(this.#run, bytes, 0, bytes.byteLength);
    }
  }

  /** Takes the id of the next record; the low and the high half of what its identity is known by are then at hand. */
  id(bytes: DataView, start: number, end: number): void {
    this.#state.set(this.#run);
    murmur(this.#state, bytes, start, end);
  }

  /** Takes its text; the low and the high half of its hash are then at hand. */
  data(bytes: DataView, start: number, end: number): void {
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
  const [name, text] = [viewOf(Buffer.from(id)), viewOf(Buffer.from(data))];
  hash.id(name, 0, name.byteLength);
  hash.data(text, 0, text.byteLength);
  return (BigInt(hash.high >>> 0) << 32n) | BigInt(hash.low >>> 0);
}

/** The bytes as `ContentHash` takes them: a word at a time is several times faster than four bytes. */
export const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);

const C1 = 0x239b961b;
const C2 = 0xab0e9789;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93;

/** `state` becomes the hash of the bytes [start, end), with four seeds: what it was. */
export function murmur(state: Int32Array, bytes: DataView, start: number, end: number): void {
  let h1 = state[0] as number;
  let h2 = state[1] as number;
  let h3 = state[2] as number;
  let h4 = state[3] as number;
  const length = end - start;
  const blocksEnd = start + length - (length % 16);
  for (let at = start; at < blocksEnd; at += 16) {
    h1 = rotated(h1 ^ mixed(bytes.getInt32(at, true), C1, 15, C2), 19);
    h1 = (Math.imul((h1 + h2) | 0, 5) + 0x561ccd1b) | 0;
    h2 = rotated(h2 ^ mixed(bytes.getInt32(at + 4, true), C2, 16, C3), 17);
    h2 = (Math.imul((h2 + h3) | 0, 5) + 0x0bcaa747) | 0;
    h3 = rotated(h3 ^ mixed(bytes.getInt32(at + 8, true), C3, 17, C4), 15);
    h3 = (Math.imul((h3 + h4) | 0, 5) + 0x96cd1c35) | 0;
    h4 = rotated(h4 ^ mixed(bytes.getInt32(at + 12, true), C4, 18, C1), 13);
    h4 = (Math.imul((h4 + h1) | 0, 5) + 0x32ac3b17) | 0;
  }
  const rest = end - blocksEnd;
  if (rest > 12) h4 ^= mixed(lastWord(bytes, blocksEnd + 12, end), C4, 18, C1);
  if (rest > 8) h3 ^= mixed(lastWord(bytes, blocksEnd + 8, end), C3, 17, C4);
  if (rest > 4) h2 ^= mixed(lastWord(bytes, blocksEnd + 4, end), C2, 16, C3);
  if (rest > 0) h1 ^= mixed(lastWord(bytes, blocksEnd, end), C1, 15, C2);

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

const rotated = (value: number, by: number): number => (value << by) | (value >>> (32 - by));
const mixed = (value: number, first: number, by: number, second: number): number =>
  Math.imul(rotated(Math.imul(value, first), by), second);

/** With zeros after `end`. */
function lastWord(bytes: DataView, at: number, end: number): number {
  if (at + 4 <= end) return bytes.getInt32(at, true);
  let value = 0;
  for (let shift = 0; at < end; shift += 8) value |= bytes.getUint8(at++) << shift;
  return value;
}

function final(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
