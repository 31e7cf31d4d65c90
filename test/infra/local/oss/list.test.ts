import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareUtf8, SortedKeys } from '../../../../infra/local/oss/disk/sorted-keys.ts';
import { append, client, send, start } from './harness.ts';

const byUtf8 = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
/** Few names, so that keys share prefixes; from every class that sorts differently in UTF-8 and UTF-16. */
const name = fc.constantFrom('a', 'a', 'a', 'b', 'é', '\uffee', '𝄞', ' &');
const key = fc
  .array(fc.tuple(name, fc.constantFrom('/', '/', '-', '')), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.flat().join(''));

describe('the order of keys', () => {
  it('is that of their UTF-8 bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(Math.sign(byUtf8(a, b)));
      }),
    );
    expect(compareUtf8('\uffee', '𝄞')).toBeLessThan(0);
  });

  it('holds after any additions and removals', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.boolean())), (changes) => {
        const keys = new SortedKeys();
        const model = new Set<string>();
        for (const [name, present] of changes) {
          if (present) keys.add(name);
          else keys.remove(name);
          if (present) model.add(name);
          else model.delete(name);
        }
        const all = Array.from({ length: keys.size }, (_, i) => keys.at(i));
        expect(all).toEqual([...model].sort(byUtf8));
      }),
    );
  });
});

/** What OSS documents, without any of the server's means. */
function expected(keys: readonly string[], prefix: string, delimiter: string): string[] {
  const found = new Set<string>();
  for (const name of [...keys].sort(byUtf8)) {
    if (!name.startsWith(prefix)) continue;
    const at = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length);
    found.add(at < 0 ? name : `${name.slice(0, at + delimiter.length)}*`);
  }
  return [...found];
}

describe('listing', () => {
  it('page by page yields every key and common prefix once, in both versions', async () => {
    const oss = await start({ buckets: [] });
    const admin = client(oss);
    let run = 0;
    const shape = fc.record({
      keys: fc.uniqueArray(key, { minLength: 4, maxLength: 12 }),
      prefix: fc.constantFrom('', '', 'a', 'a/', 'a-', 'é'),
      delimiter: fc.constantFrom('', '/', '/', '-', 'a/'),
      count: fc.integer({ min: 1, max: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(shape, async ({ keys, prefix, delimiter, count }) => {
        const bucket = `list-${run++}`;
        await admin.putBucket(bucket);
        const store = client(oss, { bucket });
        for (const name of keys) await store.put(name, Buffer.from('x'));
        const query = { prefix, delimiter, 'max-keys': String(count), 'encoding-type': 'url' as const };

        const collect = async (next: (marker: string | undefined) => Promise<Page>): Promise<string[]> => {
          const found: string[] = [];
          let marker: string | undefined;
          do {
            const page = await next(marker);
            const names = page.objects.map(({ name }) => decodeURIComponent(name));
            const groups = (page.prefixes ?? []).map((text) => `${decodeURIComponent(text)}*`);
            expect(names.length + groups.length).toBeLessThanOrEqual(count);
            found.push(...names, ...groups);
            marker = page.isTruncated ? page.next : undefined;
            if (page.isTruncated) expect(names.length + groups.length).toBe(count);
          } while (marker !== undefined);
          return found;
        };
        const v1 = await collect(async (marker) => {
          const page = await store.list({ ...query, marker: marker ?? '' } as never, {});
          return { ...page, next: decodeURIComponent(page.nextMarker ?? '') };
        });
        const v2 = await collect(async (marker) => {
          const token = marker === undefined ? {} : { 'continuation-token': marker };
          const page = (await store.listV2({ ...query, ...token } as never, {})) as unknown as V2Page;
          return { ...page, next: page.nextContinuationToken };
        });
        const all = expected(keys, prefix, delimiter).sort();
        expect(v1.sort()).toEqual(all);
        expect(v2.sort()).toEqual(all);
      }),
      { numRuns: 30 },
    );
  });

  it('names type, size, ETag and, where asked for, owner', async () => {
    const oss = await start();
    await append(oss, 'a', 0, 'bytes');
    await send(oss, { method: 'PUT', key: 'b', body: '' });
    const store = client(oss);
    const { objects } = await store.list({ 'max-keys': 10 }, {});
    expect(objects.map(({ name, type, size, storageClass }) => [name, type, size, storageClass])).toEqual([
      ['a', 'Appendable', 5, 'Standard'],
      ['b', 'Normal', 0, 'Standard'],
    ]);
    expect(objects[0]?.etag).toBe((await send(oss, { method: 'HEAD', key: 'a' })).headers.etag);
    expect(objects[0]?.owner).toBeTruthy();
    expect((await store.listV2({}, {})).objects[0]?.owner).toBeNull();
    expect((await store.listV2({ 'fetch-owner': 'true' } as never, {})).objects[0]?.owner).toBeTruthy();
  });

  it('starts after a given key', async () => {
    const oss = await start();
    for (const name of ['a', 'b', 'c']) await send(oss, { method: 'PUT', key: name, body: '' });
    const { objects } = await client(oss).listV2({ 'start-after': 'a' } as never, {});
    expect(objects.map(({ name }) => name)).toEqual(['b', 'c']);
  });

  it('gives 100 keys unless asked for another number', async () => {
    const oss = await start();
    await Promise.all(
      Array.from({ length: 101 }, (_, i) => send(oss, { method: 'PUT', key: `k${i}`, body: '' })),
    );
    const page = await client(oss).listV2({}, {});
    expect([page.objects.length, page.isTruncated]).toEqual([100, true]);
    expect((await client(oss).listV2({ 'max-keys': '1000' }, {})).objects).toHaveLength(101);
  });

  it.each(['max-keys=0', 'max-keys=1001', 'max-keys=x', 'encoding-type=base64', 'list-type=3'])(
    'with %s is refused',
    async (query) => {
      const oss = await start();
      const reply = await send(oss, {
        query: query.startsWith('list-type') ? query : `list-type=2&${query}`,
      });
      expect([reply.status, reply.code]).toEqual([400, 'InvalidArgument']);
    },
  );

  it('with a token of its own making is refused', async () => {
    const oss = await start();
    const reply = await send(oss, { sub: 'continuation-token=!!!', query: 'list-type=2' });
    expect(reply.code).toBe('InvalidArgument');
  });
});

interface Page {
  readonly objects: readonly { name: string }[];
  readonly prefixes: readonly string[] | null;
  readonly isTruncated: boolean;
  readonly next: string | undefined;
}
interface V2Page extends Page {
  readonly nextContinuationToken: string;
}
