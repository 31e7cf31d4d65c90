/**
 * CRC-64/XZ for the tests of stores: polynomial 0x42F0E1EBA9EA3693 reflected, all ones in and out. Written apart from
 * the project's own, so that the two can check each other. Two 32-bit halves a table entry, since BigInt is slow.
 */

const POLYNOMIAL = 0xc96c5795d7870f42n;
const LOW = 0xffffffffn;

const lowOf = new Uint32Array(256);
const highOf = new Uint32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let crc = BigInt(byte);
  for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ POLYNOMIAL : crc >> 1n;
  lowOf[byte] = Number(crc & LOW);
  highOf[byte] = Number(crc >> 32n);
}

/** The checksum of all bytes so far, from the one of the bytes before (0 for none) and the bytes that follow. */
export function crc64Update(crc: bigint, bytes: Uint8Array): bigint {
  let low = ~Number(crc & LOW) >>> 0;
  let high = ~Number(crc >> 32n) >>> 0;
  for (const byte of bytes) {
    const index = (low ^ byte) & 0xff;
    low = (((low >>> 8) | (high << 24)) ^ (lowOf[index] ?? 0)) >>> 0;
    high = ((high >>> 8) ^ (highOf[index] ?? 0)) >>> 0;
  }
  return (BigInt(~high >>> 0) << 32n) | BigInt(~low >>> 0);
}
