import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { combineCrc64, crc64 } from '../../../../infra/local/oss/crc64.ts';

/** The definition, bit by bit. */
function bitwise(bytes: Uint8Array): bigint {
  let crc = 0xffff_ffff_ffff_ffffn;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0xc96c_5795_d787_0f42n : crc >> 1n;
  }
  return crc ^ 0xffff_ffff_ffff_ffffn;
}

const bytes = fc.uint8Array({ maxLength: 300 });

describe('crc64', () => {
  it('has the check value of CRC-64/XZ', () => {
    expect(crc64(Buffer.from('123456789'))).toBe(0x995dc9bbdf1939fan);
    expect(crc64(new Uint8Array())).toBe(0n);
  });

  it('agrees with the bit-by-bit definition', () => {
    fc.assert(fc.property(bytes, (all) => crc64(all) === bitwise(all)));
  });

  it('is continued from the checksum of what came before', () => {
    fc.assert(fc.property(bytes, bytes, (a, b) => crc64(b, crc64(a)) === crc64(Buffer.concat([a, b]))));
  });

  it('joins two checksums without the bytes', () => {
    fc.assert(
      fc.property(
        bytes,
        bytes,
        (a, b) => combineCrc64(crc64(a), crc64(b), b.length) === crc64(Buffer.concat([a, b])),
      ),
    );
    const large = Buffer.alloc(3_000_001, 'large');
    const start = Buffer.from('start');
    expect(combineCrc64(crc64(start), crc64(large), large.length)).toBe(crc64(Buffer.concat([start, large])));
  });
});
