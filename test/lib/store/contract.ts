/**
 * The contract of `lib/store/port.ts`, as one suite. An adapter's test file calls `storeContract` and so runs all of it;
 * no adapter can leave a case out.
 */

import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ByteRange, ObjectStore } from '../../../lib/store/port.ts';
import { crc64Update } from './crc64.ts';

/** A store under test, with what the port itself cannot do. */
export interface OpenStore {
  readonly store: ObjectStore;
  /** Puts an ordinary object, one that cannot be appended to. */
  putNormal(key: string, bytes: Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
  close(): Promise<void>;
}

const CALL = { timeoutMs: 30_000 };
const utf8 = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const crcOf = (bytes: Uint8Array) => crc64Update(0n, bytes);

export function storeContract(name: string, open: () => Promise<OpenStore>): void {
  describe(`${name}: the contract of an object store`, () => {
    let opened: OpenStore;
    let store: ObjectStore;
    let keys = 0;
    const newKey = () => `contract/${++keys}.log`;
    const append = (key: string, position: number, text: string) =>
      store.append(key, position, utf8(text), CALL);
    const read = async (key: string, range: ByteRange) => {
      const answer = await store.read(key, range, CALL);
      return answer && { text: textOf(answer.bytes), start: answer.start, length: answer.length };
    };
    const keyWith = async (text: string) => {
      const key = newKey();
      await append(key, 0, text);
      return key;
    };
    /** OSS says so itself: an empty append at 0 creates an empty object. */
    const emptyObject = () => keyWith('');

    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened.close());

    describe('append', () => {
      it('at position 0 creates a missing object', async () => {
        const key = newKey();
        expect(await append(key, 0, 'one\n')).toEqual({
          kind: 'appended',
          nextPosition: 4,
          crc64: crcOf(utf8('one\n')),
        });
        expect(await read(key, { start: 0, end: 100 })).toEqual({ text: 'one\n', start: 0, length: 4 });
      });

      it('at the length extends the object, and answers with the checksum of the whole', async () => {
        const key = await keyWith('one\n');
        const crc64 = crcOf(utf8('one\ntwo\n'));
        expect(await append(key, 4, 'two\n')).toEqual({ kind: 'appended', nextPosition: 8, crc64 });
        expect(await read(key, { start: 0, end: 100 })).toEqual({ text: 'one\ntwo\n', start: 0, length: 8 });
      });

      it('before the length conflicts, reports the length and puts nothing', async () => {
        const key = await keyWith('one\ntwo\n');
        for (const position of [0, 4, 7]) {
          expect(await append(key, position, 'lost\n')).toEqual({ kind: 'conflict', length: 8 });
        }
        expect(await read(key, { start: 0, end: 100 })).toMatchObject({ text: 'one\ntwo\n' });
      });

      it('behind the length conflicts, reports the length and puts nothing', async () => {
        const key = await keyWith('one\n');
        expect(await append(key, 5, 'lost\n')).toEqual({ kind: 'conflict', length: 4 });
        expect(await store.head(key, CALL)).toMatchObject({ length: 4 });
      });

      it('behind position 0 of a missing object conflicts with length 0 and creates nothing', async () => {
        const key = newKey();
        expect(await append(key, 3, 'lost\n')).toEqual({ kind: 'conflict', length: 0 });
        expect(await store.head(key, CALL)).toBeNull();
      });

      it('at position 0 of an empty object extends it, and elsewhere conflicts with length 0', async () => {
        const key = await emptyObject();
        expect(await append(key, 1, 'lost\n')).toEqual({ kind: 'conflict', length: 0 });
        expect(await append(key, 0, 'one\n')).toMatchObject({ kind: 'appended', nextPosition: 4 });
      });

      it('to an ordinary object is refused with ObjectNotAppendable and leaves it as it is', async () => {
        const key = newKey();
        await opened.putNormal(key, utf8('ordinary'));
        for (const position of [0, 8]) {
          const answer = await append(key, position, 'lost\n');
          expect(answer).toMatchObject({
            kind: 'failed',
            failure: { code: 'ObjectNotAppendable', status: 409 },
          });
        }
        expect(await read(key, { start: 0, end: 100 })).toMatchObject({ text: 'ordinary' });
      });

      it('starts at 0 again under the key of an object that was removed', async () => {
        const key = await keyWith('one\n');
        await opened.remove(key);
        expect(await append(key, 4, 'lost\n')).toEqual({ kind: 'conflict', length: 0 });
        expect(await append(key, 0, 'new\n')).toMatchObject({ kind: 'appended', nextPosition: 4 });
      });

      it('takes any bytes, also from the middle of a larger buffer', async () => {
        const key = newKey();
        const large = Uint8Array.from({ length: 1000 }, (_, i) => i % 256);
        await store.append(key, 0, large.subarray(200, 800), CALL);
        const answer = await store.read(key, { start: 0, end: 600 }, CALL);
        expect(Buffer.compare(answer?.bytes ?? utf8('missing'), large.subarray(200, 800))).toBe(0);
      });

      it('takes 5 MB at once', async () => {
        const key = newKey();
        const body = randomBytes(5_000_000);
        const crc64 = crcOf(body);
        expect(await store.append(key, 0, body, CALL)).toEqual({
          kind: 'appended',
          nextPosition: 5_000_000,
          crc64,
        });
        const answer = await store.read(key, { start: 0, end: 5_000_000 }, CALL);
        expect(Buffer.compare(answer?.bytes ?? utf8('missing'), body)).toBe(0);
      });

      it('is not changed by what the caller does with the bytes afterwards', async () => {
        const key = newKey();
        const body = utf8('one\n');
        await store.append(key, 0, body, CALL);
        body.fill(0);
        expect(await read(key, { start: 0, end: 4 })).toMatchObject({ text: 'one\n' });
      });
    });

    describe('content type', () => {
      it('is the one of the append that created the object', async () => {
        const key = newKey();
        await store.append(key, 0, utf8('one\n'), { ...CALL, contentType: 'application/x-ndjson' });
        await store.append(key, 4, utf8('two\n'), { ...CALL, contentType: 'text/plain' });
        await append(key, 8, 'three\n');
        expect(await store.head(key, CALL)).toMatchObject({
          contentType: 'application/x-ndjson',
          length: 14,
        });
      });

      it('is application/octet-stream where none is given, whatever the key looks like', async () => {
        const key = `contract/${++keys}.json`;
        await append(key, 0, '{}\n');
        expect(await store.head(key, CALL)).toMatchObject({ contentType: 'application/octet-stream' });
      });
    });

    describe('head', () => {
      it('is null for a missing object', async () => {
        expect(await store.head(newKey(), CALL)).toBeNull();
      });

      it('tells type, length and checksum of an appendable object', async () => {
        const key = await keyWith('one\n');
        const crc64 = crcOf(utf8('one\n'));
        expect(await store.head(key, CALL)).toMatchObject({ type: 'Appendable', length: 4, crc64 });
      });

      it('tells type and length of an ordinary object', async () => {
        const key = newKey();
        await opened.putNormal(key, utf8('ordinary'));
        expect(await store.head(key, CALL)).toMatchObject({ type: 'Normal', length: 8 });
      });

      it('tells that an empty object is there', async () => {
        expect(await store.head(await emptyObject(), CALL)).toMatchObject({ type: 'Appendable', length: 0 });
      });
    });

    describe('read', () => {
      const TEXT = '0123456789';
      const cases: [string, ByteRange, { text: string; start: number }][] = [
        ['all of it', { start: 0, end: 10 }, { text: TEXT, start: 0 }],
        ['its first byte', { start: 0, end: 1 }, { text: '0', start: 0 }],
        ['its last byte', { start: 9, end: 10 }, { text: '9', start: 9 }],
        ['a part', { start: 2, end: 5 }, { text: '234', start: 2 }],
        ['a part, clipped to the end', { start: 7, end: 1000 }, { text: '789', start: 7 }],
        ['nothing at the end', { start: 10, end: 20 }, { text: '', start: 10 }],
        ['nothing past the end', { start: 15, end: 20 }, { text: '', start: 10 }],
        ['nothing of an empty range', { start: 3, end: 3 }, { text: '', start: 3 }],
        ['nothing of an empty range at 0', { start: 0, end: 0 }, { text: '', start: 0 }],
        ['its last 3 bytes', { last: 3 }, { text: '789', start: 7 }],
        ['its last 10 bytes', { last: 10 }, { text: TEXT, start: 0 }],
        ['all of it for more last bytes than there are', { last: 1000 }, { text: TEXT, start: 0 }],
        ['nothing for its last 0 bytes', { last: 0 }, { text: '', start: 10 }],
      ];
      it.each(cases)('of an object gives %s', async (_, range, expected) => {
        const key = await keyWith(TEXT);
        expect(await read(key, range)).toEqual({ ...expected, length: 10 });
      });

      const ranges: ByteRange[] = [
        { start: 0, end: 10 },
        { start: 5, end: 10 },
        { start: 0, end: 0 },
        { last: 4 },
      ];
      it.each(ranges)('of an empty object gives nothing: %j', async (range) => {
        expect(await read(await emptyObject(), range)).toEqual({ text: '', start: 0, length: 0 });
      });

      it.each(ranges)('of a missing object is null: %j', async (range) => {
        expect(await read(newKey(), range)).toBeNull();
      });

      it('tells the type of the object', async () => {
        const [appendable, ordinary] = [await keyWith(TEXT), newKey()];
        await opened.putNormal(ordinary, utf8(TEXT));
        for (const range of [{ start: 2, end: 5 }, { last: 3 }, { start: 0, end: 0 }]) {
          expect(await store.read(appendable, range, CALL)).toMatchObject({ type: 'Appendable' });
          expect(await store.read(ordinary, range, CALL)).toMatchObject({ type: 'Normal' });
        }
      });

      it('tells the checksum of the whole object with a part of it', async () => {
        const key = await keyWith(TEXT);
        const crc64 = crcOf(utf8(TEXT));
        expect(await store.read(key, { start: 2, end: 5 }, CALL)).toMatchObject({ crc64 });
        expect(await store.read(key, { last: 1 }, CALL)).toMatchObject({ crc64 });
      });
    });

    describe('keys', () => {
      const odd = [
        'a b',
        'a+b',
        'a%b',
        'a%20b',
        'a%2Fb',
        'a?b=c&append',
        'a#b',
        'a//b',
        'a/./b/../c',
        "a!'()*~b",
      ];
      odd.push(
        '日本/ключ/🗝',
        'é',
        'e\u0301',
        'a\\b',
        'a;b,c:d@e=f$g',
        '<&>"',
        'a/',
        '.',
        '..',
        'a|b^c`d{e}[f]',
      );
      it('name different objects however odd their characters', async () => {
        const names = odd.map((key) => ({ key, text: `in ${key}` }));
        for (const { key, text } of names) {
          expect(await append(key, 0, text), key).toMatchObject({ kind: 'appended' });
        }
        for (const { key, text } of names) {
          const length = utf8(text).length;
          expect(await append(key, 0, text), key).toEqual({ kind: 'conflict', length });
          expect(await store.head(key, CALL), key).toMatchObject({ length });
          expect(await read(key, { start: 0, end: 1000 }), key).toEqual({ text, start: 0, length });
        }
      });

      const invalid = ['', '/a', '\\a', 'a'.repeat(1024), '日'.repeat(342), 'a\ud800b'];
      it.each(invalid)('that OSS does not allow are refused with InvalidObjectName: %#', async (key) => {
        const refusal = { code: 'InvalidObjectName' };
        expect(await append(key, 0, 'x')).toMatchObject({ kind: 'failed', failure: refusal });
        await expect(store.head(key, CALL)).rejects.toMatchObject(refusal);
        await expect(store.read(key, { start: 0, end: 1 }, CALL)).rejects.toMatchObject(refusal);
      });

      it('may be 1023 bytes long', async () => {
        const key = 'k'.repeat(1023);
        expect(await append(key, 0, 'x')).toMatchObject({ kind: 'appended' });
      });
    });

    it('8 concurrent writers of 25 appends each lose nothing, repeat nothing and tear nothing', async () => {
      const key = newKey();
      const WRITERS = 8;
      const APPENDS = 25;
      const payloadOf = (writer: number, n: number) =>
        `${writer}.${n}:${'x'.repeat(1 + ((writer * 7 + n * 13) % 97))}\n`;

      async function write(writer: number): Promise<void> {
        let position = 0;
        for (let n = 0; n < APPENDS; ) {
          const answer = await append(key, position, payloadOf(writer, n));
          if (answer.kind === 'failed') throw answer.failure;
          if (answer.kind === 'appended') {
            position = answer.nextPosition;
            n += 1;
          } else {
            position = answer.length ?? (await store.head(key, CALL))?.length ?? 0;
          }
        }
      }
      await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));

      const lines = (await read(key, { start: 0, end: 1_000_000 }))?.text.split(/(?<=\n)/) ?? [];
      const expected = Array.from({ length: WRITERS * APPENDS }, (_, i) =>
        payloadOf(i % WRITERS, Math.floor(i / WRITERS)),
      );
      expect(lines.toSorted()).toEqual(expected.toSorted());
      for (let writer = 0; writer < WRITERS; writer++) {
        const own = lines.filter((line) => line.startsWith(`${writer}.`));
        expect(own).toEqual(Array.from({ length: APPENDS }, (_, n) => payloadOf(writer, n)));
      }
    });

    it('any sequence of appends, heads, reads and removals behaves like an array of bytes', async () => {
      const offset = fc.nat({ max: 40 });
      const step = fc.oneof(
        {
          weight: 4,
          arbitrary: fc.record({ do: fc.constant('append' as const), bytes: bytesOfAppend, off: drift }),
        },
        { weight: 1, arbitrary: fc.record({ do: fc.constant('head' as const) }) },
        {
          weight: 2,
          arbitrary: fc.record({ do: fc.constant('read' as const), start: offset, size: offset }),
        },
        { weight: 1, arbitrary: fc.record({ do: fc.constant('tail' as const), last: offset }) },
        { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const) }) },
      );
      const property = fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
        const key = newKey();
        let model: Uint8Array | null = null;
        for (const s of steps) {
          const bytes: Uint8Array = model ?? new Uint8Array();
          const whole: { length: number; crc64: bigint } = { length: bytes.length, crc64: crcOf(bytes) };
          if (s.do === 'append') {
            const position = Math.max(0, bytes.length + s.off);
            const answer = await store.append(key, position, s.bytes, CALL);
            if (position !== bytes.length) {
              expect(answer).toEqual({ kind: 'conflict', length: bytes.length });
              continue;
            }
            model = Uint8Array.from([...bytes, ...s.bytes]);
            expect(answer).toEqual({ kind: 'appended', nextPosition: model.length, crc64: crcOf(model) });
          } else if (s.do === 'head') {
            const info = await store.head(key, CALL);
            if (model === null) expect(info).toBeNull();
            else expect(info).toMatchObject({ type: 'Appendable', ...whole });
          } else if (s.do === 'remove') {
            await opened.remove(key);
            model = null;
          } else {
            const range = s.do === 'tail' ? { last: s.last } : { start: s.start, end: s.start + s.size };
            const start =
              s.do === 'tail' ? Math.max(0, bytes.length - s.last) : Math.min(s.start, bytes.length);
            const part = s.do === 'tail' ? bytes.subarray(start) : bytes.subarray(start, s.start + s.size);
            const answer = await store.read(key, range, CALL);
            if (model === null) expect(answer).toBeNull();
            else {
              expect(answer).toMatchObject({ start, length: bytes.length });
              expect([...(answer?.bytes ?? [])]).toEqual([...part]);
            }
          }
        }
        await opened.remove(key);
      });
      await fc.assert(property, { numRuns: 60 });
    });
  });
}

const bytesOfAppend = fc.uint8Array({ minLength: 1, maxLength: 24 });
/** How far off the length an append is sent; mostly not at all. */
const drift = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: -5, max: 5 }) },
);
