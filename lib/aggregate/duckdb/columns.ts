/** Columns of a file in the making: values one after the other, as Parquet's PLAIN encoding has them. */

import { viewOf } from '../content-hash.ts';

const BYTES_MIN = 256;
const LENGTH_BYTES = 4;

/** Grows, and is used again: what it holds is copied out by whoever wants to keep it. Little-endian, as the machine. */
export class ByteColumn {
  #buffer = Buffer.allocUnsafeSlow(BYTES_MIN);
  #int32 = new Int32Array(this.#buffer.buffer);
  #view = viewOf(this.#buffer);
  length = 0;

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }

  /** Of what `bytes` is the beginning of. It changes as the column grows. */
  get view(): DataView {
    return this.#view;
  }

  clear(): void {
    this.length = 0;
  }

  /** A byte array: its length, then its bytes. */
  addBytes(bytes: Uint8Array): void {
    this.#reserve(LENGTH_BYTES + bytes.length);
    this.#buffer.set(bytes, this.length + LENGTH_BYTES);
    this.#endBytes(bytes.length);
  }

  /** In UTF-8; its bytes, which are the last of the column. */
  addText(text: string): number {
    // A UTF-16 unit takes three bytes of UTF-8 at most.
    this.#reserve(LENGTH_BYTES + 3 * text.length);
    const length = this.#buffer.write(text, this.length + LENGTH_BYTES);
    this.#endBytes(length);
    return length;
  }

  /** Lines `from` to `to` of `data`, each a byte array without its line end. Their bytes. */
  addLines(data: Buffer, lineEnds: Uint32Array, from: number, to: number): number {
    const start = from === 0 ? 0 : (lineEnds[from - 1] as number) + 1;
    const end = lineEnds[to - 1] as number;
    const count = to - from;
    const room = LENGTH_BYTES * count + (end - start);
    this.#reserve(room + LENGTH_BYTES);
    // All at once, then each to its place: several times faster than one by one. A length takes three bytes more than a
    // line end, so a line only ever moves towards the front.
    const moved = this.length + (LENGTH_BYTES - 1) * count + 1 - start;
    this.#buffer.set(data.subarray(start, end), moved + start);
    let lineStart = start;
    for (let line = from; line < to; line++) {
      const lineEnd = lineEnds[line] as number;
      this.#buffer.copyWithin(this.length + LENGTH_BYTES, moved + lineStart, moved + lineEnd);
      this.#endBytes(lineEnd - lineStart);
      lineStart = lineEnd + 1;
    }
    return end - start - count + 1;
  }

  /** Not in a column with other kinds of values, and so for the next one. */
  addInt32(value: number): void {
    this.#reserve(4);
    this.#int32[this.length >> 2] = value;
    this.length += 4;
  }

  /** Of two halves of 32 bits. */
  addHalves(low: number, high: number): void {
    this.#reserve(8);
    const at = this.length >> 2;
    this.#int32[at] = low;
    this.#int32[at + 1] = high;
    this.length += 8;
  }

  /** A whole number that a double holds exactly, also a negative one. */
  addInt64(value: number): void {
    this.addHalves(value, Math.floor(value / 2 ** 32));
  }

  #endBytes(length: number): void {
    const at = this.length;
    this.#view.setInt32(at, length, true);
    this.length = at + LENGTH_BYTES + length;
  }

  #reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.#buffer.length) return;
    // A multiple of four, for the view.
    const larger = Buffer.allocUnsafeSlow(Math.max((needed + 3) & ~3, 2 * this.#buffer.length));
    this.#buffer.copy(larger, 0, 0, this.length);
    this.#buffer = larger;
    this.#int32 = new Int32Array(larger.buffer);
    this.#view = viewOf(larger);
  }
}
