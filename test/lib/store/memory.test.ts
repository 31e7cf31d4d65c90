import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../../lib/store/memory.ts';
import { bucketContract } from './bucket-contract.ts';
import { storeContract } from './contract.ts';
import { crc64Update } from './crc64.ts';

const CALL = { timeoutMs: 1000 };
const utf8 = (text: string) => new TextEncoder().encode(text);

storeContract('memory', async () => {
  const store = memoryStore({ crc64Update });
  return {
    store,
    putNormal: async (key, bytes) => void (await store.put(key, bytes, CALL)),
    remove: (key) => store.remove(key, CALL),
    close: async () => {},
  };
});
bucketContract('memory', async () => ({
  bucket: memoryStore({ crc64Update, nowMs: Date.now }),
  close: async () => {},
}));

describe('the store in memory', () => {
  it('refuses the append that would pass its size limit, and takes the one that just fits', async () => {
    const store = memoryStore({ appendableBytesMax: 10 });
    await store.append('a', 0, utf8('123456'), CALL);
    const tooMuch = await store.append('a', 6, utf8('12345'), CALL);
    expect(tooMuch).toMatchObject({ kind: 'failed', failure: { code: 'EntityTooLarge' } });
    expect(await store.append('a', 6, utf8('1234'), CALL)).toMatchObject({
      kind: 'appended',
      nextPosition: 10,
    });
  });

  it('says nothing of checksum and time where it is given neither', async () => {
    const store = memoryStore();
    expect(await store.append('a', 0, utf8('x'), CALL)).toMatchObject({ crc64: null });
    expect(await store.head('a', CALL)).toMatchObject({ crc64: null, lastModifiedMs: null });
  });

  it('tells when an object was last written, by the clock it is given', async () => {
    let now = 1000;
    const store = memoryStore({ nowMs: () => now });
    await store.append('a', 0, utf8('x'), CALL);
    now = 2000;
    await store.append('a', 1, utf8('y'), CALL);
    expect(await store.head('a', CALL)).toMatchObject({ lastModifiedMs: 2000 });
  });
});

describe('the checksum of the tests', () => {
  it('is CRC-64/XZ', () => {
    expect(crc64Update(0n, utf8('123456789'))).toBe(0x995dc9bbdf1939fan);
    expect(crc64Update(crc64Update(0n, utf8('1234')), utf8('56789'))).toBe(0x995dc9bbdf1939fan);
  });
});
