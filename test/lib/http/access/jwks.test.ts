import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { remoteKeys } from '../../../../lib/http/access/jwks.ts';
import type { Runtime } from '../../../../lib/runtime.ts';
import { NOW_MS } from '../../intake/support.ts';
import { CLAIMS, issuer, JWKS_URL, JWT, type Key, newKey } from './issuer.ts';
import { accessBench, bearer, REFUSED, refusal } from './support.ts';

const MINUTE_MS = 60_000;
let first: Key;
let second: Key;

beforeAll(async () => {
  first = await newKey('k-1');
  second = await newKey('k-2');
});

function benchOf(...keys: Key[]) {
  const id = issuer(...keys);
  const it = accessBench([JWT], { fetch: id.fetch });
  const send = async (key: Key) =>
    it.post('/append/events', '1', bearer(await key.sign({ ...CLAIMS, exp: 1e10 })));
  return { it, id, send };
}

describe('the keys of an issuer', () => {
  it('are fetched when they are first needed, and kept', async () => {
    const { it, id, send } = benchOf(first);
    expect(id.asked).toBe(0);
    for (let n = 0; n < 3; n++) expect((await send(first)).status).toBe(200);
    expect(id.asked).toBe(1);
    it.nowMs += 10 * MINUTE_MS;
    expect((await send(first)).status).toBe(200);
    expect(id.asked).toBe(2);
  });

  it('are fetched once for calls that come together', async () => {
    const id = issuer(first);
    const keyOf = remoteKeys(JWKS_URL, {
      fetch: id.fetch,
      runtime: { now: () => NOW_MS, after: () => () => {} },
    });
    const look = () => keyOf(() => 30_000)({ alg: 'ES256', kid: 'k-1' }, { payload: '', signature: '' });
    await Promise.all([look(), look(), look()]);
    expect(id.asked).toBe(1);
  });

  it('are fetched again for one that is not there, but not for every token', async () => {
    const { it, id, send } = benchOf(first);
    await send(first);
    id.keys.push(second);
    it.nowMs += MINUTE_MS;
    expect((await send(second)).status).toBe(200);
    expect(id.asked).toBe(2);
    const stranger = await newKey('k-3');
    for (let n = 0; n < 5; n++) expect(await refusal(await send(stranger))).toEqual(REFUSED.token);
    expect(id.asked).toBe(2);
    it.nowMs += MINUTE_MS;
    await send(stranger);
    expect(id.asked).toBe(3);
  });

  it('that were taken back hold no longer', async () => {
    const { it, id, send } = benchOf(first, second);
    await send(first);
    id.keys.shift();
    it.nowMs += 10 * MINUTE_MS;
    expect(await refusal(await send(first))).toEqual(REFUSED.token);
  });

  it('go on for an hour while the issuer is out of reach', async () => {
    const { it, id, send } = benchOf(first);
    await send(first);
    id.answer = async () => new Response('', { status: 500 });
    it.nowMs += 59 * MINUTE_MS;
    expect((await send(first)).status).toBe(200);
    expect(await refusal(await send(second))).toEqual(REFUSED.keys);
    it.nowMs += MINUTE_MS;
    expect(await refusal(await send(first))).toEqual(REFUSED.keys);
  });

  it.each([
    ['has an error', async () => new Response('secret', { status: 500 }), 'status 500'],
    ['has nothing', async () => new Response(null, { status: 404 }), 'status 404'],
    ['answers no JSON', async () => new Response('<secret>'), 'the answer holds no keys'],
    ['answers no keys', async () => Response.json({ keys: 'secret' }), 'the answer holds no keys'],
    ['answers without end', async () => new Response('x'.repeat(1_000_001)), 'the answer is too long'],
    ['is not there', () => Promise.reject(new TypeError('secret')), 'no connection'],
  ])('make a 503 while the issuer %s, and a line in the log', async (_, answer, reason) => {
    const { it, id, send } = benchOf(first);
    id.answer = answer;
    const response = await send(first);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await refusal(response)).toEqual(REFUSED.keys);
    expect(it.logged).toContainEqual(
      expect.objectContaining({ level: 'warn', event: 'keys-unavailable', credential: 'fleet', reason }),
    );
    expect(JSON.stringify(it.logged)).not.toContain('secret');
    expect(it.appends).toEqual([]);
    id.answer = async () => Response.json({ keys: [first.jwk] });
    expect(await refusal(await send(first))).toEqual(REFUSED.keys);
    expect(id.asked).toBe(1);
    it.nowMs += 5000;
    expect((await send(first)).status).toBe(200);
  });

  it('make a 503 too if the one that is named is none, or private', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    for (const broken of [{ x: 'AAAA' }, privateKey.export({ format: 'jwk' })]) {
      const { id, send } = benchOf(first);
      id.answer = async () => Response.json({ keys: [{ ...first.jwk, ...broken }] });
      expect(await refusal(await send(first))).toEqual(REFUSED.keys);
    }
  });

  it('of one issuer do not wait for another', async () => {
    const id = issuer();
    id.answer = () => Promise.reject(new Error('down'));
    const here = { ...JWT, name: 'here', issuer: 'https://two.example', jwks: { keys: [second.jwk] } };
    const { post } = accessBench([JWT, here], { fetch: id.fetch });
    const token = await second.sign({ ...CLAIMS, iss: 'https://two.example' });
    expect((await post('/append/events', '1', bearer(token))).status).toBe(200);
    expect(id.asked).toBe(0);
  });

  it('are waited for no longer than a while, and than half of what the call has', async () => {
    const waits: number[] = [];
    const aborted: unknown[] = [];
    const after: Runtime['after'] = (ms, run) => {
      waits.push(ms);
      run();
      return () => {};
    };
    const id = issuer(first);
    id.answer = async (signal) => {
      aborted.push(signal?.aborted);
      throw new Error('given up');
    };
    for (const remainingMs of [30_000, 1000]) {
      const keyOf = remoteKeys(JWKS_URL, { fetch: id.fetch, runtime: { now: () => NOW_MS, after } });
      const looked = keyOf(() => remainingMs)({ alg: 'ES256', kid: 'k-1' }, { payload: '', signature: '' });
      await expect(looked).rejects.toMatchObject({ name: 'KeysUnavailable', message: 'no answer in time' });
    }
    expect(waits).toEqual([3000, 500]);
    expect(aborted).toEqual([true, true]);
  });
});
