/** What holds for every scheme alike: one table of schemes, and each of them put to the same tests. */
import { createHmac } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { CredentialInput } from '../../../../lib/config/access-input.ts';
import { NOW_MS } from '../../intake/support.ts';
import { receipts } from '../support.ts';
import { CLAIMS, encoded, issuer, JWT, type Key, NOW_S, newKey } from './issuer.ts';
import {
  type AccessBench,
  accessBench,
  BEARER,
  bearer,
  GITHUB,
  GITHUB_SECRET,
  OTHER_TOKEN,
  OTHER_WEBHOOK_SECRET,
  REFUSED,
  refusal,
  signedGithub,
  signedWebhook,
  type Target,
  TOKEN,
  WEBHOOK,
  WEBHOOK_SECRET,
} from './support.ts';

type Sent = Record<string, string>;
type Limits = { readonly targets?: readonly Target[]; readonly keys?: readonly string[] };

interface Scheme {
  readonly name: string;
  readonly credential: (limits?: Limits) => CredentialInput<Target>;
  /** The headers of a good call with this body. */
  readonly good: (body: string) => Sent | Promise<Sent>;
  /** Of calls that somebody makes who has not the key, each with what is wrong with it. */
  readonly bad: (body: string) => Promise<Record<string, Sent>>;
  readonly refused: readonly unknown[];
  readonly missing: readonly unknown[];
  /** Whether it is good for reading. */
  readonly reads: boolean;
}

let key: Key;
let stranger: Key;

beforeAll(async () => {
  key = await newKey('k-1');
  stranger = await newKey('k-1');
});

const LONG = 'x'.repeat(70_000);
const hmac = (secret: string, text: string, digest: 'hex' | 'base64') =>
  createHmac('sha256', secret).update(text).digest(digest);

const SCHEMES: readonly Scheme[] = [
  {
    name: 'bearer',
    credential: (limits) => ({ ...BEARER, ...limits }),
    good: () => bearer(TOKEN),
    bad: async () => ({
      'another token': bearer(OTHER_TOKEN),
      'the hash of the token': bearer(BEARER.sha256),
      'a JWT': bearer(await key.sign()),
      'an over-long token': bearer(LONG),
      'an over-long token that begins well': bearer(TOKEN + LONG),
      'the token in another scheme': {
        authorization: `Basic ${Buffer.from(`:${TOKEN}`).toString('base64')}`,
      },
      'two tokens': { authorization: `Bearer ${TOKEN}, Bearer ${TOKEN}` },
    }),
    refused: REFUSED.token,
    missing: REFUSED.noToken,
    reads: true,
  },
  {
    name: 'jwt',
    credential: (limits) => ({ ...JWT, grants: [limits ?? {}] }),
    good: async () => bearer(await key.sign()),
    bad: async () => {
      const [header = '', claims = '', signature = ''] = (await key.sign()).split('.');
      const hs256 = `${encoded({ alg: 'HS256', kid: 'k-1' })}.${encoded(CLAIMS)}`;
      const mac = createHmac('sha256', JSON.stringify(key.jwk)).update(hs256).digest('base64url');
      return {
        'the key of another': bearer(await stranger.sign()),
        'no signature': bearer(`${header}.${claims}.`),
        'the algorithm none': bearer(`${encoded({ alg: 'none' })}.${claims}.`),
        'the public key for a secret': bearer(`${hs256}.${mac}`),
        'another algorithm than it was signed with': bearer(
          `${encoded({ alg: 'RS256', kid: 'k-1' })}.${claims}.${signature}`,
        ),
        'its time over': bearer(await key.sign({ ...CLAIMS, exp: NOW_S - 3600 })),
        'no end': bearer(await key.sign({ ...CLAIMS, exp: undefined })),
        'another audience': bearer(await key.sign({ ...CLAIMS, aud: 'other' })),
        'other claims than were signed': bearer(
          `${header}.${encoded({ ...CLAIMS, sub: 'd-2' })}.${signature}`,
        ),
        'a plain token': bearer(TOKEN),
        'too much of it': bearer(await key.sign({ ...CLAIMS, more: LONG })),
      };
    },
    refused: REFUSED.token,
    missing: REFUSED.noToken,
    reads: true,
  },
  {
    name: 'webhook',
    credential: (limits) => ({ ...WEBHOOK, ...limits }),
    good: (body) => signedWebhook(body),
    bad: async (body) => {
      const sent = signedWebhook(body);
      const signed = `${sent['webhook-id']}.${sent['webhook-timestamp']}.${body}`;
      const signature = (text: string) => ({ ...sent, 'webhook-signature': text });
      return {
        'the secret of another': signedWebhook(body, { secret: OTHER_WEBHOOK_SECRET }),
        'the secret as text for the key': signature(`v1,${hmac(WEBHOOK_SECRET, signed, 'base64')}`),
        'an empty key': signature(`v1,${hmac('', signed, 'base64')}`),
        'another body': signedWebhook(`${body} `),
        'its time over': signedWebhook(body, { atMs: NOW_MS - 301_000 }),
        'an old signature with a new time': {
          ...signedWebhook(body, { atMs: NOW_MS - 301_000 }),
          'webhook-timestamp': sent['webhook-timestamp'],
        },
        'the version of a public key': signature(sent['webhook-signature'].replace('v1,', 'v1a,')),
        'hexadecimal for base64': signature(
          `v1,${Buffer.from(sent['webhook-signature'].slice(3), 'base64').toString('hex')}`,
        ),
        'no signature': { 'webhook-id': 'msg_1', 'webhook-timestamp': sent['webhook-timestamp'] },
        'an over-long signature': signature(`v1,${LONG}`),
        'an over-long id': signedWebhook(body, { id: LONG }),
      };
    },
    refused: REFUSED.webhook,
    missing: [401, 'unauthenticated', REFUSED.webhook[2]],
    reads: false,
  },
  {
    name: 'github',
    credential: (limits) => ({ ...GITHUB, ...limits }),
    good: (body) => signedGithub(body),
    bad: async (body) => {
      const signature = (text: string) => ({ ...signedGithub(body), 'x-hub-signature-256': text });
      const sha1 = createHmac('sha1', GITHUB_SECRET).update(body).digest('hex');
      return {
        'the secret of another': signedGithub(body, { secret: 'other' }),
        'an empty key': signedGithub(body, { secret: '' }),
        'another body': signedGithub(`${body} `),
        'SHA-1': signature(`sha1=${sha1}`),
        'SHA-1 for SHA-256': signature(`sha256=${sha1}`),
        'no signature': signature(''),
        'base64 for hexadecimal': signature(`sha256=${hmac(GITHUB_SECRET, body, 'base64')}`),
        'an over-long signature': signature(`sha256=${'0'.repeat(70_000)}`),
        'an over-long name': signedGithub(body, { id: LONG }),
      };
    },
    refused: REFUSED.github,
    missing: [401, 'unauthenticated', REFUSED.github[2]],
    reads: false,
  },
];

const IN_SCOPE = [
  ['/append/notes/a', 'notes/a'],
  ['/append/notes/%61', 'notes/a'],
  ['/append/notes/a/b', 'notes/a/b'],
  // Dots with more behind them climb nowhere in a key.
  ['/append/notes/a/..;/b', 'notes/a/..;/b'],
  ['/append/tenants?tenant=acme', 'tenants/acme'],
] as const;
const OUT_OF_SCOPE = [
  '/append/notes/b',
  '/append/notes/ab',
  '/append/notes/A',
  '/append/notes/a%CC%81',
  '/append/notes/%EF%BD%81',
  '/append/tenants?tenant=acme2',
  '/append/tenants?tenant=ACME',
  '/append/events',
  '/append/sealed',
] as const;
const TRICKS = [
  '/append/notes/a/../b',
  '/append/notes/a/./b',
  '/append/notes/a/%2e%2e/b',
  '/append/notes/a/%2E%2E/b',
  '/append/notes/a%2f..%2fb',
  '/append/notes/a%2f%2e%2e%2fb',
  '/append/notes/a/%252e%252e/b',
  '/append/notes/a%25252f..%25252fb',
  '/append/notes/a/..%5cb',
  '/append/notes/a/%EF%BC%8E%EF%BC%8E/b',
  '/append/notes/a/%E2%80%A5/b',
  '/append/notes/a%EF%BC%8F..%EF%BC%8Fb',
  '/append/notes/a%00',
  '/append/notes/a%00/../b',
  '/append/notes/a/%0a',
  '/append/notes/a/%c0%ae%c0%ae/b',
  '/append/notes/a/%ff',
  '/append/notes/a//b',
  '/append/notes//a',
  '/append/notes/a/',
  `/append/notes/a/${'x'.repeat(1017)}`,
  `/append/notes/a/${'%C3%A4'.repeat(509)}`,
  '/append/tenants?tenant=acme%2F..%2Fother',
  '/append/tenants?tenant=acme/../other',
  '/append/tenants?tenant=acme%00',
  '/append/tenants?tenant=acme&tenant=other',
  '/append/tenants?tenant=',
  '/append/tenants',
  '/append/notes/../events',
  '/append/notes/..%2fevents%2fx',
  '/append/events/../notes/a',
] as const;
const ASKED = [
  '/append/tenants?object=tenants/acme%00',
  '/append/tenants?object=tenants/acme/../other',
  '/append/tenants?object=tenants/acme/%252e%252e/other',
  '/append/tenants?object=notes/a',
  '/append/tenants?object=sealed/x',
  '/append/tenants?object=/tenants/acme',
  '/append/tenants?object=tenants/acme&object=tenants/other',
  `/append/tenants?object=tenants/acme/${'x'.repeat(1100)}`,
] as const;

const BODY = '{"größer":1}';

describe.each(SCHEMES)('the scheme $name', (scheme) => {
  const LIMITS = { targets: ['notes', 'tenants'], keys: ['notes/a', 'tenants/acme'] } as const;
  const open = (limits?: Limits): AccessBench =>
    accessBench([scheme.credential(limits)], { fetch: issuer(key).fetch });
  const post = async (it: AccessBench, path: string, body = BODY) =>
    it.post(path, body, await scheme.good(body));

  it('lets in who has the key, and names the credential in the log', async () => {
    const it = open();
    expect((await post(it, '/append/events')).status).toBe(200);
    expect(it.logged.at(-1)).toMatchObject({ status: 200, credential: scheme.credential().name });
    expect((await post(it, '/append/notes/a')).status).toBe(200);
    expect(await it.text('notes/a')).toBe(BODY);
  });

  it('keeps out who shows nothing, and says what to show', async () => {
    const it = open();
    expect(await refusal(await it.post('/append/events', BODY))).toEqual(scheme.missing);
    expect(await refusal(await it.get('/append/events'))).toEqual(scheme.missing);
    expect(it.appends).toEqual([]);
  });

  it('keeps out who has another key, or something like it', async () => {
    const it = open();
    const calls = Object.entries(await scheme.bad(BODY));
    expect(calls.length).toBeGreaterThan(5);
    for (const [what, headers] of calls) {
      const told = await refusal(await it.post('/append/events', BODY, headers));
      expect([what, ...told]).toEqual([what, ...scheme.refused]);
      expect((await it.get('/append/events', headers)).status, what).toBe(401);
    }
    expect(it.appends).toEqual([]);
  });

  it('takes nothing that is good for another', async () => {
    const it = open();
    const secrets = [WEBHOOK_SECRET, GITHUB_SECRET.replaceAll(' ', '+')].map((secret) => bearer(secret));
    for (const other of SCHEMES) {
      if (other === scheme) continue;
      for (const headers of [await other.good(BODY), ...secrets])
        expect((await it.post('/append/events', BODY, headers)).status, other.name).toBe(401);
    }
    expect(it.appends).toEqual([]);
  });

  it('knows a record that is sent again', async () => {
    const it = open();
    const named = scheme.reads ? { 'idempotency-key': 'k' } : {};
    const headers = { ...(await scheme.good(BODY)), ...named };
    const repeats = [];
    for (const _ of [1, 2, 3])
      repeats.push(...(await receipts(await it.post('/append/events', BODY, headers))));
    expect(repeats.map(({ repeat }) => repeat)).toEqual([false, true, true]);
  });

  it('is good for its targets and keys', async () => {
    const it = open(LIMITS);
    for (const [path, key] of IN_SCOPE) {
      expect((await post(it, path)).status, path).toBe(200);
      expect(it.appends.at(-1)).toBe(key);
    }
  });

  it.each(OUT_OF_SCOPE)('is not good for %s', async (path) => {
    const it = open(LIMITS);
    expect([401, 403]).toContain((await post(it, path)).status);
    expect([401, 403]).toContain((await it.get(path, await scheme.good(''))).status);
    expect(it.appends).toEqual([]);
  });

  it.each(TRICKS)('is not tricked by %s', async (path) => {
    const it = open(LIMITS);
    const response = await post(it, path);
    const [status, type] = await refusal(response);
    expect([`400 invalid-key`, '403 forbidden', '404 unknown-target']).toContain(`${status} ${type}`);
    expect([400, 403, 404]).toContain((await it.get(path, await scheme.good(''))).status);
    expect(it.appends).toEqual([]);
  });

  it('reads what it may write, and nothing else', async () => {
    const it = open(LIMITS);
    for (const name of ['tenants/acme', 'tenants/other', 'notes/a', 'sealed/x'])
      await it.store.put(name, Buffer.from(name), { timeoutMs: 1000 });
    const get = async (path: string) => it.get(path, await scheme.good(''));
    const mine = ['/append/tenants?tenant=acme', '/append/tenants?object=tenants/acme', '/append/notes/a'];
    for (const path of mine) {
      const response = await get(path);
      expect(response.status, path).toBe(scheme.reads ? 200 : 403);
      if (scheme.reads)
        expect(await response.text()).toBe(path.includes('notes') ? 'notes/a' : 'tenants/acme');
    }
    for (const query of ['', '&record=0:0', '&records=0'])
      expect(await refusal(await get(`/append/tenants?object=tenants/other${query}`))).toEqual(
        REFUSED.forbidden,
      );
    for (const path of ASKED) expect([400, 403], path).toContain((await get(path)).status);
  });
});
