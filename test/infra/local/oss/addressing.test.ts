import { describe, expect, it } from 'vitest';
import { BUCKET, client, exchange, KEY, send, signedHeaders, start } from './harness.ts';

const STYLES: Record<string, (port: number) => Record<string, unknown>> = {
  'virtual-host style': (port) => ({ endpoint: `http://localhost:${port}` }),
  'path style': (port) => ({ endpoint: `http://localhost:${port}`, sldEnable: true }),
  'IP style': (port) => ({ endpoint: `http://127.0.0.1:${port}` }),
  'IP style with the bucket in the path too': (port) => ({
    endpoint: `http://127.0.0.1:${port}`,
    sldEnable: true,
  }),
  cname: (port) => ({ endpoint: `http://files.localhost:${port}`, cname: true }),
  'cname on a lone host name': (port) => ({ endpoint: `http://localhost:${port}`, cname: true }),
};
/** Keys that a wrong reading of host, path or escapes would take for something else. */
const KEYS = [
  'plain.log',
  `${BUCKET}/x.log`,
  'a b+c&d=e?f#g%2F.log',
  '日志/ü/𝄞.log',
  "it's (really)!*.log",
  'dir/',
];

describe.each(Object.entries(STYLES))('a client in %s', (_name, style) => {
  it.each([false, true])('writes, reads, lists and deletes (signature V4: %s)', async (authorizationV4) => {
    const oss = await start({ defaultBucket: BUCKET });
    const store = client(oss, { ...style(oss.port), authorizationV4 });
    for (const key of KEYS) {
      const created = await store.append(key, Buffer.from('first,'));
      await store.append(key, Buffer.from('second'), { position: created.nextAppendPosition });
      expect((await store.get(key)).content.toString()).toBe('first,second');
      expect((await store.head(key)).res.status).toBe(200);
    }
    const { objects } = await store.listV2({ prefix: '' }, {});
    expect(objects.map(({ name }) => name).sort()).toEqual([...KEYS].sort());
    for (const key of KEYS) await store.delete(key);
    expect((await store.list({ 'max-keys': 10 }, {})).objects).toEqual([]);
  });
});

describe('addressing', () => {
  it('lists buckets over an IP endpoint, where ali-oss names the bucket "undefined"', async () => {
    const oss = await start({ buckets: ['one-bucket', 'two-bucket'] });
    const { buckets } = (await client(oss).listBuckets({})) as unknown as { buckets: { name: string }[] };
    expect(buckets.map(({ name }) => name)).toEqual(['one-bucket', 'two-bucket']);
  });

  it('tells a cname client of a server without default bucket what is missing', async () => {
    const oss = await start();
    const store = client(oss, { endpoint: `http://localhost:${oss.port}`, cname: true });
    await expect(store.head('a.log')).rejects.toMatchObject({ status: 403 });
    await expect(store.get('a.log')).rejects.toMatchObject({
      code: 'SignatureDoesNotMatch',
      message: expect.stringContaining('default bucket'),
    });
  });

  it('answers NoSuchBucket for a bucket that does not exist, InvalidBucketName for one that cannot', async () => {
    const oss = await start();
    expect((await send(oss, { bucket: 'other-bucket', key: 'k' })).code).toBe('NoSuchBucket');
    expect((await send(oss, { bucket: 'Other_Bucket', key: 'k' })).code).toBe('InvalidBucketName');
    expect((await send(oss, { method: 'PUT', bucket: '-x-' })).code).toBe('InvalidBucketName');
  });

  it('refuses a URL that is not percent-encoded UTF-8', async () => {
    const oss = await start();
    const reply = await exchange(oss.port, { method: 'GET', path: `/${BUCKET}/%ff%zz` });
    expect([reply.status, reply.code]).toEqual([400, 'InvalidURI']);
  });

  it('takes dots and double slashes in keys as they are', async () => {
    const oss = await start();
    for (const key of ['a/../b', 'a//b', './c']) {
      const path = `/${BUCKET}/${key}`;
      const headers = { ...signedHeaders({ method: 'PUT', key }), 'content-length': '0' };
      expect((await exchange(oss.port, { method: 'PUT', path, headers })).status).toBe(200);
    }
    const { objects } = await client(oss).listV2({}, {});
    expect(objects.map(({ name }) => name)).toEqual(['./c', 'a/../b', 'a//b']);
  });

  it('never takes a request for a bucket its signature was not made for', async () => {
    const oss = await start({ buckets: [BUCKET, 'other-bucket'] });
    await send(oss, { method: 'PUT', key: 'k', body: 'ours' });
    await send(oss, { method: 'PUT', bucket: 'other-bucket', key: 'k', body: 'theirs' });
    const headers = signedHeaders({ key: 'k' });
    const stolen = await exchange(oss.port, { method: 'GET', path: '/other-bucket/k', headers });
    expect(stolen.code).toBe('SignatureDoesNotMatch');
    expect(stolen.body.toString()).not.toContain(KEY.accessKeySecret);
  });
});
