/** `Authorization: Bearer`: tokens that are known by their hash, and JWTs that an issuer signed. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Scheme as Configured } from '../../config/access.ts';
import type { JwtVerifier } from './jwt.ts';
import { BEARER, insufficientScope, invalidToken } from './refusal.ts';
import type { Identity, Scheme } from './types.ts';

/** RFC 6750 §2.1. A header that came twice is joined by a comma, which no token holds. */
const HEADER = /^Bearer +([\w.~+/-]+=*)$/i;
/** More than any issuer makes, and what Function Compute takes for all headers together. */
const HEADER_CHARS_MAX = 8192;
const JWT = /^[\w-]+\.[\w-]+\.([\w-]+)$/;

/** `jwts` is null where there are none. */
export function tokenScheme(bearers: readonly Configured<'bearer'>[], jwts: JwtVerifier | null): Scheme {
  const known = bearers.map((bearer) => ({ bearer, hash: Buffer.from(bearer.sha256, 'hex') }));

  /** Hashes are compared whole, and all of them, so that the time it takes tells nothing. */
  function bearerOf(token: string): Configured<'bearer'> | null {
    const hash = createHash('sha256').update(token).digest();
    const found = known.filter((one) => timingSafeEqual(one.hash, hash));
    return found[0]?.bearer ?? null;
  }

  return {
    challenge: BEARER,
    wants: '`Authorization: Bearer` and a token',
    isShown: (headers) => headers.has('authorization'),
    async identify({ headers, remainingMs }): Promise<Identity> {
      const header = headers.get('authorization') ?? '';
      const [, token] = (header.length <= HEADER_CHARS_MAX && HEADER.exec(header)) || [];
      if (token === undefined) throw invalidToken();
      const bearer = bearerOf(token);
      if (bearer) return { credential: bearer.name, scopes: [bearer], delivery: null };
      const verified = jwts && isJwt(token) ? await jwts(token, remainingMs) : null;
      if (verified === null) throw invalidToken();
      if (verified.scopes.length === 0) {
        throw insufficientScope(
          'The token is valid and grants nothing here. Ask for one with a scope and claims that `access` in append.config.ts names.',
        );
      }
      return { ...verified, delivery: null };
    },
  };
}

/** In its one form: the last digit of a signature has bits to spare, which decoders take for anything. */
function isJwt(token: string): boolean {
  const [, signature] = JWT.exec(token) ?? [];
  return signature !== undefined && Buffer.from(signature, 'base64url').toString('base64url') === signature;
}
