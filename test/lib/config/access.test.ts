import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../lib/config/error.ts';
import { secretsFrom } from '../../../lib/config/secrets.ts';
import { type ConfigInput, defineConfig } from '../../../lib/config.ts';

const HASH = 'ab'.repeat(32);
const BEARER = { scheme: 'bearer', name: 'ci', sha256: HASH } as const;
const WEBHOOK = { scheme: 'webhook', name: 'shop', secretVariable: 'HOOK' } as const;
const GITHUB = { scheme: 'github', name: 'git', secretVariable: 'GIT' } as const;
const KEY = { kty: 'OKP', crv: 'Ed25519', x: 'AAAA' };
const JWT = {
  scheme: 'jwt',
  name: 'fleet',
  issuer: 'https://id.example',
  audience: 'append',
  jwks: 'https://id.example/jwks.json',
  grants: [{}],
} as const;

const TARGETS = {
  a: { format: 'log', key: 'a/{time:yyyy}' },
  b: { format: 'raw', key: 'b/c/{path}' },
  one: { format: 'log', key: 'one/all.ndjson' },
} as const;

/** What is wrong with `access`, which may be of any shape, for all targets or in target `a`. */
function problems(access: unknown, where: 'all' | 'a' = 'all'): readonly string[] {
  const a = { ...TARGETS.a, access };
  const input = where === 'all' ? { targets: TARGETS, access } : { targets: { ...TARGETS, a } };
  try {
    defineConfig(input as ConfigInput<string>);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe('access', () => {
  it('is that of the target, else that of the configuration, else left to the deployment', () => {
    const input = { ...TARGETS, b: { ...TARGETS.b, access: 'open' } } as const;
    const { targets } = defineConfig({ targets: input, access: [BEARER] });
    expect(targets.get('b')?.access).toBe('open');
    expect(targets.get('a')?.access).toEqual([{ ...BEARER, targets: null, keys: null }]);
    expect(targets.get('one')?.access).toBe(targets.get('a')?.access);
    expect(defineConfig({ targets: TARGETS }).targets.get('a')?.access).toBeNull();
  });

  it('has defaults', () => {
    const { targets } = defineConfig({ targets: TARGETS, access: [WEBHOOK, JWT] });
    expect(targets.get('a')?.access).toMatchObject([
      { toleranceMs: 300_000, targets: null, keys: null },
      {
        algorithms: expect.arrayContaining(['RS256', 'PS256', 'ES256', 'EdDSA']),
        clockToleranceMs: 30_000,
        grants: [{ claims: {}, targets: null, keys: null }],
      },
    ]);
  });

  it('may be limited to targets and keys', () => {
    expect(problems([{ ...BEARER, targets: ['a', 'b'], keys: ['a/2026', 'a', 'b/c/d/', 'b'] }])).toEqual([]);
    expect(problems([{ ...BEARER, keys: ['one/all.ndjson', 'one'] }])).toEqual([]);
    expect(
      problems([{ ...JWT, grants: [{ keys: ['b/{claim.sub}/x', 'b/c/u-{claim.https://x/y}'] }] }]),
    ).toEqual([]);
  });

  it.each(['all', 'a'] as const)('has its mistakes told where it stands (%s)', (where) => {
    const place = where === 'all' ? 'access' : 'targets.a.access';
    expect(problems([BEARER, { ...GITHUB, name: '' }, { ...BEARER, name: 'x' }], where)).toEqual([
      `${place}.1.name: write a name for the log, of letters, digits, dots, - and _, 64 at most`,
    ]);
    expect(problems([BEARER, { ...BEARER, name: 'x' }], where)).toEqual([
      `${place}.1.sha256: is there twice; give each its own token`,
    ]);
    expect(problems([{ ...BEARER, keys: ['z'] }], where)).toEqual([
      expect.stringMatching(`^${place}\\.0\\.keys\\.0: no key of a(, b, one)? is there; write a part`),
    ]);
  });

  it('has nothing to choose between within a target, also for the compiler', () => {
    expect(problems([{ ...BEARER, targets: ['a'] }], 'a')).toEqual([
      'targets.a.access.0.targets: there is no such setting; there are scheme, name, sha256, keys',
    ]);
    const access = [{ ...BEARER, targets: ['a'] }] as const;
    // @ts-expect-error: within a target there is only that target
    expect(() => defineConfig({ targets: { a: { ...TARGETS.a, access } } })).toThrowError(ConfigError);
    // @ts-expect-error: there is no target z
    expect(() => defineConfig({ targets: TARGETS, access: [{ ...BEARER, targets: ['z'] }] })).toThrowError(
      'access.0.targets.0: write the name of a target: a, b, one',
    );
  });

  it.each([
    ['closed', ': write "open", "trigger" or "deny", or a list of credentials'],
    [true, ': write "open", "trigger" or "deny", or a list of credentials'],
    [[], ': write "open", "trigger" or "deny", or a list of credentials'],
    [BEARER, ': write "open", "trigger" or "deny", or a list of credentials'],
    [['ci'], '.0: write "bearer", "jwt", "webhook" or "github"'],
    [[{ scheme: 'basic', name: 'x' }], '.0.scheme: write "bearer", "jwt", "webhook" or "github"'],
    [[{ name: 'x' }], '.0.scheme: write "bearer", "jwt", "webhook" or "github"'],
    [
      [{ ...BEARER, token: 'x' }],
      '.0.token: there is no such setting; there are scheme, name, sha256, targets, keys',
    ],
    [
      [{ ...BEARER, sha256: 'plain-token' }],
      '.0.sha256: write the SHA-256 of the token in 64 hexadecimal digits',
    ],
    [
      [{ ...BEARER, sha256: `${HASH}0` }],
      '.0.sha256: write the SHA-256 of the token in 64 hexadecimal digits',
    ],
    [[{ ...BEARER, name: 'a/b' }], '.0.name: write a name for the log'],
    [[{ ...BEARER, keys: [] }], '.0.keys: write keys or directories of keys'],
    [[{ ...BEARER, keys: ['a/../b'] }], '.0.keys.0: write a key or a directory of keys'],
    [[{ ...BEARER, keys: [''] }], '.0.keys.0: write a key or a directory of keys'],
    [[{ ...BEARER, keys: ['/'] }], '.0.keys.0: write a key or a directory of keys'],
    [[{ ...BEARER, keys: ['a/{claim.sub}'] }], '.0.keys.0: write a key or a directory of keys'],
    [[{ ...BEARER, keys: ['one/all'] }], '.0.keys.0: no key of a, b, one is there'],
    [[{ ...BEARER, keys: ['one/all.ndjson/x'] }], '.0.keys.0: no key of a, b, one is there'],
    [[{ ...BEARER, targets: ['b'], keys: ['a'] }], '.0.keys.0: no key of b is there'],
    [[{ ...BEARER, targets: [] }], '.0.targets: write names of targets'],
    [
      [{ ...WEBHOOK, secretVariable: 'whsec_abc' }],
      '.0.secretVariable: write the name of the environment variable',
    ],
    [
      [{ ...GITHUB, secretVariable: 'FC_X' }],
      '.0.secretVariable: write the name of the environment variable',
    ],
    [[{ ...GITHUB, secret: 'x' }], '.0.secret: there is no such setting'],
    [[{ ...WEBHOOK, toleranceMs: 300 }], '.0.toleranceMs: write milliseconds from 1,000 to 3,600,000'],
    [
      [BEARER, { ...GITHUB, name: 'ci' }],
      '.1.name: ci is there twice; give each credential a name of its own',
    ],
    [[{ ...JWT, issuer: '' }], '.0.issuer: write the issuer as its tokens have it'],
    [[{ ...JWT, audience: [] }], '.0.audience: write what the issuer calls this service'],
    [[{ ...JWT, audience: undefined }], '.0.audience: is missing; write what the issuer calls this service'],
    [[{ ...JWT, jwks: 'http://id.example/jwks.json' }], ".0.jwks: write the URL of the issuer's keys"],
    [[{ ...JWT, jwks: { keys: [] } }], ".0.jwks: write the URL of the issuer's keys"],
    [[{ ...JWT, jwks: { keys: [{ ...KEY, d: 'AAAA' }] } }], ".0.jwks: write the URL of the issuer's keys"],
    [
      [{ ...JWT, jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } }],
      ".0.jwks: write the URL of the issuer's keys",
    ],
    [[{ ...JWT, algorithms: ['HS256'] }], '.0.algorithms.0: write one of RS256, RS384'],
    [[{ ...JWT, algorithms: ['none'] }], '.0.algorithms.0: write one of RS256, RS384'],
    [[{ ...JWT, algorithms: [] }], '.0.algorithms: write some of RS256, RS384'],
    [[{ ...JWT, clockToleranceMs: 300_001 }], '.0.clockToleranceMs: write milliseconds from 0 to 300,000'],
    [[{ ...JWT, grants: undefined }], '.0.grants: is missing; write what a token may do'],
    [[{ ...JWT, grants: [] }], '.0.grants: write what a token may do'],
    [[{ ...JWT, grants: [{ scope: 'a b' }] }], '.0.grants.0.scope: write one scope'],
    [
      [{ ...JWT, grants: [{ claims: { x: {} } }] }],
      '.0.grants.0.claims.x: write text, a number, true or false',
    ],
    [[{ ...JWT, grants: [{ keys: ['z/{claim.sub}'] }] }], '.0.grants.0.keys.0: no key of a, b, one is there'],
    [[{ ...JWT, grants: [{ keys: ['a/{sub}'] }] }], '.0.grants.0.keys.0: write a key or a directory of keys'],
  ])('cannot be %j', (access, problem) => {
    expect(problems(access)).toEqual([expect.stringContaining(`access${problem}`)]);
  });

  it('does not repeat what may be a secret', () => {
    const said = [
      ...problems([{ ...BEARER, sha256: 'S3CRET' }]),
      ...problems([{ ...WEBHOOK, secretVariable: 'whsec_S3CRET' }]),
      ...problems([{ ...JWT, jwks: { keys: [{ kty: 'oct', k: 'S3CRET' }] } }]),
    ];
    expect(said).toHaveLength(3);
    expect(said.join()).not.toContain('S3CRET');
  });
});

describe('the secrets of access', () => {
  const { targets } = defineConfig({
    targets: { ...TARGETS, a: { ...TARGETS.a, access: [WEBHOOK, GITHUB, BEARER] } },
    access: 'open',
  });
  const secret = Buffer.alloc(24, 'S3CRET').toString('base64');

  it('are taken from the variables that it names', () => {
    for (const hook of [secret, `whsec_${secret}`]) {
      const secrets = secretsFrom(targets.values(), { HOOK: hook, GIT: 'g', OTHER: 'x' });
      expect([...secrets]).toEqual([
        ['HOOK', hook],
        ['GIT', 'g'],
      ]);
    }
    expect(secretsFrom(defineConfig({ targets: TARGETS, access: [BEARER] }).targets.values(), {}).size).toBe(
      0,
    );
  });

  it('have to be there, all of them', () => {
    expect(() => secretsFrom(targets.values(), { GIT: '' })).toThrowError(
      /environment .* mistakes:\n {2}HOOK: is missing; write the secret of the credential "shop"\n {2}GIT: is missing; write the secret of the credential "git"$/,
    );
    expect(() => secretsFrom(targets.values())).toThrowError('HOOK: is missing');
  });

  it.each(['S3CRET', `whsec_${Buffer.alloc(23, 'S3CRET').toString('base64')}`, `${secret}!`, `x${secret}`])(
    'are none for webhooks if they are %s, and are not repeated',
    (hook) => {
      const load = () => secretsFrom(targets.values(), { HOOK: hook, GIT: 'g' });
      expect(load).toThrowError(
        /^ {2}HOOK: write the secret of the credential "shop" as the sender shows it/m,
      );
      expect(load).not.toThrowError('S3CRET');
    },
  );
});
