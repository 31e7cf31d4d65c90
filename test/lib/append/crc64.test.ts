import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc64, crc64Combine } from '../../../lib/append/crc64.ts';

/** Bit by bit, straight from the definition. */
function slowCrc64(bytes: Uint8Array): bigint {
  let sum = 0xffffffffffffffffn;
  for (const byte of bytes) {
    sum ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) sum = (sum & 1n) === 1n ? (sum >> 1n) ^ 0xc96c5795d7870f42n : sum >> 1n;
  }
  return sum ^ 0xffffffffffffffffn;
}

describe('CRC-64/XZ', () => {
  it('gives the check value of its catalogue entry', () => {
    expect(crc64(Buffer.from('123456789'))).toBe(0x995dc9bbdf1939fan);
    expect(crc64(new Uint8Array(0))).toBe(0n);
  });

  it('equals the definition for any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => crc64(bytes) === slowCrc64(bytes)));
  });

  it('can be continued and joined at any cut', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, at) => {
        const [a, b] = [bytes.subarray(0, at), bytes.subarray(at)];
        expect(crc64(b, crc64(a))).toBe(crc64(bytes));
        expect(crc64Combine(crc64(a), crc64(b), b.length)).toBe(crc64(bytes));
      }),
    );
  });

  it('joins across lengths beyond 32 bits', () => {
    // Joining is associative, so 5 GB of zeros in one piece equals the same in many.
    const zeros = (bytes: number): bigint => {
      if (bytes <= 1024) return crc64(new Uint8Array(bytes));
      const half = Math.floor(bytes / 2);
      const low = zeros(half);
      return crc64Combine(low, bytes % 2 === 0 ? low : zeros(bytes - half), bytes - half);
    };
    const [a, b] = [3 * 2 ** 30, 2 ** 31 + 2 ** 10];
    expect(crc64Combine(zeros(a), zeros(b), b)).toBe(zeros(a + b));
  });
});
