import { createHmac, createPublicKey, type JsonWebKey } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { CLAIMS, encoded, issuer, JWT, type Key, NOW_S, newKey } from './issuer.ts';
import { accessBench, BEARER, bearer, EVENTS, REFUSED, refusal, TOKEN } from './support.ts';

let key: Key;
let rsa: Key;

beforeAll(async () => {
  key = await newKey('k-1');
  rsa = await newKey('k-rsa', 'RS256');
});

const withKeys = (access: Partial<typeof JWT> = {}) => {
  const { fetch } = issuer(key, rsa);
  return accessBench([{ ...JWT, ...access }], { fetch });
};

describe('a JWT', () => {
  it('is taken from the issuer, for this audience and in its time', async () => {
    const { post, logged } = withKeys();
    for (const token of [
      await key.sign(),
      await rsa.sign(),
      await key.sign({ ...CLAIMS, aud: ['x', 'oss-append'], nbf: NOW_S }),
      await key.sign({ ...CLAIMS, exp: NOW_S - 29, nbf: NOW_S + 29 }),
    ])
      expect((await post('/append/events', '1', bearer(token))).status).toBe(200);
    expect(logged.at(-1)).toMatchObject({ credential: 'fleet' });
  });

  it.each(['RS512', 'PS256', 'ES384', 'EdDSA'])('is taken with a signature of %s', async (alg) => {
    const other = await newKey('k', alg);
    const { post } = accessBench([{ ...JWT, jwks: { keys: [other.jwk] } }]);
    expect((await post('/append/events', '1', bearer(await other.sign()))).status).toBe(200);
  });

  it.each([
    ['has run out', { exp: NOW_S - 31 }],
    ['does not say when it runs out', { exp: undefined }],
    ['is not valid yet', { nbf: NOW_S + 31 }],
    ['is of another issuer', { iss: 'https://id.example/' }],
    ['is of no issuer', { iss: undefined }],
    ['is for another audience', { aud: 'other' }],
    ['is for no audience', { aud: undefined }],
    ['says when it runs out in words', { exp: 'never' }],
  ])('is refused if it %s', async (_, claims) => {
    const { post, appends } = withKeys();
    const token = await key.sign({ ...CLAIMS, ...claims });
    expect(await refusal(await post('/append/events', '1', bearer(token)))).toEqual(REFUSED.token);
    expect(appends).toEqual([]);
  });

  it('cannot be signed with what everybody knows', async () => {
    const { post, appends } = withKeys();
    const jwk = rsa.jwk as JsonWebKey;
    const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
    const pem = publicKey.export({ type: 'spki', format: 'pem' });
    const der = publicKey.export({ type: 'spki', format: 'der' });
    for (const alg of ['HS256', 'RS256', 'hs256']) {
      for (const secret of [pem, der, JSON.stringify(rsa.jwk), Buffer.from(`${jwk.n}`, 'base64url'), '']) {
        for (const kid of ['k-rsa', 'k-1', undefined]) {
          const signed = `${encoded({ alg, kid })}.${encoded(CLAIMS)}`;
          const mac = createHmac('sha256', secret).update(signed).digest('base64url');
          const answer = await post('/append/events', '1', bearer(`${signed}.${mac}`));
          expect(await refusal(answer)).toEqual(REFUSED.token);
        }
      }
    }
    expect(appends).toEqual([]);
  });

  it('cannot go without a signature', async () => {
    const { post, appends } = withKeys();
    const [header = '', claims = '', signature = ''] = (await key.sign()).split('.');
    for (const token of [
      `${header}.${claims}.`,
      `${header}.${claims}`,
      `${encoded({ alg: 'none' })}.${claims}.`,
      `${encoded({ alg: 'none' })}.${claims}.${signature}`,
      `${encoded({ alg: 'None', kid: 'k-1' })}.${claims}.${signature}`,
      `${encoded({ kid: 'k-1' })}.${claims}.${signature}`,
      `${header}.${claims}.${'A'.repeat(86)}`,
    ])
      expect(await refusal(await post('/append/events', '1', bearer(token)))).toEqual(REFUSED.token);
    expect(appends).toEqual([]);
  });

  it('cannot bring its own key, name another, or ask for what we do not know', async () => {
    const stranger = await newKey('k-1');
    const { post } = withKeys();
    for (const token of [
      await stranger.sign(),
      await stranger.sign(CLAIMS, { jwk: stranger.jwk }),
      await stranger.sign(CLAIMS, { jku: 'https://evil.example/jwks.json', kid: 'k-2' }),
      await key.sign(CLAIMS, { kid: 'k-rsa' }),
      await key.sign(CLAIMS, { kid: 'k-2' }),
    ])
      expect(await refusal(await post('/append/events', '1', bearer(token)))).toEqual(REFUSED.token);
  });

  it.each([
    ['a header that is no JSON', 'e30x.e30.AAAA'],
    ['claims that are no object', `${encoded({ alg: 'ES256', kid: 'k-1' })}.${encoded([])}.AAAA`],
    ['claims that are null', `${encoded({ alg: 'ES256' })}.${encoded(null)}.AAAA`],
    ['critical extensions', `${encoded({ alg: 'ES256', crit: ['x'], x: 1 })}.${encoded(CLAIMS)}.AAAA`],
    ['an issuer that is no text', `${encoded({ alg: 'ES256' })}.${encoded({ iss: [CLAIMS.iss] })}.AAAA`],
    ['five parts', 'a.b.c.d.e'],
    ['no end', `${encoded({ alg: 'ES256', kid: 'k-1' })}.${encoded(CLAIMS)}.${'A'.repeat(9000)}`],
  ])('is refused with %s', async (_, token) => {
    const { post } = withKeys();
    expect(await refusal(await post('/append/events', '1', bearer(token)))).toEqual(REFUSED.token);
  });

  it('is taken with those algorithms only that the configuration names', async () => {
    const { post } = withKeys({ algorithms: ['RS256'] });
    expect((await post('/append/events', '1', bearer(await rsa.sign()))).status).toBe(200);
    expect(await refusal(await post('/append/events', '1', bearer(await key.sign())))).toEqual(REFUSED.token);
  });

  it('may stand beside other tokens and other issuers', async () => {
    const other = await newKey('k-1');
    const second = { ...JWT, name: 'second', issuer: 'https://two.example', jwks: { keys: [other.jwk] } };
    const { fetch } = issuer(key);
    const { post, logged } = accessBench([BEARER, JWT, second], { fetch });
    for (const [token, credential] of [
      [TOKEN, 'ci'],
      [await key.sign(), 'fleet'],
      [await other.sign({ ...CLAIMS, iss: 'https://two.example' }), 'second'],
    ] as const) {
      expect((await post('/append/events', '1', bearer(token))).status).toBe(200);
      expect(logged.at(-1)).toMatchObject({ credential });
    }
    const crossed = await other.sign();
    expect(await refusal(await post('/append/events', '1', bearer(crossed)))).toEqual(REFUSED.token);
  });
});

describe('the grants of a JWT', () => {
  const grants = [
    { scope: 'append:events', targets: ['events'] },
    {
      claims: { role: 'device', beta: true },
      keys: ['notes/{claim.sub}', 'tenants/t-{claim.https://x/tenant}'],
    },
  ] as const;
  const device = { ...CLAIMS, role: ['user', 'device'], beta: true };

  it.each([
    ['a scope in a text', { scope: 'openid append:events' }, '/append/events'],
    ['a scope in a list', { scope: ['append:events'] }, '/append/events'],
    ['a scope as Azure has it', { scp: 'append:events' }, '/append/events'],
    ['claims', device, '/append/notes/d-1/log'],
    ['claims, and one in the key', { ...device, 'https://x/tenant': '7' }, '/append/tenants?tenant=t-7'],
  ])('let it in by %s', async (_, claims, path) => {
    const { post } = withKeys({ grants });
    expect((await post(path, '1', bearer(await key.sign({ ...CLAIMS, ...claims })))).status).toBe(200);
  });

  it.each([
    ['no scope and no claims', {}, '/append/events', REFUSED.scope],
    ['a scope that begins alike', { scope: 'append:events2 append' }, '/append/events', REFUSED.scope],
    ['half of the claims', { ...device, beta: 'true' }, '/append/notes/d-1', REFUSED.scope],
    ['another target', { scope: 'append:events' }, '/append/notes/d-1', REFUSED.forbidden],
    ['the keys of another', device, '/append/notes/d-10', REFUSED.forbidden],
    ['no such claim for the key', device, '/append/tenants?tenant=t-', REFUSED.forbidden],
    ['a slash in the claim', { ...device, sub: 'a/b' }, '/append/notes/a/b', REFUSED.forbidden],
    [
      'a wide slash in the claim',
      { ...device, sub: 'a\uff0fb' },
      '/append/notes/a%EF%BC%8Fb',
      REFUSED.forbidden,
    ],
    ['dots in the claim', { ...device, sub: '..' }, '/append/events', REFUSED.forbidden],
    ['nothing in the claim', { ...device, sub: '' }, '/append/notes/x', REFUSED.forbidden],
    ['a number in the claim', { ...device, sub: 1 }, '/append/notes/1', REFUSED.forbidden],
    ['a placeholder in the claim', { ...device, sub: '{claim.iss}' }, '/append/notes/x', REFUSED.forbidden],
    ['a pattern in the claim', { ...device, sub: '$&' }, '/append/notes/x', REFUSED.forbidden],
  ])('keep it out with %s', async (_, claims, path, expected) => {
    const { post, appends } = withKeys({ grants });
    const token = await key.sign({ ...CLAIMS, ...claims });
    expect(await refusal(await post(path, '1', bearer(token)))).toEqual(expected);
    expect(appends).toEqual([]);
  });

  it('add up', async () => {
    const { post, appends } = withKeys({ grants });
    const token = await key.sign({ ...device, scope: 'append:events' });
    expect((await post('/append/events', '1', bearer(token))).status).toBe(200);
    expect((await post('/append/notes/d-1', '1', bearer(token))).status).toBe(200);
    expect(appends).toEqual([EVENTS, 'notes/d-1']);
  });
});
