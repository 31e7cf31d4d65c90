import { once } from 'node:events';
import { createServer } from 'node:http';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Fault, OssServer, RequestEntry } from '../../../infra/local/oss/server.ts';
import { ossBucket } from '../../../lib/store/oss-bucket.ts';
import { type Bucket, NO_ANSWER, StoreError } from '../../../lib/store/port.ts';
import { bucketContract, streamed } from './bucket-contract.ts';
import { BUCKET, KEYS, openLocalBucket, optionsFor, startLocalOss, TEMPORARY } from './local-oss.ts';

const CALL = { timeoutMs: 30_000 };
const utf8 = (text: string) => new TextEncoder().encode(text);

bucketContract('OSS', () => openLocalBucket(ossBucket));

describe('a bucket on OSS', () => {
  let server: OssServer;
  let requests: RequestEntry[];
  let close: () => Promise<void>;
  let bucket: Bucket;
  const fail = (fault: Fault) => server.faults.add({ fault, times: 1 });

  beforeEach(async () => {
    ({ server, requests, close } = await startLocalOss());
    bucket = ossBucket(optionsFor(server.url));
  });
  afterEach(() => close());

  it('makes exactly one request a call, whatever comes of it', async () => {
    const forbidOverwrite = { ...CALL, forbidOverwrite: true };
    const calls: (() => Promise<unknown>)[] = [
      () => bucket.list('', CALL),
      () => bucket.put('a', utf8('x'), CALL),
      () => bucket.put('a', utf8('x'), forbidOverwrite),
      () => bucket.put('b', streamed(utf8('12345'), 2), CALL),
      () => bucket.put('b', streamed(utf8('12345'), 2), forbidOverwrite),
      () => bucket.remove('a', CALL),
      () => bucket.remove('missing', CALL),
      () => bucket.head('b', CALL),
    ];
    for (const call of calls) {
      requests.length = 0;
      await call();
      expect(requests, String(call)).toHaveLength(1);
    }
  });

  const unclear: [Fault, { code: string; status: number | null }, boolean][] = [
    ['answer-lost', { code: NO_ANSWER, status: null }, true],
    ['request-lost', { code: NO_ANSWER, status: null }, false],
    ['reset', { code: NO_ANSWER, status: null }, false],
    ['error-500', { code: 'InternalError', status: 500 }, false],
    ['error-500-after', { code: 'InternalError', status: 500 }, true],
  ];
  it.each(unclear)('after %s says %j of a put and does not repeat it', async (fault, failure, written) => {
    for (const [key, body] of [
      ['bytes', utf8('12345')],
      ['stream', streamed(utf8('12345'), 2)],
    ] as const) {
      requests.length = 0;
      fail(fault);
      expect(await bucket.put(key, body, CALL)).toMatchObject({ kind: 'failed', failure });
      expect(requests).toHaveLength(1);
      expect(await bucket.head(key, CALL)).toEqual(written ? expect.objectContaining({ length: 5 }) : null);
    }
  });

  it.each(unclear)('after %s throws %j from a list and a remove', async (fault, failure) => {
    fail(fault);
    await expect(bucket.list('', CALL)).rejects.toMatchObject(failure);
    fail(fault);
    await expect(bucket.remove('a', CALL)).rejects.toMatchObject(failure);
  });

  it('tells the reason of a refusal', async () => {
    const elsewhere = ossBucket({ ...optionsFor(server.url), bucket: 'no-such-bucket' });
    const refusal = { code: 'NoSuchBucket' };
    await expect(elsewhere.list('', CALL)).rejects.toMatchObject(refusal);
    await expect(elsewhere.remove('a', CALL)).rejects.toMatchObject(refusal);
    expect(await elsewhere.put('a', utf8('x'), CALL)).toMatchObject({ kind: 'failed', failure: refusal });
  });

  it('keeps payloads and credentials out of its errors', async () => {
    const wrong = ossBucket(
      optionsFor(server.url, () => ({ ...TEMPORARY, accessKeySecret: 'wrong-secret' })),
    );
    const errors: unknown[] = [await wrong.list('', CALL).catch((error: unknown) => error)];
    for (const body of [utf8('the-payload'), streamed(utf8('the-payload'), 4)]) {
      const refused = await wrong.put('a', body, CALL);
      errors.push(refused.kind === 'failed' && refused.failure);
    }
    for (const error of errors) {
      expect(error).toBeInstanceOf(StoreError);
      const text = inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true });
      expect(text).not.toMatch(/the-payload|wrong-secret|the-security-token|74 68 65 2d 70 61 79/);
    }
  });
});

describe('what is no list of OSS', () => {
  const object = '<Contents><Key>a</Key><Size>1</Size></Contents>';
  it.each([
    ['', 'nothing'],
    ['<html><body>Sign in</body></html>', 'a page'],
    ['<ListBucketResult><IsTruncated>maybe</IsTruncated></ListBucketResult>', 'undecided'],
    ['<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>', 'endless'],
    [
      '<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a</Key></Contents></ListBucketResult>',
      'lengthless',
    ],
    [
      `<ListBucketResult><IsTruncated>false</IsTruncated>${object.replace('>a<', '>%zz<')}</ListBucketResult>`,
      'unreadable',
    ],
    [`<ListBucketResult><IsTruncated>false</IsTruncated>${object}`, 'cut off'],
    [`<ListBucketResult>${object}</ListBucketResult>`, 'without an end'],
  ])('is no answer: %s (%s)', async (body) => {
    const server = createServer((_, response) => response.end(body));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const bucket = ossBucket({ ...optionsFor(`http://127.0.0.1:${port}`, () => KEYS), bucket: BUCKET });
    await expect(bucket.list('', CALL)).rejects.toMatchObject({ code: NO_ANSWER });
    server.closeAllConnections();
    server.close();
  });
});
