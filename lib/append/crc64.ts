/**
 * CRC-64/XZ (ECMA-182 reflected, all ones in and out), the checksum OSS reports for a whole object.
 *
 * A sum can be continued (`crc64(next, sumSoFar)`) and two sums can be joined without the bytes (`crc64Combine`), so
 * a writer that knows an object's sum can tell what the sum must be after its append. 64-bit words are kept as two
 * 32-bit halves: BigInt arithmetic on every byte would be some fifty times slower.
 */

const POLY_HI = 0xc96c5795;
const POLY_LO = 0xd7870f42;
/** How many bytes one step of the main loop takes; one table for each. */
const SLICES = 8;

// Table k holds, for each byte value, its effect on the sum after k more zero bytes.
const HI = new Int32Array(SLICES * 256);
const LO = new Int32Array(SLICES * 256);
for (let byte = 0; byte < 256; byte++) {
  let hi = 0;
  let lo = byte;
  for (let bit = 0; bit < 8; bit++) {
    const carry = lo & 1;
    lo = ((lo >>> 1) | (hi << 31)) >>> 0;
    hi >>>= 1;
    if (carry === 1) {
      hi = (hi ^ POLY_HI) >>> 0;
      lo = (lo ^ POLY_LO) >>> 0;
    }
  }
  HI[byte] = hi;
  LO[byte] = lo;
}
for (let at = 256; at < SLICES * 256; at++) {
  const hi = HI[at - 256] as number;
  const lo = LO[at - 256] as number;
  HI[at] = (hi >>> 8) ^ (HI[lo & 255] as number);
  LO[at] = ((lo >>> 8) | (hi << 24)) ^ (LO[lo & 255] as number);
}

/** The sum of `bytes`, or of everything summed in `before` followed by `bytes`. */
export function crc64(bytes: Uint8Array, before = 0n): bigint {
  let hi = ~Number(before >> 32n);
  let lo = ~Number(before & 0xffffffffn);
  // Words and not bytes: all of it takes a quarter less time.
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const wordsEnd = bytes.length - (bytes.length % SLICES);
  let at = 0;
  for (; at < wordsEnd; at += SLICES) {
    lo ^= words.getInt32(at, true);
    hi ^= words.getInt32(at + 4, true);
    const a = 1792 + (lo & 255);
    const b = 1536 + ((lo >>> 8) & 255);
    const c = 1280 + ((lo >>> 16) & 255);
    const d = 1024 + (lo >>> 24);
    const e = 768 + (hi & 255);
    const f = 512 + ((hi >>> 8) & 255);
    const g = 256 + ((hi >>> 16) & 255);
    const h = hi >>> 24;
    hi = entry(HI, a) ^ entry(HI, b) ^ entry(HI, c) ^ entry(HI, d);
    hi ^= entry(HI, e) ^ entry(HI, f) ^ entry(HI, g) ^ entry(HI, h);
    lo = entry(LO, a) ^ entry(LO, b) ^ entry(LO, c) ^ entry(LO, d);
    lo ^= entry(LO, e) ^ entry(LO, f) ^ entry(LO, g) ^ entry(LO, h);
  }
  for (; at < bytes.length; at++) {
    const low = (lo ^ (bytes[at] as number)) & 255;
    lo = ((lo >>> 8) | (hi << 24)) ^ entry(LO, low);
    hi = (hi >>> 8) ^ entry(HI, low);
  }
  return join(~hi, ~lo);
}

/** The sum of A followed by B, from the two sums and the length of B in bytes. */
export function crc64Combine(a: bigint, b: bigint, lengthB: number): bigint {
  if (lengthB === 0) return a;
  const shifted = multiply(split(a), powerOfX(lengthB));
  return join(shifted.hi, shifted.lo) ^ b;
}

// --- Polynomials over GF(2), modulo the generator; bit 63 is x^0 -----------------------------------------------

interface Word {
  readonly hi: number;
  readonly lo: number;
}

function multiply(a: Word, b: Word): Word {
  let [hi, lo] = [0, 0];
  let [bHi, bLo] = [b.hi, b.lo];
  for (let bit = 0; bit < 64; bit++) {
    const set = bit < 32 ? (a.hi >>> (31 - bit)) & 1 : (a.lo >>> (63 - bit)) & 1;
    if (set === 1) {
      hi ^= bHi;
      lo ^= bLo;
    }
    const carry = bLo & 1;
    bLo = (bLo >>> 1) | (bHi << 31);
    bHi >>>= 1;
    if (carry === 1) {
      bHi ^= POLY_HI;
      bLo ^= POLY_LO;
    }
  }
  return { hi, lo };
}

/** x^(2^k), each the square of the one before; x^1 first. */
const SQUARES: Word[] = [{ hi: 0x40000000, lo: 0 }];

/** The last power that was made. The same append is mostly joined to its object's sum twice in a row. */
let last: { readonly bytes: number; readonly power: Word } = { bytes: 0, power: { hi: 0x80000000, lo: 0 } };

/** x^(8 * bytes): what appending that many bytes multiplies a sum by. */
function powerOfX(bytes: number): Word {
  if (last.bytes !== bytes) last = { bytes, power: newPowerOfX(bytes) };
  return last.power;
}

function newPowerOfX(bytes: number): Word {
  let product: Word = { hi: 0x80000000, lo: 0 };
  for (let rest = bytes, k = 3; rest > 0; rest = Math.floor(rest / 2), k++) {
    for (let square = SQUARES.at(-1) as Word; SQUARES.length <= k; square = SQUARES.at(-1) as Word) {
      SQUARES.push(multiply(square, square));
    }
    if (rest % 2 === 1) product = multiply(SQUARES[k] as Word, product);
  }
  return product;
}

const entry = (table: Int32Array, at: number): number => table[at] as number;
const split = (word: bigint): Word => ({ hi: Number(word >> 32n), lo: Number(word & 0xffffffffn) });
const join = (hi: number, lo: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
