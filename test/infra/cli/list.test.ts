import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ossList } from '../../../infra/cli/list.ts';
import { LOCAL_BUCKET, LOCAL_KEY, LOCAL_REGION } from '../../../infra/cli/stack.ts';
import { type OssServer, startOss } from '../../../infra/local/oss/server.ts';
import { systemRuntime } from '../../../lib/runtime.ts';
import { ossStore } from '../../../lib/store/oss.ts';
import { newDataDir, removeDataDir } from '../../e2e/stack.ts';

let dataDir: string;
let oss: OssServer;
beforeAll(async () => {
  dataDir = await newDataDir();
  oss = await startOss({ dataDir, credentials: [LOCAL_KEY], buckets: [LOCAL_BUCKET] });
});
afterAll(async () => {
  await oss.close();
  await removeDataDir(dataDir);
});

const options = (bucket = LOCAL_BUCKET) => ({
  endpoint: oss.url,
  region: LOCAL_REGION,
  bucket,
  credentials: () => LOCAL_KEY,
  runtime: systemRuntime(),
});

async function listed(prefix: string, bucket?: string) {
  const found = [];
  for await (const object of ossList(options(bucket))(prefix)) found.push(object);
  return found;
}

describe('the list of objects', () => {
  it('has those below a prefix, page after page, whatever characters are in their keys', async () => {
    const store = ossStore(options());
    const keys = [
      'a & b <c>',
      'größe',
      'x+y=z?',
      '12345',
      ...Array.from({ length: 1100 }, (_, n) => `n/${n}`),
    ];
    for (const place of ['in/', 'out/']) {
      for (const key of place === 'in/' ? keys : ['x']) {
        await store.append(`${place}${key}`, 0, Buffer.from('12345'), { timeoutMs: 10_000 });
      }
    }
    const found = await listed('in/');
    expect(found.map(({ key }) => key).toSorted()).toEqual(keys.map((key) => `in/${key}`).toSorted());
    expect(new Set(found.map(({ length }) => length))).toEqual(new Set([5]));
    expect(await listed('nowhere/')).toEqual([]);
  });

  it('is an error of the store if OSS refuses', async () => {
    await expect(listed('', 'no-such-bucket')).rejects.toMatchObject({ code: 'NoSuchBucket' });
  });
});
