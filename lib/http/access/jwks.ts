/**
 * The keys of an issuer, as it publishes them (RFC 7517 §5): fetched when first needed, and kept in the instance.
 *
 * Keys are fetched again when they are old, and when a token names one that is not among them, since an issuer that
 * changes its keys signs with the new one at once. Neither happens often, whatever tokens come in. While the issuer is
 * out of reach, the keys that are known go on for a while.
 */
import { createLocalJWKSet, errors, type JWTVerifyGetKey } from 'jose';
import type { Runtime } from '../../runtime.ts';

/** The keys could not be had, or what was had are none. The message tells why, and nothing of the issuer's answer. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable';
}

export interface JwksOptions {
  readonly fetch: typeof fetch;
  readonly runtime: Pick<Runtime, 'now' | 'after'>;
}

/** A key for a token. `remainingMs` is what is left of the call. Throws `KeysUnavailable`, or errors of jose. */
export type KeySource = (remainingMs: () => number) => JWTVerifyGetKey;

const FETCH_MS = 3000;
const FRESH_MS = 10 * 60_000;
/** Without an answer from the issuer. A key that it took back can be used this long. */
const KEPT_MS = 60 * 60_000;
/** Between two fetches, for a key that is not there or after one that failed. */
const PAUSE_MS = 30_000;
const PAUSE_FAILED_MS = 5000;
const JWKS_CHARS_MAX = 1_000_000;

export function remoteKeys(url: string, { fetch, runtime }: JwksOptions): KeySource {
  let known: { readonly keyOf: JWTVerifyGetKey; readonly atMs: number } | null = null;
  let tried: { readonly atMs: number; readonly failure: KeysUnavailable | null } | null = null;
  let underWay: Promise<void> | null = null;

  /** The clock of an instance that was frozen, or set, may have gone anywhere. */
  const isWithin = (atMs: number, ms: number) => {
    const ageMs = runtime.now() - atMs;
    return ageMs >= 0 && ageMs < ms;
  };

  async function load(remainingMs: number): Promise<void> {
    try {
      const keyOf = createLocalJWKSet(await fetched(Math.min(FETCH_MS, remainingMs / 2)));
      known = { keyOf, atMs: runtime.now() };
      tried = { atMs: known.atMs, failure: null };
    } catch (cause) {
      const failure =
        cause instanceof KeysUnavailable ? cause : new KeysUnavailable('the answer holds no keys', { cause });
      tried = { atMs: runtime.now(), failure };
    }
  }

  async function fetched(timeoutMs: number): Promise<Parameters<typeof createLocalJWKSet>[0]> {
    const gaveUp = new AbortController();
    const cancel = runtime.after(timeoutMs, () => gaveUp.abort());
    try {
      const response = await fetch(url, {
        signal: gaveUp.signal,
        redirect: 'error',
        headers: { accept: 'application/jwk-set+json, application/json' },
      });
      if (response.status !== 200) throw new KeysUnavailable(`status ${response.status}`);
      const text = await response.text();
      if (text.length > JWKS_CHARS_MAX) throw new KeysUnavailable('the answer is too long');
      return JSON.parse(text);
    } catch (cause) {
      if (cause instanceof KeysUnavailable || cause instanceof SyntaxError) throw cause;
      throw new KeysUnavailable(gaveUp.signal.aborted ? 'no answer in time' : 'no connection', { cause });
    } finally {
      cancel();
    }
  }

  /** Fetches, unless that was tried a moment ago. Calls that come together share a fetch. */
  async function renew(remainingMs: () => number): Promise<void> {
    if (tried && isWithin(tried.atMs, tried.failure ? PAUSE_FAILED_MS : PAUSE_MS)) return;
    underWay ??= load(remainingMs()).finally(() => {
      underWay = null;
    });
    await underWay;
  }

  return (remainingMs) => async (header, token) => {
    if (!known || !isWithin(known.atMs, FRESH_MS)) await renew(remainingMs);
    if (!known || !isWithin(known.atMs, KEPT_MS)) throw tried?.failure ?? new KeysUnavailable('not fetched');
    try {
      return await known.keyOf(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await renew(remainingMs);
      // The key may be one of those that could not be fetched.
      if (tried?.failure) throw tried.failure;
      return known.keyOf(header, token);
    }
  };
}
