import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Fault, OssServer, RequestEntry } from '../../../infra/local/oss/server.ts';
import { systemRuntime } from '../../../lib/runtime.ts';
import { type OssCredentials, ossStore } from '../../../lib/store/oss.ts';
import { type AppendAnswer, NO_ANSWER, type ObjectStore, StoreError } from '../../../lib/store/port.ts';
import { storeContract } from './contract.ts';
import { BUCKET, connect, KEYS, openLocalOss, RENEWED, startLocalOss, TEMPORARY } from './local-oss.ts';

const CALL = { timeoutMs: 30_000 };
const utf8 = (text: string) => new TextEncoder().encode(text);

storeContract('OSS', () => openLocalOss(ossStore));

describe('the store on OSS', () => {
  let server: OssServer;
  let requests: RequestEntry[];
  let close: () => Promise<void>;
  let store: ObjectStore;
  const append = (position: number, text = 'one\n') => store.append('a.log', position, utf8(text), CALL);
  const fail = (fault: Fault, delayMs?: number) =>
    server.faults.add({ fault, times: 1, ...(delayMs !== undefined && { delayMs }) });

  beforeEach(async () => {
    ({ server, requests, close } = await startLocalOss());
    store = connect(server.url);
  });
  afterEach(() => close());

  it('makes exactly one request a call, whatever comes of it', async () => {
    const calls: (() => Promise<unknown>)[] = [
      () => append(0),
      () => append(4),
      () => append(0),
      () => append(100),
      () => store.head('a.log', CALL),
      () => store.head('missing', CALL),
      () => store.read('a.log', { start: 0, end: 4 }, CALL),
      () => store.read('a.log', { start: 100, end: 104 }, CALL),
      () => store.read('a.log', { start: 2, end: 2 }, CALL),
      () => store.read('a.log', { last: 0 }, CALL),
      () => store.read('missing', { last: 3 }, CALL),
    ];
    for (const call of calls) {
      requests.length = 0;
      await call();
      expect(requests, String(call)).toHaveLength(1);
    }
  });

  it('makes no request for a key that OSS would refuse', async () => {
    await store.append('/a', 0, utf8('x'), CALL);
    await store.head('/a', CALL).catch(() => null);
    await store.read('', { last: 1 }, CALL).catch(() => null);
    expect(requests).toEqual([]);
  });

  it('reads the length out of the one answer to a conflict, and says null where it is not there', async () => {
    await append(0);
    expect(await append(9)).toEqual({ kind: 'conflict', length: 4 });
    fail('no-position');
    expect(await append(9)).toEqual({ kind: 'conflict', length: null });
    expect(requests.map((entry) => entry.status)).toEqual([200, 409, 409]);
  });

  it('keeps the answers of concurrent calls apart', async () => {
    const keys = Array.from({ length: 40 }, (_, i) => ({ key: `${i}.log`, text: 'x'.repeat(i + 1) }));
    for (const { key, text } of keys) await store.append(key, 0, utf8(text), CALL);
    const answers = await Promise.all(keys.map(({ key }) => store.append(key, 99_999, utf8('x'), CALL)));
    expect(answers).toEqual(keys.map(({ text }) => ({ kind: 'conflict', length: text.length })));
  });

  it('does not believe a success that tells no next position: something else may have answered', async () => {
    await append(0);
    fail('no-position');
    expect(await append(4, 'seven b')).toMatchObject({ kind: 'failed', failure: { code: NO_ANSWER } });
  });

  const unclear: [Fault, { code: string; status: number | null }, boolean][] = [
    ['answer-lost', { code: NO_ANSWER, status: null }, true],
    ['request-lost', { code: NO_ANSWER, status: null }, false],
    ['reset', { code: NO_ANSWER, status: null }, false],
    ['error-500', { code: 'InternalError', status: 500 }, false],
    ['error-500-after', { code: 'InternalError', status: 500 }, true],
  ];
  it.each(unclear)(
    'after %s says %j of an append and does not repeat it',
    async (fault, failure, written) => {
      fail(fault);
      expect(await append(0)).toMatchObject({ kind: 'failed', failure });
      expect(requests).toHaveLength(1);
      expect(await store.head('a.log', CALL)).toEqual(
        written ? expect.objectContaining({ length: 4 }) : null,
      );
    },
  );

  it.each(unclear)(
    'after %s throws %j from a head and a read and does not repeat it',
    async (fault, failure) => {
      await append(0);
      requests.length = 0;
      fail(fault);
      // The answer to a HEAD has no body, and a bare status where the store gives no code.
      const bare = failure.status === null ? failure : { status: failure.status };
      await expect(store.head('a.log', CALL)).rejects.toMatchObject(bare);
      fail(fault);
      await expect(store.read('a.log', { last: 4 }, CALL)).rejects.toMatchObject(failure);
      expect(requests).toHaveLength(2);
    },
  );

  it('does not take half of a range for the range', async () => {
    await append(0, 'x'.repeat(1000));
    fail('truncated');
    await expect(store.read('a.log', { last: 1000 }, CALL)).rejects.toMatchObject({ code: NO_ANSWER });
  });

  it('does not have the whole object sent for a range that reaches past its end', async () => {
    await append(0, 'x'.repeat(100_000));
    requests.length = 0;
    await store.read('a.log', { start: 200_000, end: 200_010 }, CALL);
    await store.read('a.log', { start: 99_990, end: 200_000 }, CALL);
    expect(requests.map((entry) => entry.status)).toEqual([416, 206]);
    for (const { bytesOut } of requests) expect(bytesOut).toBeLessThan(10_000);
  });

  it('says how long a throttled call should wait', async () => {
    fail('throttle', 1234);
    expect(await append(0)).toMatchObject({
      kind: 'failed',
      failure: { code: 'TotalQpsLimitExceeded', status: 503, delayMs: 1234 },
    });
  });

  it('gives a call up when its time is over', async () => {
    server.faults.add({ fault: 'slow', delayMs: 1500, match: { operation: 'append' }, times: 1 });
    const answer = await store.append('a.log', 0, utf8('one\n'), { timeoutMs: 50 });
    expect(answer).toMatchObject({ kind: 'failed', failure: { code: NO_ANSWER } });
  });

  it('gives OSS its request id, for the support', async () => {
    await append(0);
    server.faults.add({ fault: 'error-500', times: 1 });
    const answer = await append(4);
    expect(answer).toMatchObject({ kind: 'failed', failure: { requestId: expect.stringMatching(/^\w+$/) } });
  });

  describe('credentials', () => {
    it('are asked for before every call, so a renewed token is used at once', async () => {
      let now: OssCredentials = TEMPORARY;
      store = connect(server.url, () => now);
      expect(await append(0)).toMatchObject({ kind: 'appended' });
      now = { ...TEMPORARY, securityToken: 'a-token-nobody-knows' };
      expect(await append(4)).toMatchObject({ kind: 'failed', failure: { status: 403 } });
      now = RENEWED;
      expect(await append(4)).toMatchObject({ kind: 'appended' });
      now = KEYS;
      expect(await append(8)).toMatchObject({ kind: 'appended' });
    });

    it('with a token make ali-oss write nothing on the console', async () => {
      const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
      store = connect(server.url, () => TEMPORARY);
      await append(0);
      expect(warn).not.toHaveBeenCalled();
      warn.mockRestore();
    });

    it('may be written over in place', async () => {
      const now = { ...TEMPORARY };
      store = connect(server.url, () => now);
      await append(0);
      now.securityToken = 'a-token-nobody-knows';
      expect(await append(4)).toMatchObject({ kind: 'failed', failure: { status: 403 } });
    });

    it('that are wrong are refused with the code of OSS', async () => {
      store = connect(server.url, () => ({ ...KEYS, accessKeySecret: 'wrong' }));
      expect(await append(0)).toMatchObject({ kind: 'failed', failure: { code: 'SignatureDoesNotMatch' } });
      await expect(store.read('a.log', { last: 1 }, CALL)).rejects.toMatchObject({
        code: 'SignatureDoesNotMatch',
      });
    });

    it('that are missing make no request', async () => {
      store = connect(server.url, () => ({ accessKeyId: '', accessKeySecret: '' }));
      expect(await append(0)).toMatchObject({ kind: 'failed', failure: { code: 'NoCredentials' } });
      await expect(store.head('a.log', CALL)).rejects.toMatchObject({ code: 'NoCredentials' });
      expect(requests).toEqual([]);
    });
  });

  it('takes a region with and without its prefix', async () => {
    for (const region of ['cn-shanghai', 'oss-cn-shanghai']) {
      const there = ossStore({
        endpoint: server.url,
        region,
        bucket: BUCKET,
        credentials: () => KEYS,
        runtime: systemRuntime(),
      });
      expect(await there.append(region, 0, utf8('x'), CALL)).toMatchObject({ kind: 'appended' });
    }
  });

  it('uses TLS unless the endpoint asks for plain http', async () => {
    const answers: AppendAnswer[] = [];
    for (const endpoint of [`127.0.0.1:${server.port}`, `https://127.0.0.1:${server.port}`]) {
      answers.push(await connect(endpoint).append('a.log', 0, utf8('x'), CALL));
    }
    // The server speaks plain HTTP only, so a TLS handshake with it fails.
    const failure = { code: NO_ANSWER, cause: { code: expect.stringMatching(/SSL|EPROTO|ECONNRESET/) } };
    expect(answers).toMatchObject([
      { kind: 'failed', failure },
      { kind: 'failed', failure },
    ]);
    expect(requests).toEqual([]);
  });

  it('tells a missing bucket from a missing object', async () => {
    const elsewhere = ossStore({
      endpoint: server.url,
      region: 'cn-hangzhou',
      bucket: 'no-such-bucket',
      credentials: () => KEYS,
      runtime: systemRuntime(),
    });
    const code = 'NoSuchBucket';
    expect(await elsewhere.append('a', 0, utf8('x'), CALL)).toMatchObject({ failure: { code } });
    await expect(elsewhere.read('a', { last: 1 }, CALL)).rejects.toMatchObject({ code });
    await expect(elsewhere.head('a', CALL)).rejects.toMatchObject({ code });
  });

  it('refuses, unsent, what makes no valid request', async () => {
    const contentType = 'text/plain\r\nx-oss-object-acl: public-read';
    const answer = await store.append('a.log', 0, utf8('x'), { ...CALL, contentType });
    expect(answer).toMatchObject({ kind: 'failed', failure: { code: 'InvalidRequest', status: null } });
    const misnamed = ossStore({
      endpoint: server.url,
      region: 'cn-hangzhou',
      bucket: 'NOT/A/BUCKET',
      credentials: () => KEYS,
      runtime: systemRuntime(),
    });
    await expect(misnamed.head('a', CALL)).rejects.toMatchObject({ code: 'InvalidRequest' });
    expect(requests).toEqual([]);
  });

  it('keeps payloads and credentials out of its errors', async () => {
    const payload = 'the-payload-of-the-call';
    store = connect(server.url, () => TEMPORARY);
    const errors: unknown[] = [];
    for (const fault of ['answer-lost', 'error-500', 'throttle', 'truncated'] as const) {
      fail(fault);
      const answer = await append(0, payload);
      errors.push(answer.kind === 'failed' ? answer.failure : null);
      fail(fault);
      errors.push(await store.read('a.log', { last: 100 }, CALL).catch((error: unknown) => error));
    }
    store = connect(server.url, () => ({ ...TEMPORARY, accessKeySecret: 'wrong-secret' }));
    const refused = await append(0, payload);
    errors.push(refused.kind === 'failed' ? refused.failure : null);
    for (const error of errors) {
      if (error === null) continue;
      expect(error).toBeInstanceOf(StoreError);
      const everything = [
        inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true }),
        JSON.stringify(error),
      ];
      everything.push(String(error));
      const secret = /the-payload|the-secret|wrong-secret|the-security-token|74 68 65 2d 70 61 79/;
      for (const text of everything) expect(text).not.toMatch(secret);
    }
    expect(errors.filter((error) => error !== null).length).toBeGreaterThan(6);
  });
});
