/**
 * JSON Web Tokens (RFC 7519, and RFC 8725 for what to look out for).
 *
 * The issuer that a token claims picks the credentials it is checked against, nothing more: signature, issuer, audience
 * and times are jose's to check, with algorithms of public keys only, so `none` and a public key taken for a secret are
 * out of the question. A token has to say when it runs out.
 */
import { createLocalJWKSet, decodeJwt, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type { Scheme as Configured, Grant, Scope } from '../../config/access.ts';
import type { Runtime } from '../../runtime.ts';
import { type JwksOptions, type KeySource, KeysUnavailable, remoteKeys } from './jwks.ts';
import { unavailable } from './refusal.ts';
import { withClaims } from './scope.ts';

/** Whose token it is and what it grants; null if it is not valid. Throws `AccessError` `AccessUnavailable`. */
export type JwtVerifier = (
  token: string,
  remainingMs: () => number,
) => Promise<{ readonly credential: string; readonly scopes: readonly Scope[] } | null>;

export interface JwtOptions extends JwksOptions {
  readonly runtime: Pick<Runtime, 'now' | 'after' | 'log'>;
}

/** Keys by URL: issuers that several targets name are asked once. */
export type KeySources = Map<string, KeySource>;

export function jwtVerifier(
  credentials: readonly Configured<'jwt'>[],
  sources: KeySources,
  options: JwtOptions,
): JwtVerifier {
  const { runtime } = options;
  const known = credentials.map((credential) => ({ credential, keys: keysOf(credential, sources, options) }));

  return async (token, remainingMs) => {
    const issuer = issuerOf(token);
    const candidates = known.filter(({ credential }) => credential.issuer === issuer);
    let failure: unknown = null;
    for (const { credential, keys } of candidates) {
      try {
        const claims = await verified(token, credential, keys(remainingMs), runtime.now());
        if (claims) return { credential: credential.name, scopes: scopesOf(credential.grants, claims) };
      } catch (error) {
        const reason = error instanceof KeysUnavailable ? error.message : 'a key of the issuer is none';
        runtime.log.warn('keys-unavailable', { credential: credential.name, reason });
        failure = error;
      }
    }
    if (failure !== null) throw unavailable(failure);
    return null;
  };
}

function keysOf({ jwks }: Configured<'jwt'>, sources: KeySources, options: JwtOptions): KeySource {
  if (typeof jwks !== 'string') {
    const keyOf: JWTVerifyGetKey = createLocalJWKSet(jwks);
    return () => keyOf;
  }
  const source = sources.get(jwks) ?? remoteKeys(jwks, options);
  sources.set(jwks, source);
  return source;
}

/** As the token has it, which proves nothing. */
function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}

/** The claims, or null if the token does not hold. Throws what is wrong with the keys. */
async function verified(
  token: string,
  { issuer, audience, algorithms, clockToleranceMs }: Configured<'jwt'>,
  keyOf: JWTVerifyGetKey,
  nowMs: number,
): Promise<JWTPayload | null> {
  try {
    const { payload } = await jwtVerify(token, keyOf, {
      issuer,
      audience: [audience].flat(),
      algorithms: [...algorithms],
      clockTolerance: clockToleranceMs / 1000,
      currentDate: new Date(nowMs),
      requiredClaims: ['exp'],
    });
    return payload;
  } catch (error) {
    const isOfKeys = error instanceof errors.JWKSInvalid || error instanceof errors.JWKInvalid;
    if (error instanceof errors.JOSEError && !isOfKeys) return null;
    throw error;
  }
}

function scopesOf(grants: readonly Grant[], claims: JWTPayload): Scope[] {
  const scopes = new Set([...listOf(claims['scope']), ...listOf(claims['scp'])]);
  return grants
    .filter((grant) => grant.scope === undefined || scopes.has(grant.scope))
    .filter((grant) => Object.entries(grant.claims).every(([name, value]) => has(claims[name], value)))
    .map(({ targets, keys }) => ({
      targets,
      keys: keys === null ? null : keys.map((key) => withClaims(key, claims)).filter((key) => key !== null),
    }));
}

/** Scopes are text with spaces (RFC 8693 §4.2), or a list. */
function listOf(claim: unknown): unknown[] {
  return typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : [];
}

function has(claim: unknown, value: unknown): boolean {
  return claim === value || (Array.isArray(claim) && claim.includes(value));
}
