/** An issuer of tokens, with keys and the address where it publishes them. */
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { JwtInput } from '../../../../lib/config/access-input.ts';
import { NOW_MS } from '../../intake/support.ts';
import type { Target } from './support.ts';

export const NOW_S = NOW_MS / 1000;
export const JWKS_URL = 'https://id.example/jwks.json';
export const JWT: JwtInput<Target> = {
  scheme: 'jwt',
  name: 'fleet',
  issuer: 'https://id.example',
  audience: 'oss-append',
  jwks: JWKS_URL,
  grants: [{}],
};
export const CLAIMS = { iss: 'https://id.example', aud: 'oss-append', sub: 'd-1', exp: NOW_S + 600 };

export interface Key {
  readonly jwk: Readonly<Record<string, unknown>>;
  /** A token with these claims, signed with the key. `header` is laid over what it would be. */
  sign(
    claims?: Readonly<Record<string, unknown>>,
    header?: Readonly<Record<string, unknown>>,
  ): Promise<string>;
}

export async function newKey(kid: string, alg = 'ES256'): Promise<Key> {
  const { publicKey, privateKey } = await generateKeyPair(alg);
  return {
    jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' },
    sign: (claims = CLAIMS, header = {}) =>
      new SignJWT(claims).setProtectedHeader({ alg, kid, ...header }).sign(privateKey),
  };
}

export const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Answers as the issuer does: with `keys`, or as `answer` says. Counts how often it was asked. */
export function issuer(...keys: Key[]) {
  const it = {
    keys,
    asked: 0,
    answer: async (_signal: AbortSignal | null): Promise<Response> =>
      Response.json({ keys: it.keys.map(({ jwk }) => jwk) }),
    fetch: async (url: unknown, init?: RequestInit): Promise<Response> => {
      if (url !== JWKS_URL || init?.redirect !== 'error') throw new Error(`asked for ${url}`);
      it.asked++;
      return it.answer(init.signal ?? null);
    },
  };
  return it;
}
