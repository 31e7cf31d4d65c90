/**
 * How a caller is refused. The detail says what to do, the same for everything that can be wrong with a credential: an
 * answer that told a wrong key from a wrong date would help whoever guesses.
 */
import { IntakeError, type IntakeErrorCode } from '../../intake/errors.ts';

export class AccessError extends IntakeError {
  /** For `WWW-Authenticate`; null where another credential would not help. */
  readonly challenge: string | null;

  constructor(code: IntakeErrorCode, message: string, challenge: string | null, options?: ErrorOptions) {
    super(code, message, options);
    this.challenge = challenge;
  }
}

export const BEARER = 'Bearer realm="oss-append"';

export function unauthenticated(message: string, challenge: string): AccessError {
  return new AccessError('Unauthenticated', message, challenge);
}

/** A token was sent, and it is none that counts here (RFC 6750 §3.1). */
export function invalidToken(): AccessError {
  return unauthenticated(
    'The token does not hold here: it is unknown, has run out, is not valid yet, or was made for something else. Send `Authorization: Bearer` and a token that is valid now.',
    `${BEARER}, error="invalid_token"`,
  );
}

export function invalidSignature(challenge: string): AccessError {
  return new AccessError(
    'InvalidSignature',
    'The signature does not hold. Sign the body as it is sent, with the secret that this target was given, and send it at once.',
    challenge,
  );
}

export function forbidden(message: string): AccessError {
  return new AccessError('Forbidden', message, null);
}

/** A good token that is good for something else (RFC 6750 §3.1). */
export function insufficientScope(message: string): AccessError {
  return new AccessError('Forbidden', message, `${BEARER}, error="insufficient_scope"`);
}

export function unavailable(cause: unknown): AccessError {
  return new AccessError(
    'AccessUnavailable',
    'The keys that tokens are checked with are out of reach, so nobody can say whether this one holds. Try again.',
    null,
    { cause },
  );
}
