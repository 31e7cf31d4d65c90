import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { crc64 } from '../../../../infra/local/oss/crc64.ts';
import { append, BUCKET, client, type Reply, send, start } from './harness.ts';

type Oss = { readonly port: number };
type Headers = Record<string, string>;

const put = (oss: Oss, key: string, body: Buffer | string, headers: Headers = {}): Promise<Reply> =>
  send(oss, { method: 'PUT', key, body, headers });
const get = (oss: Oss, key: string, headers: Headers = {}): Promise<Reply> => send(oss, { key, headers });
const head = (oss: Oss, key: string, headers: Headers = {}): Promise<Reply> =>
  send(oss, { method: 'HEAD', key, headers });

describe('PutObject', () => {
  it('stores bytes, metadata and content headers, and gives them back', async () => {
    const oss = await start();
    const store = client(oss);
    await store.put('k.json', Buffer.from('{"a":1}'), {
      mime: 'application/json',
      meta: { uid: 1, pid: 2 },
      headers: { 'Cache-Control': 'no-cache', 'Content-Disposition': 'attachment' },
    });
    const { meta, res } = await store.head('k.json');
    expect(meta).toEqual({ uid: '1', pid: '2' });
    expect(res.headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-cache',
      'content-disposition': 'attachment',
      'content-length': '7',
      'x-oss-object-type': 'Normal',
      'x-oss-storage-class': 'Standard',
      'x-oss-hash-crc64ecma': String(crc64(Buffer.from('{"a":1}'))),
      etag: `"${createHash('md5').update('{"a":1}').digest('hex').toUpperCase()}"`,
      'content-md5': createHash('md5').update('{"a":1}').digest('base64'),
    });
  });

  it('replaces an appendable object, bytes, type and metadata', async () => {
    const oss = await start();
    await append(oss, 'k', 0, 'appendable', { 'x-oss-meta-a': '1' });
    await put(oss, 'k', 'normal');
    const reply = await get(oss, 'k');
    expect([
      reply.body.toString(),
      reply.headers['x-oss-object-type'],
      reply.headers['x-oss-meta-a'],
    ]).toEqual(['normal', 'Normal', undefined]);
    expect(reply.headers).not.toHaveProperty('x-oss-next-append-position');
  });

  it('with x-oss-forbid-overwrite creates, and refuses to replace', async () => {
    const oss = await start();
    const forbid = { 'x-oss-forbid-overwrite': 'true' };
    expect((await put(oss, 'k', 'first', forbid)).status).toBe(200);
    const again = await put(oss, 'k', 'second', forbid);
    expect([again.status, again.code]).toEqual([409, 'FileAlreadyExists']);
    expect((await get(oss, 'k')).body.toString()).toBe('first');
    expect((await put(oss, 'k', 'third', { 'x-oss-forbid-overwrite': 'false' })).status).toBe(200);
  });

  it('lets one of many creators win where overwriting is forbidden', async () => {
    const oss = await start();
    const forbid = { 'x-oss-forbid-overwrite': 'true' };
    const replies = await Promise.all(Array.from({ length: 10 }, (_, i) => put(oss, 'k', String(i), forbid)));
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  it('checks Content-MD5', async () => {
    const oss = await start();
    const digest = createHash('md5').update('other').digest('base64');
    expect((await put(oss, 'k', 'bytes', { 'content-md5': digest })).code).toBe('InvalidDigest');
    expect((await head(oss, 'k')).status).toBe(404);
  });
});

describe('HeadObject and GetObject', () => {
  it('describe an appendable object alike', async () => {
    const oss = await start();
    await append(oss, 'k', 0, 'bytes');
    for (const reply of [await head(oss, 'k'), await get(oss, 'k')]) {
      expect(reply.headers).toMatchObject({
        'content-length': '5',
        'x-oss-object-type': 'Appendable',
        'x-oss-next-append-position': '5',
        'x-oss-hash-crc64ecma': String(crc64(Buffer.from('bytes'))),
        'content-type': 'application/octet-stream',
      });
      expect(reply.headers).not.toHaveProperty('content-md5');
    }
  });

  it('answer a missing key with NoSuchKey; for HEAD the error travels in a header', async () => {
    const oss = await start();
    const missing = await get(oss, 'k');
    expect([missing.status, missing.code, missing.headers['x-oss-ec']]).toEqual([
      404,
      'NoSuchKey',
      '0026-00000001',
    ]);
    const reply = await head(oss, 'k');
    expect([reply.status, reply.body.length]).toEqual([404, 0]);
    const error = Buffer.from(String(reply.headers['x-oss-err']), 'base64').toString();
    expect(error).toContain('<Code>NoSuchKey</Code>');
    expect(error).toContain(`<RequestId>${reply.headers['x-oss-request-id']}</RequestId>`);
    await expect(client(oss, { bucket: 'no-bucket' }).get('k')).rejects.toMatchObject({
      code: 'NoSuchBucket',
    });
  });

  it('answer conditions by ETag and by date', async () => {
    const now = Date.parse('2026-11-22T20:30:00.700Z');
    const oss = await start({ now: () => now });
    const date = new Date(now);
    const call = { key: 'k', date };
    const etag = (await send(oss, { ...call, method: 'PUT', body: 'x' })).headers.etag ?? '';
    const then = 'Sun, 22 Nov 2026 20:30:00 GMT';
    const earlier = 'Sun, 22 Nov 2026 20:29:59 GMT';
    const expected: [Headers, number][] = [
      [{ 'if-match': etag }, 200],
      [{ 'if-match': etag.replaceAll('"', '') }, 200],
      [{ 'if-match': '*' }, 200],
      [{ 'if-match': '"other"' }, 412],
      [{ 'if-none-match': etag }, 304],
      [{ 'if-none-match': '"other"' }, 200],
      [{ 'if-modified-since': then }, 304],
      [{ 'if-modified-since': earlier }, 200],
      [{ 'if-unmodified-since': then }, 200],
      [{ 'if-unmodified-since': earlier }, 412],
      [{ 'if-none-match': '"other"', 'if-modified-since': then }, 200],
    ];
    for (const method of ['GET', 'HEAD']) {
      for (const [headers, status] of expected) {
        const reply = await send(oss, { ...call, method, headers });
        expect([headers, reply.status]).toEqual([headers, status]);
        if (status === 304) expect([reply.body.length, reply.headers.etag]).toEqual([0, etag]);
      }
    }
  });

  it('GetObjectMeta gives size, ETag and date', async () => {
    const oss = await start();
    await append(oss, 'k', 0, 'bytes', { 'x-oss-meta-a': '1' });
    const store = client(oss) as unknown as {
      getObjectMeta(key: string): Promise<{ res: { headers: Record<string, string> } }>;
    };
    const { res } = await store.getObjectMeta('k');
    expect(res.headers['content-length']).toBe('5');
    expect(res.headers['etag']).toMatch(/^"[0-9A-F]{32}"$/);
    expect(res.headers).not.toHaveProperty('x-oss-meta-a');
  });

  it('replaces headers of the answer as the URL asks', async () => {
    const oss = await start();
    await put(oss, 'k', 'x', { 'content-type': 'text/plain' });
    const sub = 'response-cache-control=no-store&response-content-type=text/html';
    expect((await send(oss, { key: 'k', sub })).headers).toMatchObject({
      'content-type': 'text/html',
      'cache-control': 'no-store',
    });
  });
});

describe('a range', () => {
  const BYTES = '0123456789';
  const STANDARD = { 'x-oss-range-behavior': 'standard' };
  const whole = [200, BYTES, undefined];

  it.each<[range: string, byDefault: unknown[], standard: unknown[]]>([
    ['bytes=2-4', [206, '234', 'bytes 2-4/10'], [206, '234', 'bytes 2-4/10']],
    ['bytes=7-', [206, '789', 'bytes 7-9/10'], [206, '789', 'bytes 7-9/10']],
    ['bytes=-3', [206, '789', 'bytes 7-9/10'], [206, '789', 'bytes 7-9/10']],
    ['bytes=0-9', [206, BYTES, 'bytes 0-9/10'], [206, BYTES, 'bytes 0-9/10']],
    ['bytes=8-99', whole, [206, '89', 'bytes 8-9/10']],
    ['bytes=-99', whole, [206, BYTES, 'bytes 0-9/10']],
    ['bytes=10-', whole, [416, 'InvalidRange', 'bytes */10']],
    ['bytes=99-100', whole, [416, 'InvalidRange', 'bytes */10']],
    ['bytes=-0', whole, [416, 'InvalidRange', 'bytes */10']],
    ['bytes=0-1,3-4', whole, [416, 'InvalidRange', 'bytes */10']],
    ['bytes=4-2', whole, whole],
    ['bytes=-', whole, whole],
    ['items=0-1', whole, whole],
    ['bytes=a-b', whole, whole],
  ])('of %s is read in two ways', async (range, byDefault, standard) => {
    const oss = await start();
    await append(oss, 'k', 0, BYTES);
    const ask = async (headers: Headers): Promise<unknown[]> => {
      const reply = await get(oss, 'k', { range, ...headers });
      return [reply.status, reply.code ?? reply.body.toString(), reply.headers['content-range']];
    };
    expect(await ask({})).toEqual(byDefault);
    expect(await ask(STANDARD)).toEqual(standard);
  });

  it('of an empty object is the whole by default and invalid in standard mode', async () => {
    const oss = await start();
    await append(oss, 'k', 0, '');
    expect((await get(oss, 'k', { range: 'bytes=0-' })).status).toBe(200);
    expect((await get(oss, 'k', { range: 'bytes=0-', ...STANDARD })).code).toBe('InvalidRange');
  });

  it('tells the length and checksum of the whole object, so that a tail can be followed', async () => {
    const oss = await start();
    await append(oss, 'k', 0, BYTES);
    const { headers } = await get(oss, 'k', { range: 'bytes=4-', ...STANDARD });
    expect(headers).toMatchObject({
      'x-oss-next-append-position': '10',
      'x-oss-hash-crc64ecma': String(crc64(Buffer.from(BYTES))),
      'content-length': '6',
    });
  });

  it('of a large object is streamed from where it starts', async () => {
    const oss = await start();
    const large = Buffer.alloc(3 * 1024 * 1024, 'stream ');
    await put(oss, 'k', large);
    const reply = await get(oss, 'k', { range: 'bytes=1000-2999999' });
    expect(reply.body.equals(large.subarray(1000, 3_000_000))).toBe(true);
  });
});

describe('deleting', () => {
  it('succeeds for what is there and for what is not', async () => {
    const oss = await start();
    await append(oss, 'k', 0, 'x');
    expect((await send(oss, { method: 'DELETE', key: 'k' })).status).toBe(204);
    expect((await send(oss, { method: 'DELETE', key: 'k' })).status).toBe(204);
    expect((await get(oss, 'k')).status).toBe(404);
  });

  it('of many keys at once tells what it deleted, or nothing if asked to be quiet', async () => {
    const oss = await start();
    const store = client(oss);
    const keys = ['a', ' b ', 'c&<d>"\'', '界/𝄞', 'e&amp;f'];
    for (const key of keys) await put(oss, key, 'x');
    const { deleted } = await store.deleteMulti([...keys, 'missing'], { quiet: false });
    expect((deleted as unknown as { Key: string }[]).map(({ Key }) => Key)).toEqual([...keys, 'missing']);
    expect((await store.listV2({}, {})).objects).toEqual([]);
    await put(oss, 'a', 'x');
    expect((await store.deleteMulti(['a'], { quiet: true })).deleted).toEqual([]);
    expect((await get(oss, 'a')).status).toBe(404);
  });

  it('of 1000 escaped keys at once works, of 1001 or none is refused', async () => {
    const oss = await start();
    const store = client(oss);
    const keys = Array.from({ length: 1000 }, (_, i) => `k&'"<>${i}`);
    expect((await store.deleteMulti(keys)).deleted).toHaveLength(1000);
    await expect(store.deleteMulti([...keys, 'one more'])).rejects.toMatchObject({ code: 'MalformedXML' });
    const multi = async (body: string): Promise<Reply> => {
      const md5 = createHash('md5').update(body).digest('base64');
      return send(oss, { method: 'POST', sub: 'delete', body, headers: { 'content-md5': md5 } });
    };
    for (const body of [
      '<Delete></Delete>',
      '<Delete><Object/></Delete>',
      'no xml',
      '<Other/>',
      '<Delete>',
    ]) {
      expect((await multi(body)).code).toBe('MalformedXML');
    }
    expect((await send(oss, { method: 'POST', sub: 'delete', body: '<Delete/>' })).code).toBe(
      'MissingArgument',
    );
  });

  it('during a download does not disturb it', async () => {
    const oss = await start();
    const large = Buffer.alloc(3 * 1024 * 1024, 'download ');
    await put(oss, 'k', large);
    const { stream } = await client(oss).getStream('k');
    await send(oss, { method: 'DELETE', key: 'k' });
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(Buffer.concat(chunks).equals(large)).toBe(true);
  });
});

describe('CopyObject', () => {
  it('copies bytes and metadata, or replaces the metadata', async () => {
    const oss = await start({ buckets: [BUCKET, 'second-bucket'] });
    const store = client(oss);
    await store.put('dir/ü k', Buffer.from('bytes'), { mime: 'text/plain', meta: { uid: 1, pid: 2 } });
    await store.copy('same', 'dir/ü k');
    expect((await store.head('same')).meta).toEqual({ uid: '1', pid: '2' });
    await store.copy('changed', 'dir/ü k', { meta: { uid: 3, pid: 4 } });
    expect((await store.head('changed')).meta).toEqual({ uid: '3', pid: '4' });
    await client(oss, { bucket: 'second-bucket' }).copy('there', `/${BUCKET}/same`);
    for (const key of ['dir/ü k', 'same']) await send(oss, { method: 'DELETE', key });
    expect((await store.get('changed')).content.toString()).toBe('bytes');
    expect((await send(oss, { bucket: 'second-bucket', key: 'there' })).body.toString()).toBe('bytes');
  });

  it('refuses an appendable object, but changes its metadata when copied onto itself', async () => {
    const oss = await start();
    const store = client(oss);
    await append(oss, 'log', 0, 'bytes', { 'x-oss-meta-a': '1' });
    await expect(store.copy('copy', 'log')).rejects.toMatchObject({
      status: 400,
      code: 'OperationNotSupported',
    });
    await store.copy('log', 'log', { meta: { uid: 9, pid: 9 } });
    const { headers } = await head(oss, 'log');
    expect([headers['x-oss-object-type'], headers['x-oss-meta-uid'], headers['x-oss-meta-a']]).toEqual([
      'Appendable',
      '9',
      undefined,
    ]);
    expect((await append(oss, 'log', 5, '!')).headers['x-oss-next-append-position']).toBe('6');
    expect((await get(oss, 'log')).body.toString()).toBe('bytes!');
  });

  it.each([
    ['a source that is missing', { 'x-oss-copy-source': `/${BUCKET}/missing` }, 'NoSuchKey'],
    ['a source in no bucket', { 'x-oss-copy-source': '/no-bucket/k' }, 'NoSuchBucket'],
    ['a malformed source', { 'x-oss-copy-source': 'k' }, 'InvalidArgument'],
    ['an unknown directive', { 'x-oss-metadata-directive': 'MERGE' }, 'InvalidArgument'],
    [
      'an ETag of the source that does not hold',
      { 'x-oss-copy-source-if-match': '"x"' },
      'PreconditionFailed',
    ],
    ['overwriting forbidden', { 'x-oss-forbid-overwrite': 'true' }, 'FileAlreadyExists'],
  ])('with %s is refused', async (_what, headers, code) => {
    const oss = await start();
    await put(oss, 'k', 'x');
    await put(oss, 'target', 'y');
    const all = { 'x-oss-copy-source': `/${BUCKET}/k`, ...headers };
    const reply = await send(oss, { method: 'PUT', key: 'target', headers: all });
    expect(reply.code).toBe(code);
    expect((await get(oss, 'target')).body.toString()).toBe('y');
  });
});

describe('buckets', () => {
  it('are created, described, listed and deleted when empty', async () => {
    const oss = await start();
    const store = client(oss);
    await store.putBucket('new-bucket');
    await store.putBucket('new-bucket');
    const { bucket } = await store.getBucketInfo('new-bucket');
    expect(bucket).toMatchObject({ Name: 'new-bucket', StorageClass: 'Standard' });
    await put({ port: oss.port }, 'k', 'x');
    await expect(store.deleteBucket(BUCKET)).rejects.toMatchObject({ code: 'BucketNotEmpty' });
    await store.deleteBucket('new-bucket');
    await expect(store.deleteBucket('new-bucket')).rejects.toMatchObject({ code: 'NoSuchBucket' });
  });
});

describe('a call this server does not serve', () => {
  it.each([
    ['GET', 'k', 'acl', 501],
    ['PUT', 'k', 'tagging', 501],
    ['PUT', 'k', 'symlink', 501],
    ['POST', 'k', 'seal', 501],
    ['POST', 'k', 'restore', 501],
    ['GET', 'k', 'versionId=1', 501],
    ['GET', 'k', 'x-oss-process=image%2Fresize', 501],
    ['GET', '', 'lifecycle', 501],
    ['PUT', 'k', 'append&position=0', 405],
    ['POST', 'k', '', 405],
    ['PATCH', 'k', '', 405],
  ])('(%s "%s" ?%s) is refused, never taken for another', async (method, key, sub, status) => {
    const oss = await start();
    await put(oss, 'k', 'x');
    const signed = decodeURIComponent(sub);
    const reply = await send(oss, { method, key, sub: signed, body: 'changed' });
    expect(reply.status).toBe(status);
    expect(reply.code).toBe(status === 501 ? 'NotImplemented' : 'MethodNotAllowed');
    expect((await get(oss, 'k')).body.toString()).toBe('x');
  });

  it('with an unknown flag in the query is refused, with an unknown parameter served', async () => {
    const oss = await start();
    await put(oss, 'k', 'x');
    expect((await send(oss, { key: 'k', query: 'something' })).code).toBe('NotImplemented');
    expect((await send(oss, { key: 'k', query: 'cache=1' })).status).toBe(200);
  });
});
