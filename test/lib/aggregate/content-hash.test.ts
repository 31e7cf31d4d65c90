import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentHash, murmur, viewOf } from '../../../lib/aggregate/content-hash.ts';
import { slowContentHash, slowMurmur } from '../../aggregate/murmur.ts';

const hashed = (text: string, seed = 0) => {
  const state = new Int32Array(4).fill(seed);
  const bytes = Buffer.from(text);
  murmur(state, viewOf(bytes), 0, bytes.length);
  return [...new Uint32Array(state.buffer)].map((word) => word.toString(16).padStart(8, '0')).join('');
};

describe('the hash of a record', () => {
  // Made with the npm package murmurhash3js 3.0.1.
  it.each([
    ['', 0, '00000000000000000000000000000000'],
    ['', 1, '88c4adec54d201b954d201b954d201b9'],
    ['a', 0, 'a794933c5556b01b5556b01b5556b01b'],
    ['abcdefghijklmno', 0, 'ee6d1d694a1ad5ae84ce1457ada761a8'],
    ['The quick brown fox jumps over the lazy dog', 0, '2f1583c3ecee2c675d7bf66ce5e91d2c'],
    ['The quick brown fox jumps over the lazy dog', 123, '046466e6e4763389cd163e859374e752'],
  ])('is made by MurmurHash3_x86_128: %j', (text, seed, hash) => {
    expect(hashed(text, seed)).toBe(hash);
  });

  it('is made of any bytes, anywhere in memory', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 70 }),
        fc.nat(20),
        fc.array(fc.integer(), { minLength: 4, maxLength: 4 }),
        (bytes, from, seeds) => {
          const state = Int32Array.from(seeds);
          const expected = slowMurmur(
            seeds.map((seed) => BigInt(seed >>> 0)),
            bytes,
          );
          murmur(
            state,
            viewOf(Buffer.concat([Buffer.alloc(from, 7), bytes, Buffer.alloc(9, 7)])),
            from,
            from + bytes.length,
          );
          expect([...new Uint32Array(state.buffer)].map(BigInt)).toEqual(expected);
        },
      ),
    );
  });

  it('is made of any number of bytes', () => {
    for (let length = 0; length < 40; length++) {
      const bytes = Uint8Array.from({ length }, (_, at) => at + 1);
      const state = new Int32Array(4);
      murmur(state, viewOf(bytes), 0, length);
      expect([...new Uint32Array(state.buffer)].map(BigInt)).toEqual(slowMurmur([0n, 0n, 0n, 0n], bytes));
    }
  });

  it('tells apart where it belongs, its names and its text', () => {
    const record = { family: 'f', source: 's', epoch: null, id: 'i', data: '1' };
    const others = [
      record,
      { ...record, family: 's', source: 'f' },
      { ...record, source: 'si', id: '' },
      { ...record, epoch: 0 },
      { ...record, id: 'i1', data: '' },
      { ...record, data: '"1"' },
    ];
    expect(new Set(others.map(contentHash)).size).toBe(others.length);
    expect(contentHash({ ...record, epoch: 12 })).toBe(slowContentHash(['f', 's', '12', 'i', '1']));
    expect(contentHash({ ...record, data: Buffer.from('\u00e9') })).toBe(
      contentHash({ ...record, data: '\u00e9' }),
    );
  });
});
