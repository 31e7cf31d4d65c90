import { createHash, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Credential } from '../../../../infra/local/oss/server.ts';
import { append, BUCKET, client, exchange, KEY, type Reply, send, signedHeaders, start } from './harness.ts';

const MINUTE_MS = 60_000;
const STS: Credential = { accessKeyId: 'STS.id', accessKeySecret: 'sts-secret', securityToken: 'sts-token' };

describe('a request', () => {
  it('without a signature is denied', async () => {
    const oss = await start();
    const reply = await exchange(oss.port, { method: 'GET', path: `/${BUCKET}/k` });
    expect([reply.status, reply.code]).toEqual([403, 'AccessDenied']);
  });

  it('with an unknown key id is refused, naming the id', async () => {
    const oss = await start();
    const reply = await send(oss, { key: 'k', credential: { ...KEY, accessKeyId: 'nobody' } });
    expect([reply.status, reply.code]).toEqual([403, 'InvalidAccessKeyId']);
    expect(reply.body.toString()).toContain('<OSSAccessKeyId>nobody</OSSAccessKeyId>');
  });

  it('with a wrong secret is refused, showing what the server signed and not the secret', async () => {
    const oss = await start();
    const credential = { ...KEY, accessKeySecret: 'wrong' };
    const reply = await send(oss, {
      method: 'POST',
      key: 'k',
      sub: 'append&position=0',
      body: 'x',
      credential,
    });
    expect([reply.status, reply.code]).toEqual([403, 'SignatureDoesNotMatch']);
    const text = reply.body.toString();
    expect(text).toContain(`/${BUCKET}/k?append&#38;position=0</StringToSign>`);
    expect(text).toMatch(/<StringToSignBytes>50 4F 53 54 0A/);
    expect(text).not.toContain(KEY.accessKeySecret);
    expect((await send(oss, { method: 'HEAD', key: 'k' })).status).toBe(404);
  });

  it.each([
    ['the key', { key: 'other' }],
    ['the method', { method: 'DELETE' }],
    ['the position', { sub: 'append&position=1' }],
    ['an x-oss header', { headers: { 'x-oss-meta-a': '2' } }],
    ['the content type', { headers: { 'x-oss-meta-a': '1', 'content-type': 'text/plain' } }],
  ])('changed in %s after signing is refused', async (_what, change) => {
    const oss = await start();
    const call = { method: 'POST', key: 'k', sub: 'append&position=0', headers: { 'x-oss-meta-a': '1' } };
    const { authorization = '', date = '' } = signedHeaders(call);
    const sent = { ...call, ...change };
    const reply = await exchange(oss.port, {
      method: sent.method,
      path: `/${BUCKET}/${sent.key}?${sent.sub}`,
      headers: { ...sent.headers, authorization, date, 'content-length': '0' },
    });
    expect(reply.code).toBe('SignatureDoesNotMatch');
  });

  it.each([
    ['OSS nonsense', 'InvalidArgument'],
    ['Basic dXNlcjpwYXNz', 'InvalidArgument'],
    ['OSS4-HMAC-SHA256 Credential=x,Signature=y', 'InvalidArgument'],
  ])('with the authorization %s is refused as malformed', async (authorization, code) => {
    const oss = await start();
    const headers = { authorization, date: new Date().toUTCString() };
    expect((await exchange(oss.port, { method: 'GET', path: `/${BUCKET}/k`, headers })).code).toBe(code);
  });

  it('is refused more than 15 minutes off the clock, either way, and taken within', async () => {
    const now = Date.parse('2026-11-22T20:30:00Z');
    const oss = await start({ now: () => now });
    const at = (minutes: number): Promise<Reply> =>
      send(oss, { method: 'PUT', key: 'k', body: '', date: new Date(now + minutes * MINUTE_MS) });
    expect([(await at(-16)).code, (await at(16)).code]).toEqual([
      'RequestTimeTooSkewed',
      'RequestTimeTooSkewed',
    ]);
    expect([(await at(-15)).status, (await at(15)).status]).toEqual([200, 200]);
  });

  it('without a readable date is denied', async () => {
    const oss = await start();
    const headers = { authorization: 'OSS test-id:sig', date: 'yesterday' };
    const reply = await exchange(oss.port, { method: 'GET', path: `/${BUCKET}/k`, headers });
    expect([reply.status, reply.code]).toEqual([403, 'AccessDenied']);
  });

  it('signs user metadata byte by byte', async () => {
    const oss = await start();
    const store = client(oss, { headerEncoding: 'latin1' });
    await store.put('k', Buffer.from('x'), { meta: { name: 'übung' } as never });
    const { meta } = await store.head('k');
    expect(Buffer.from(String((meta as Record<string, string>)['name']), 'latin1').toString()).toBe('übung');
  });
});

describe('a temporary credential', () => {
  it.each([false, true])('works with its token (signature V4: %s)', async (authorizationV4) => {
    const oss = await start({ credentials: [KEY, STS] });
    const store = client(oss, {
      ...STS,
      stsToken: 'sts-token',
      refreshSTSToken: () => Promise.reject(new Error('not yet')),
      authorizationV4,
    });
    await store.append('k', Buffer.from('x'));
    expect((await store.get('k')).content.toString()).toBe('x');
  });

  it('is unknown without its token, refused with another and after its end', async () => {
    let now = Date.now();
    const oss = await start({
      credentials: [{ ...STS, expiresAtMs: now + MINUTE_MS }],
      now: () => now,
    });
    const withToken = (token: string): Promise<Reply> =>
      send(oss, { key: 'k', credential: STS, headers: { 'x-oss-security-token': token } });
    expect((await send(oss, { key: 'k', credential: STS })).code).toBe('InvalidAccessKeyId');
    expect((await withToken('other')).code).toBe('InvalidSecurityToken');
    expect((await withToken('sts-token')).code).toBe('NoSuchKey');
    now += MINUTE_MS;
    expect((await withToken('sts-token')).code).toBe('SecurityTokenExpired');
  });

  it('may be one of several with the same key id, as after a refresh', async () => {
    const credentials: Credential[] = [STS];
    const oss = await start({ credentials: () => credentials });
    credentials.push({ ...STS, accessKeySecret: 'newer', securityToken: 'newer-token' });
    for (const { securityToken = '', accessKeySecret } of credentials) {
      const credential = { accessKeyId: STS.accessKeyId, accessKeySecret };
      const reply = await send(oss, {
        key: 'k',
        credential,
        headers: { 'x-oss-security-token': securityToken },
      });
      expect(reply.code).toBe('NoSuchKey');
    }
  });

  it('a token does not go with a permanent key', async () => {
    const oss = await start();
    const reply = await send(oss, { key: 'k', headers: { 'x-oss-security-token': 'any' } });
    expect(reply.code).toBe('InvalidSecurityToken');
  });
});

describe('a signed URL', () => {
  const get = (url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Reply> => {
    const { port, pathname, search, host } = new URL(url);
    return exchange(Number(port), { method, path: pathname + search, headers: { host, ...headers } });
  };

  it.each([false, true])('of V1 opens an object, with a token too (%s)', async (temporary) => {
    const oss = await start({ credentials: [KEY, STS] });
    await append(oss, 'ü k.log', 0, 'bytes');
    const store = client(oss, {
      endpoint: `http://localhost:${oss.port}`,
      ...(temporary ? { ...STS, stsToken: 'sts-token', refreshSTSToken: () => Promise.reject() } : {}),
    });
    const reply = await get(store.signatureUrl('ü k.log', { response: { 'content-type': 'text/x-log' } }));
    expect([reply.body.toString(), reply.headers['content-type']]).toEqual(['bytes', 'text/x-log']);
  });

  it.each([false, true])('of V4 opens an object, with a token too (%s)', async (temporary) => {
    const oss = await start({ credentials: [KEY, STS] });
    await append(oss, 'ü k.log', 0, 'bytes');
    const store = client(oss, {
      endpoint: `http://localhost:${oss.port}`,
      ...(temporary ? { ...STS, stsToken: 'sts-token', refreshSTSToken: async () => STS } : {}),
    }) as unknown as { signatureUrlV4(...args: unknown[]): Promise<string> };
    expect((await get(await store.signatureUrlV4('GET', 60, {}, 'ü k.log'))).body.toString()).toBe('bytes');

    const host = `${BUCKET}.localhost:${oss.port}`;
    const bound = await store.signatureUrlV4('GET', 60, { headers: { host } }, 'ü k.log', ['host']);
    expect((await get(bound)).body.toString()).toBe('bytes');
    expect((await get(bound, { host: `${BUCKET}.localhost` })).code).toBe('SignatureDoesNotMatch');
    expect((await get(bound, {}, 'DELETE')).code).toBe('SignatureDoesNotMatch');
  });

  it.each(['V1', 'V4'])('of %s is denied once it has expired', async (version) => {
    let now = Date.now();
    const oss = await start({ now: () => now });
    await append(oss, 'k', 0, 'bytes');
    const store = client(oss, { endpoint: `http://localhost:${oss.port}` });
    const v4 = store as unknown as { signatureUrlV4(...args: unknown[]): Promise<string> };
    const url =
      version === 'V1'
        ? store.signatureUrl('k', { expires: 60 })
        : await v4.signatureUrlV4('GET', 60, {}, 'k');
    expect((await get(url)).status).toBe(200);
    now += 2 * MINUTE_MS;
    const late = await get(url);
    expect([late.status, late.code]).toEqual([403, 'AccessDenied']);
    expect(late.body.toString()).toContain('Request has expired.');
  });

  it('of V1 with a changed query is refused where the signature covers it', async () => {
    const oss = await start();
    await append(oss, 'k', 0, 'bytes');
    const url = client(oss, { endpoint: `http://localhost:${oss.port}` }).signatureUrl('k');
    expect((await get(`${url}&response-content-type=text/html`)).code).toBe('SignatureDoesNotMatch');
    expect((await get(url.replace(/Signature=[^&]*/, 'Signature='))).code).toBe('AccessDenied');
  });
});

describe('a V4 Authorization header', () => {
  interface V4 {
    readonly region?: string;
    readonly additional?: string;
    readonly day?: string;
    readonly payload?: string;
    readonly host?: string;
  }
  const PATH = `/${BUCKET}/k`;

  /** GET of `k`, signed by code of its own. */
  async function get(oss: { port: number }, v4: V4 = {}): Promise<Reply> {
    const { region = 'cn-hangzhou', additional, payload = 'UNSIGNED-PAYLOAD', host = '127.0.0.1' } = v4;
    const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
    const day = v4.day ?? date.slice(0, 8);
    const scope = `${day}/${region}/oss/aliyun_v4_request`;
    const signedHost = additional === 'host' ? `host:${host}\n` : '';
    const canonical = `GET\n${PATH}\n\n${signedHost}x-oss-content-sha256:${payload}\nx-oss-date:${date}\n\n${additional ?? ''}\n${payload}`;
    const toSign = `OSS4-HMAC-SHA256\n${date}\n${scope}\n${createHash('sha256').update(canonical).digest('hex')}`;
    const hmac = (key: string | Buffer, text: string): Buffer =>
      createHmac('sha256', key).update(text).digest();
    const key = [region, 'oss', 'aliyun_v4_request'].reduce(
      hmac,
      hmac(`aliyun_v4${KEY.accessKeySecret}`, day),
    );
    const names = additional === undefined ? '' : `AdditionalHeaders=${additional},`;
    const authorization = `OSS4-HMAC-SHA256 Credential=${KEY.accessKeyId}/${scope},${names}Signature=${hmac(key, toSign).toString('hex')}`;
    return exchange(oss.port, {
      method: 'GET',
      path: PATH,
      headers: { host, authorization, 'x-oss-date': date, 'x-oss-content-sha256': payload },
    });
  }

  it('is accepted for any region, with and without additional headers', async () => {
    const oss = await start();
    await append(oss, 'k', 0, 'bytes');
    expect((await get(oss)).body.toString()).toBe('bytes');
    expect((await get(oss, { region: 'ap-southeast-1' })).body.toString()).toBe('bytes');
    expect((await get(oss, { additional: 'host' })).body.toString()).toBe('bytes');
  });

  it('with an empty list of additional headers is refused', async () => {
    const oss = await start();
    const reply = await get(oss, { additional: '' });
    expect([reply.status, reply.code, reply.headers['x-oss-ec']]).toEqual([
      400,
      'InvalidArgument',
      '0002-00000209',
    ]);
  });

  it.each<[string, V4]>([
    ['an additional header that was not sent', { additional: 'x-missing' }],
    ["a region with the endpoint's oss- in front", { region: 'oss-cn-hangzhou' }],
    ['another day than its date', { day: '20200101' }],
    ['a payload hash', { payload: 'e3b0c442' }],
  ])('with %s is refused', async (_what, v4) => {
    const oss = await start();
    const reply = await get(oss, v4);
    expect([reply.status, reply.code]).toEqual([400, 'InvalidArgument']);
  });
});
