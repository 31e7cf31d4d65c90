import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { crc64 } from '../../../../infra/local/oss/crc64.ts';
import { append, BUCKET, client, type Reply, send, start } from './harness.ts';

const PART_BYTES = 100 * 1024;
type Oss = { readonly port: number };

const initiate = async (oss: Oss, key = 'k'): Promise<string> => {
  const { body } = await send(oss, { method: 'POST', key, sub: 'uploads' });
  return /<UploadId>(\w+)</.exec(body.toString())?.[1] ?? '';
};
const part = (
  oss: Oss,
  id: string,
  number: number | string,
  body: Buffer | string,
  key = 'k',
): Promise<Reply> => send(oss, { method: 'PUT', key, sub: `partNumber=${number}&uploadId=${id}`, body });
const complete = (
  oss: Oss,
  id: string,
  parts: readonly (readonly [number, string])[],
  key = 'k',
): Promise<Reply> => {
  const listed = parts.map(
    ([number, etag]) => `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`,
  );
  const body = `<CompleteMultipartUpload>${listed.join('')}</CompleteMultipartUpload>`;
  return send(oss, { method: 'POST', key, sub: `uploadId=${id}`, body });
};
const etagOf = ({ headers }: Reply): string => headers.etag ?? '';

describe('a multipart upload', () => {
  it.each([false, true])(
    'by the real client becomes one object (signature V4: %s)',
    async (authorizationV4) => {
      const oss = await start();
      const bytes = Buffer.alloc(PART_BYTES * 3 + 17, 'multipart ');
      const store = client(oss, { authorizationV4 });
      await store.multipartUpload('dir/k', bytes, { partSize: PART_BYTES, mime: 'text/plain' });
      const reply = await send(oss, { key: 'dir/k' });
      expect(reply.body.equals(bytes)).toBe(true);
      expect(reply.headers).toMatchObject({
        'x-oss-object-type': 'Multipart',
        'x-oss-hash-crc64ecma': String(crc64(bytes)),
        'content-type': 'text/plain',
        etag: expect.stringMatching(/^"[0-9A-F]{32}-4"$/),
      });
      expect((await append(oss, 'dir/k', bytes.length, 'x')).code).toBe('ObjectNotAppendable');
    },
  );

  it('takes parts in any order and replaced ones, and uses those that are listed', async () => {
    const oss = await start();
    const id = await initiate(oss);
    const last = etagOf(await part(oss, id, 7, 'end'));
    await part(oss, id, 2, Buffer.alloc(PART_BYTES, 'old'));
    const first = etagOf(await part(oss, id, 2, Buffer.alloc(PART_BYTES, 'new')));
    await part(oss, id, 5, 'left out');
    const reply = await complete(oss, id, [
      [2, first],
      [7, last.replaceAll('"', '')],
    ]);
    expect(reply.status).toBe(200);
    const whole = Buffer.concat([Buffer.alloc(PART_BYTES, 'new'), Buffer.from('end')]);
    expect((await send(oss, { key: 'k' })).body.equals(whole)).toBe(true);
    const digests = Buffer.concat(
      [whole.subarray(0, PART_BYTES), Buffer.from('end')].map((bytes) =>
        createHash('md5').update(bytes).digest(),
      ),
    );
    expect(etagOf(reply)).toBe(`"${createHash('md5').update(digests).digest('hex').toUpperCase()}-2"`);
    expect((await complete(oss, id, [[2, first]])).code).toBe('NoSuchUpload');
  });

  it('is refused for wrong, unordered, small, missing or no parts, and can still be completed', async () => {
    const oss = await start();
    const id = await initiate(oss);
    const big = etagOf(await part(oss, id, 1, Buffer.alloc(PART_BYTES)));
    const small = etagOf(await part(oss, id, 2, 'small'));
    const end = etagOf(await part(oss, id, 3, 'end'));
    const refusals: [readonly (readonly [number, string])[], string][] = [
      [[[1, '"00"']], 'InvalidPart'],
      [[[9, big]], 'InvalidPart'],
      [
        [
          [3, end],
          [1, big],
        ],
        'InvalidPartOrder',
      ],
      [
        [
          [1, big],
          [1, big],
        ],
        'InvalidPartOrder',
      ],
      [
        [
          [2, small],
          [3, end],
        ],
        'EntityTooSmall',
      ],
      [[], 'MalformedXML'],
    ];
    for (const [parts, code] of refusals) expect((await complete(oss, id, parts)).code).toBe(code);
    expect((await send(oss, { key: 'k' })).status).toBe(404);
    expect(
      (
        await complete(oss, id, [
          [1, big],
          [3, end],
        ])
      ).status,
    ).toBe(200);
  });

  it.each(['0', '10001', 'x', ''])('refuses the part number "%s"', async (number) => {
    const oss = await start();
    const id = await initiate(oss);
    expect((await part(oss, id, number, 'x')).status).toBeGreaterThanOrEqual(400);
  });

  it('belongs to one key and ends with its abort', async () => {
    const oss = await start();
    const id = await initiate(oss);
    expect((await part(oss, id, 1, 'x', 'other')).code).toBe('NoSuchUpload');
    const etag = etagOf(await part(oss, id, 1, 'x'));
    const abort = { method: 'DELETE', key: 'k', sub: `uploadId=${id}` };
    expect((await send(oss, abort)).status).toBe(204);
    expect((await send(oss, abort)).code).toBe('NoSuchUpload');
    expect((await complete(oss, id, [[1, etag]])).code).toBe('NoSuchUpload');
  });

  it('and its parts are listed page by page until it ends', async () => {
    const oss = await start();
    const store = client(oss);
    const ids = [await initiate(oss, 'a'), await initiate(oss, 'b'), await initiate(oss, 'b')];
    for (const number of [3, 1, 2]) await part(oss, ids[0] ?? '', number, 'x'.repeat(number), 'a');

    const first = (await store.listUploads({ 'max-uploads': 2 }, {})) as unknown as Uploads;
    expect(first.isTruncated).toBe(true);
    const second = (await store.listUploads(
      { 'key-marker': first.nextKeyMarker, 'upload-id-marker': first.nextUploadIdMarker, 'max-uploads': 2 },
      {},
    )) as unknown as Uploads;
    const listed = [...first.uploads, ...second.uploads].map(({ uploadId }) => uploadId);
    expect(listed.sort()).toEqual(ids.sort());

    const upload = first.uploads.find(({ name }) => name === 'a')?.uploadId ?? '';
    const page = (await store.listParts(
      'a',
      upload,
      { 'max-parts': 2, 'part-number-marker': 1 } as never,
      {},
    )) as {
      parts: unknown;
    };
    expect(page.parts).toMatchObject([
      { PartNumber: '2', Size: '2' },
      { PartNumber: '3', Size: '3' },
    ]);
    await expect(store.deleteBucket(BUCKET)).rejects.toMatchObject({ code: 'BucketNotEmpty' });
    await store.abortMultipartUpload('a', upload);
    expect(((await store.listUploads({}, {})) as unknown as Uploads).uploads).toHaveLength(2);
  });

  it('copies parts from ordinary objects, not from appendable ones', async () => {
    const oss = await start();
    const store = client(oss);
    const bytes = Buffer.alloc(PART_BYTES * 2 + 5, 'source ');
    await store.put('source', bytes);
    await store.multipartUploadCopy('copy', { sourceKey: 'source', sourceBucketName: BUCKET } as never, {
      partSize: PART_BYTES,
    });
    expect((await send(oss, { key: 'copy' })).body.equals(bytes)).toBe(true);

    await append(oss, 'log', 0, 'x');
    const id = await initiate(oss);
    const headers = { 'x-oss-copy-source': `/${BUCKET}/log` };
    const sub = `partNumber=1&uploadId=${id}`;
    expect((await send(oss, { method: 'PUT', key: 'k', sub, headers })).code).toBe('OperationNotSupported');
  });

  it('completed twice at once makes one object', async () => {
    const oss = await start();
    const id = await initiate(oss);
    const etag = etagOf(await part(oss, id, 1, Buffer.alloc(PART_BYTES * 20)));
    const replies = await Promise.all([1, 2, 3].map(() => complete(oss, id, [[1, etag]])));
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 404, 404]);
    expect((await send(oss, { key: 'k' })).body).toHaveLength(PART_BYTES * 20);
  });
});

interface Uploads {
  readonly uploads: readonly { name: string; uploadId: string }[];
  readonly isTruncated: boolean;
  readonly nextKeyMarker: string;
  readonly nextUploadIdMarker: string;
}
