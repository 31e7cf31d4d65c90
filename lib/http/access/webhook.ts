/**
 * Deliveries that are signed as Standard Webhooks says: HMAC-SHA-256 over id, timestamp and body.
 *
 * The id names the records, so a delivery that comes again, from its sender or from whoever overheard it, is a repeat to
 * a log. The timestamp is the records' time, which keeps such a copy in the same object, and bounds how late it can come.
 */
import { isUtf8 } from 'node:buffer';
import { timingSafeEqual } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { Scheme as Configured } from '../../config/access.ts';
import { timeOfId } from '../../intake/id-time.ts';
import type { Runtime } from '../../runtime.ts';
import { nameOf } from '../conditions.ts';
import { invalidSignature } from './refusal.ts';
import type { Identity, Scheme } from './types.ts';

const HEADERS = ['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const;
const CHALLENGE = 'StandardWebhooks realm="oss-append"';
/** Seconds since 1970, in the one form that is signed. */
const TIMESTAMP = /^[1-9]\d{0,11}$/;
/** One signature or, while a sender changes its secret, several. Those of other versions are none of ours. */
const SIGNATURES = /^v\w+,[A-Za-z0-9+/]+={0,2}(?: v\w+,[A-Za-z0-9+/]+={0,2})*$/;
const SIGNATURES_CHARS_MAX = 2048;
/** The body is hashed before anything is known of its sender, and not by native code. The specification advises 20 kB. */
const BODY_BYTES_MAX = 1024 * 1024;

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

export function webhookScheme(
  credentials: readonly Configured<'webhook'>[],
  secrets: ReadonlyMap<string, string>,
  runtime: Pick<Runtime, 'now'>,
): Scheme {
  const known = credentials.map((credential) => ({
    credential,
    webhook: new Webhook(secrets.get(credential.secretVariable) ?? ''),
  }));

  return {
    challenge: CHALLENGE,
    wants: 'a delivery signed as Standard Webhooks says (webhook-id, webhook-timestamp, webhook-signature)',
    isShown: (headers) => HEADERS.some((name) => headers.has(name)),
    async identify({ headers, body }): Promise<Identity> {
      const [id = '', timestamp = '', signatures = ''] = HEADERS.map((name) => headers.get(name) ?? '');
      const sentMs = TIMESTAMP.test(timestamp) ? Number(timestamp) * 1000 : Number.NaN;
      const agoMs = Math.abs(runtime.now() - sentMs);
      const inTime = known.filter(({ credential }) => agoMs <= credential.toleranceMs);
      if (inTime.length === 0 || nameOf(id) !== id || !isList(signatures)) throw invalidSignature(CHALLENGE);
      const bytes = await body(BODY_BYTES_MAX);
      // What is signed is text. Bytes that are none would all turn into the same replacement character.
      if (!isUtf8(bytes)) throw invalidSignature(CHALLENGE);
      const text = utf8.decode(bytes);
      const signer = inTime.find(({ webhook }) =>
        isAmong(signatures, webhook.sign(id, new Date(sentMs), text)),
      );
      if (signer === undefined) throw invalidSignature(CHALLENGE);
      const { name } = signer.credential;
      return {
        credential: name,
        scopes: [signer.credential],
        delivery: { source: `webhook/${name}`, id, timeMs: timeOfId(id) ?? sentMs },
      };
    },
  };
}

function isList(signatures: string): boolean {
  return signatures.length <= SIGNATURES_CHARS_MAX && SIGNATURES.test(signatures);
}

/** Signatures are compared whole, so that the time it takes tells nothing. */
function isAmong(signatures: string, expected: string): boolean {
  const wanted = Buffer.from(expected);
  const same = signatures
    .split(' ')
    .map((one) => Buffer.from(one))
    .filter((one) => one.length === wanted.length && timingSafeEqual(one, wanted));
  return same.length > 0;
}
