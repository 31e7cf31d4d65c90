/** The contract of `Bucket` in `lib/store/port.ts`, beyond that of an object store, as one suite for every adapter. */

import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { objectsBelow } from '../../../lib/store/list.ts';
import type { BodyStream, Bucket } from '../../../lib/store/port.ts';
import { crc64Update } from './crc64.ts';

export interface OpenBucket {
  readonly bucket: Bucket;
  close(): Promise<void>;
}

const CALL = { timeoutMs: 30_000 };
const NO_OVERWRITE = { ...CALL, forbidOverwrite: true };
const utf8 = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const crcOf = (bytes: Uint8Array) => crc64Update(0n, bytes);

/** The bytes as a stream, in pieces of so many; `told` is what it says of itself, if that is to differ. */
export function streamed(bytes: Uint8Array, piece: number, told: Partial<BodyStream> = {}): BodyStream {
  return {
    length: bytes.length,
    md5: createHash('md5').update(bytes).digest(),
    async *open() {
      for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
    },
    ...told,
  };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

export function bucketContract(name: string, open: () => Promise<OpenBucket>): void {
  describe(`${name}: the contract of a bucket`, () => {
    let opened: OpenBucket;
    let bucket: Bucket;
    let places = 0;
    /** A prefix of its own for each test. */
    const newPlace = () => `bucket/${++places}/`;
    const newKey = () => `${newPlace()}object`;
    const read = async (key: string) => {
      const answer = await bucket.read(key, { start: 0, end: 100_000_000 }, CALL);
      return answer && textOf(answer.bytes);
    };

    beforeAll(async () => {
      opened = await open();
      bucket = opened.bucket;
    });
    afterAll(() => opened.close());

    describe('put', () => {
      it('makes an ordinary object of the bytes, and tells its checksum', async () => {
        const key = newKey();
        const crc64 = crcOf(utf8('one'));
        expect(await bucket.put(key, utf8('one'), { ...CALL, contentType: 'text/x-one' })).toEqual({
          kind: 'created',
          crc64,
        });
        expect(await bucket.head(key, CALL)).toMatchObject({
          type: 'Normal',
          length: 3,
          crc64,
          contentType: 'text/x-one',
        });
        expect(await read(key)).toBe('one');
        expect(await bucket.append(key, 3, utf8('x'), CALL)).toMatchObject({
          kind: 'failed',
          failure: { code: 'ObjectNotAppendable' },
        });
      });

      it('is of application/octet-stream where no type is given, whatever the key looks like', async () => {
        const key = `${newKey()}.json`;
        await bucket.put(key, utf8('{}'), CALL);
        expect(await bucket.head(key, CALL)).toMatchObject({ contentType: 'application/octet-stream' });
      });

      it('takes the place of an ordinary object and of an appendable one', async () => {
        const [ordinary, appendable] = [newKey(), newKey()];
        await bucket.put(ordinary, utf8('a long one'), CALL);
        await bucket.append(appendable, 0, utf8('a long one'), CALL);
        for (const key of [ordinary, appendable]) {
          expect(await bucket.put(key, utf8('new'), CALL)).toMatchObject({ kind: 'created' });
          expect(await bucket.head(key, CALL)).toMatchObject({ type: 'Normal', length: 3 });
          expect(await read(key)).toBe('new');
        }
      });

      it('may be told to leave what is there', async () => {
        const [missing, ordinary, appendable] = [newKey(), newKey(), newKey()];
        await bucket.put(ordinary, utf8('old'), CALL);
        await bucket.append(appendable, 0, utf8('old'), CALL);
        expect(await bucket.put(missing, utf8('new'), NO_OVERWRITE)).toMatchObject({ kind: 'created' });
        for (const key of [missing, ordinary, appendable]) {
          expect(await bucket.put(key, utf8('newer'), NO_OVERWRITE)).toEqual({ kind: 'exists' });
          expect(await bucket.put(key, streamed(utf8('newer'), 2), NO_OVERWRITE)).toEqual({ kind: 'exists' });
        }
        expect(await read(missing)).toBe('new');
        expect(await read(ordinary)).toBe('old');
        expect(await bucket.append(appendable, 3, utf8('er'), CALL)).toMatchObject({ kind: 'appended' });
      });

      it('of several at once that overwrite nothing creates one', async () => {
        const key = newKey();
        const texts = Array.from({ length: 8 }, (_, n) => `from ${n}`);
        const answers = await Promise.all(texts.map((text) => bucket.put(key, utf8(text), NO_OVERWRITE)));
        const winners = texts.filter((_, n) => answers[n]?.kind === 'created');
        expect(winners).toHaveLength(1);
        expect(await read(key)).toBe(winners[0]);
      });

      it('takes no bytes at all', async () => {
        for (const body of [new Uint8Array(), streamed(new Uint8Array(), 1)]) {
          const key = newKey();
          expect(await bucket.put(key, body, CALL)).toEqual({ kind: 'created', crc64: 0n });
          expect(await bucket.head(key, CALL)).toMatchObject({ type: 'Normal', length: 0 });
        }
      });

      it('takes a stream, however it is cut', async () => {
        for (const piece of [1, 7, 1000]) {
          const key = newKey();
          const bytes = randomBytes(1000);
          const crc64 = crcOf(bytes);
          expect(await bucket.put(key, streamed(bytes, piece), CALL)).toEqual({ kind: 'created', crc64 });
          const answer = await bucket.read(key, { start: 0, end: 1000 }, CALL);
          expect(Buffer.compare(answer?.bytes ?? utf8('missing'), bytes)).toBe(0);
        }
      });

      it('takes 20 MB as a stream', async () => {
        const key = newKey();
        const bytes = randomBytes(20_000_000);
        const crc64 = crcOf(bytes);
        expect(await bucket.put(key, streamed(bytes, 65_536), CALL)).toEqual({ kind: 'created', crc64 });
        expect(await bucket.head(key, CALL)).toMatchObject({ length: 20_000_000, crc64 });
      });

      const body = utf8('0123456789');
      const unsound: [string, BodyStream, string][] = [
        ['is longer than it says', streamed(body, 3, { length: 9 }), 'InvalidRequest'],
        ['is shorter than it says', streamed(body, 3, { length: 11 }), 'InvalidRequest'],
        ['has another MD5', streamed(body, 3, { md5: new Uint8Array(16) }), 'InvalidDigest'],
        [
          'breaks off',
          streamed(body, 3, {
            async *open() {
              yield body.subarray(0, 4);
              throw new Error('no disk');
            },
          }),
          'InvalidRequest',
        ],
      ];
      it.each(unsound)('puts nothing of a stream that %s', async (_, stream, code) => {
        const [missing, there] = [newKey(), newKey()];
        await bucket.put(there, utf8('old'), CALL);
        for (const key of [missing, there]) {
          expect(await bucket.put(key, stream, CALL)).toMatchObject({ kind: 'failed', failure: { code } });
        }
        expect(await bucket.head(missing, CALL)).toBeNull();
        expect(await read(there)).toBe('old');
        // What follows is not disturbed by it.
        expect(await bucket.put(missing, utf8('new'), CALL)).toMatchObject({ kind: 'created' });
      });

      it('refuses a key that OSS does not allow', async () => {
        for (const key of ['', '/a', 'a'.repeat(1024)]) {
          const failure = { code: 'InvalidObjectName' };
          expect(await bucket.put(key, utf8('x'), CALL)).toMatchObject({ kind: 'failed', failure });
          await expect(bucket.remove(key, CALL)).rejects.toMatchObject(failure);
        }
      });
    });

    describe('remove', () => {
      it('removes what is there, and is no error where nothing is', async () => {
        const key = newKey();
        await bucket.put(key, utf8('one'), CALL);
        for (let time = 0; time < 2; time++) {
          await bucket.remove(key, CALL);
          expect(await bucket.head(key, CALL)).toBeNull();
        }
        expect(await bucket.put(key, utf8('two'), NO_OVERWRITE)).toMatchObject({ kind: 'created' });
      });
    });

    describe('list', () => {
      it('tells key, length, type and time of what is below a prefix, and nothing else', async () => {
        const place = newPlace();
        await bucket.put(`${place}b`, utf8('ordinary'), CALL);
        await bucket.append(`${place}a`, 0, utf8('appendable'), CALL);
        await bucket.put(`${newPlace()}c`, utf8('elsewhere'), CALL);
        const { objects, next } = await bucket.list(place, CALL);
        expect(objects).toEqual([
          { key: `${place}a`, length: 10, type: 'Appendable', lastModifiedMs: expect.any(Number) },
          { key: `${place}b`, length: 8, type: 'Normal', lastModifiedMs: expect.any(Number) },
        ]);
        expect(next).toBeNull();
        const second = (ms: number | null | undefined) => Math.floor((ms ?? 0) / 1000);
        const info = await bucket.head(`${place}a`, CALL);
        expect(second(objects[0]?.lastModifiedMs)).toBe(second(info?.lastModifiedMs));
      });

      it('sees every change at once', async () => {
        const place = newPlace();
        const key = `${place}a`;
        await bucket.append(key, 0, utf8('12'), CALL);
        expect((await bucket.list(place, CALL)).objects).toMatchObject([{ length: 2 }]);
        await bucket.append(key, 2, utf8('345'), CALL);
        expect((await bucket.list(place, CALL)).objects).toMatchObject([{ length: 5, type: 'Appendable' }]);
        await bucket.put(key, utf8('1'), CALL);
        expect((await bucket.list(place, CALL)).objects).toMatchObject([{ length: 1, type: 'Normal' }]);
        await bucket.remove(key, CALL);
        expect(await bucket.list(place, CALL)).toEqual({ objects: [], next: null });
      });

      it('has a page of 1,000, and says where the next one begins', async () => {
        const place = newPlace();
        const keys = Array.from({ length: 1001 }, (_, n) => `${place}${String(n).padStart(4, '0')}`);
        for (const key of keys) await bucket.put(key, new Uint8Array(), CALL);
        const first = await bucket.list(place, CALL);
        expect(first.objects.map(({ key }) => key)).toEqual(keys.slice(0, 1000));
        expect(first.next).toBe(keys[999]);
        const last = await bucket.list(place, { ...CALL, startAfter: first.next ?? '' });
        expect(last).toMatchObject({ objects: [{ key: keys[1000] }], next: null });
      });

      it('keeps keys as they are, in the order of their bytes', async () => {
        const place = newPlace();
        const names = [
          ' ',
          'a & b <c>',
          'x+y=z?',
          '12345',
          '0',
          'größe',
          'a%20b',
          'a/b',
          '\ue000',
          '🗝',
          '日本',
          '\t',
        ];
        for (const each of names) await bucket.put(place + each, utf8('x'), CALL);
        const sorted = names.map((each) => Buffer.from(place + each)).sort(Buffer.compare);
        const found = await all(objectsBelow(bucket, place, { ...CALL, limit: 5 }));
        expect(found.map(({ key }) => key)).toEqual(sorted.map(String));
      });

      it('of any keys is what a sorted list would give, from any key on, in pages of any size', async () => {
        const name = fc.string({
          unit: fc.constantFrom('a', 'b', '/', 'é', '🗝', '%', ' '),
          minLength: 1,
          maxLength: 4,
        });
        const property = fc.asyncProperty(
          fc.uniqueArray(name, { maxLength: 8 }),
          fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 2 }),
          fc.option(name, { nil: undefined }),
          fc.integer({ min: 1, max: 4 }),
          async (names, prefix, after, limit) => {
            const place = newPlace();
            for (const each of names) await bucket.put(place + each, utf8(each), CALL);
            const isListed = (key: Buffer) =>
              after === undefined || Buffer.compare(key, Buffer.from(place + after)) > 0;
            const expected = names
              .filter((each) => each.startsWith(prefix))
              .map((each) => Buffer.from(place + each))
              .filter(isListed)
              .sort(Buffer.compare);
            const call = { ...CALL, limit, ...(after !== undefined && { startAfter: place + after }) };
            const found = await all(objectsBelow(bucket, place + prefix, call));
            expect(found.map(({ key }) => key)).toEqual(expected.map(String));
          },
        );
        await fc.assert(property, { numRuns: 30 });
      });
    });
  });
}
