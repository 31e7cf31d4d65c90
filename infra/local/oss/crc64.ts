/**
 * CRC-64/XZ (ECMA-182 polynomial, reflected, all ones in and out), the checksum OSS calls `x-oss-hash-crc64ecma`.
 *
 * Values are unsigned 64-bit bigints; `crc64("123456789")` is 0x995DC9BBDF1939FA. A checksum can be continued over
 * more bytes, and two can be joined without the bytes. Works on two 32-bit halves, eight bytes a step, because
 * bigints are too slow for the bytes themselves.
 */

const POLYNOMIAL_HIGH = 0xc96c5795;
const POLYNOMIAL_LOW = 0xd7870f42;
/** Bytes taken in one step; one table of 256 entries for each. */
const SLICES = 8;

const { high: HIGH, low: LOW } = tables();
const SQUARES = squares();

/** The checksum of the bytes `seed` stands for, followed by `bytes`. */
export function crc64(bytes: Uint8Array, seed = 0n): bigint {
  const start = split(seed);
  let high = ~start.high;
  let low = ~start.low;
  const sliced = bytes.length - (bytes.length % SLICES);
  let i = 0;
  for (; i < sliced; i += SLICES) {
    low ^=
      byte(bytes, i) | (byte(bytes, i + 1) << 8) | (byte(bytes, i + 2) << 16) | (byte(bytes, i + 3) << 24);
    high ^=
      byte(bytes, i + 4) |
      (byte(bytes, i + 5) << 8) |
      (byte(bytes, i + 6) << 16) |
      (byte(bytes, i + 7) << 24);
    const nextHigh = slice(HIGH, high, low);
    low = slice(LOW, high, low);
    high = nextHigh;
  }
  for (; i < bytes.length; i++) {
    const index = (low ^ byte(bytes, i)) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ at(LOW, index);
    high = (high >>> 8) ^ at(HIGH, index);
  }
  return join({ high: ~high, low: ~low });
}

/** The checksum of A followed by B, from the checksum of each and the length of B in bytes. */
export function combineCrc64(crcA: bigint, crcB: bigint, lengthB: number): bigint {
  const shifted = multiply(split(crcA), power(lengthB));
  return join(shifted) ^ crcB;
}

/** A polynomial modulo POLYNOMIAL, reflected: the highest bit stands for x^0. */
interface Polynomial {
  readonly high: number;
  readonly low: number;
}

/** x^(8 · bytes): what `bytes` zero bytes do to a checksum. */
function power(bytes: number): Polynomial {
  let result: Polynomial = { high: 1 << 31, low: 0 };
  let rest = bytes;
  for (const square of SQUARES) {
    if (rest === 0) break;
    if (rest % 2 === 1) result = multiply(result, square);
    rest = Math.floor(rest / 2);
  }
  return result;
}

/** x^8, x^16, x^32, …: enough for any safe integer of bytes. */
function squares(): Polynomial[] {
  const list: Polynomial[] = [{ high: 1 << 23, low: 0 }];
  for (let last = list[0]; last !== undefined && list.length < 53; ) {
    last = multiply(last, last);
    list.push(last);
  }
  return list;
}

function multiply(a: Polynomial, b: Polynomial): Polynomial {
  let high = 0;
  let low = 0;
  let { high: shiftedHigh, low: shiftedLow } = b;
  for (let bit = 0; bit < 64; bit++) {
    const word = bit < 32 ? a.high : a.low;
    if ((word << (bit & 31)) & (1 << 31)) {
      high ^= shiftedHigh;
      low ^= shiftedLow;
    }
    const carry = shiftedLow & 1;
    shiftedLow = (shiftedLow >>> 1) | (shiftedHigh << 31);
    shiftedHigh >>>= 1;
    if (carry) {
      shiftedHigh ^= POLYNOMIAL_HIGH;
      shiftedLow ^= POLYNOMIAL_LOW;
    }
  }
  return { high, low };
}

function split(value: bigint): Polynomial {
  return { high: Number(value >> 32n) | 0, low: Number(value & 0xffffffffn) | 0 };
}

function join({ high, low }: Polynomial): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

function slice(table: Int32Array, high: number, low: number): number {
  return (
    at(table, 0x700 | (low & 0xff)) ^
    at(table, 0x600 | ((low >>> 8) & 0xff)) ^
    at(table, 0x500 | ((low >>> 16) & 0xff)) ^
    at(table, 0x400 | (low >>> 24)) ^
    at(table, 0x300 | (high & 0xff)) ^
    at(table, 0x200 | ((high >>> 8) & 0xff)) ^
    at(table, 0x100 | ((high >>> 16) & 0xff)) ^
    at(table, high >>> 24)
  );
}

function tables(): { high: Int32Array; low: Int32Array } {
  const high = new Int32Array(SLICES * 256);
  const low = new Int32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let h = 0;
    let l = byte;
    for (let bit = 0; bit < 8; bit++) {
      const carry = l & 1;
      l = (l >>> 1) | (h << 31);
      h >>>= 1;
      if (carry) {
        h ^= POLYNOMIAL_HIGH;
        l ^= POLYNOMIAL_LOW;
      }
    }
    high[byte] = h;
    low[byte] = l;
  }
  for (let i = 256; i < SLICES * 256; i++) {
    const h = at(high, i - 256);
    const l = at(low, i - 256);
    low[i] = ((l >>> 8) | (h << 24)) ^ at(low, l & 0xff);
    high[i] = (h >>> 8) ^ at(high, l & 0xff);
  }
  return { high, low };
}

/** Indexes here never leave the array; the fallback only tells the compiler so. */
function at(table: Int32Array, index: number): number {
  return table[index] ?? 0;
}

/** Apart from `at`, because one function for both kinds of array is half as fast. */
function byte(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}
