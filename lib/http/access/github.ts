/**
 * Deliveries with `X-Hub-Signature-256`, as GitHub and its like sign them: HMAC-SHA-256 over the body.
 *
 * `X-GitHub-Delivery` names the records, so a delivery that GitHub sends again is a repeat to a log. That header is not
 * signed, and neither is a time: whoever overheard a delivery can send it again as a new one, at any time.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Scheme as Configured } from '../../config/access.ts';
import { timeOfId } from '../../intake/id-time.ts';
import { nameOf } from '../conditions.ts';
import { invalidSignature } from './refusal.ts';
import type { Identity, Scheme } from './types.ts';

const SIGNATURE = 'x-hub-signature-256';
const DELIVERY = 'x-github-delivery';
const CHALLENGE = 'X-Hub-Signature-256 realm="oss-append"';
const FORM = /^sha256=[0-9a-f]{64}$/;

export function githubScheme(
  credentials: readonly Configured<'github'>[],
  secrets: ReadonlyMap<string, string>,
): Scheme {
  return {
    challenge: CHALLENGE,
    wants: 'a delivery with X-Hub-Signature-256',
    isShown: (headers) => headers.has(SIGNATURE),
    async identify({ headers, body }): Promise<Identity> {
      const signature = headers.get(SIGNATURE) ?? '';
      const delivery = headers.get(DELIVERY);
      const id = delivery === null ? undefined : nameOf(delivery);
      if (!FORM.test(signature) || id === null) throw invalidSignature(CHALLENGE);
      const shown = Buffer.from(signature);
      const bytes = await body();
      const signer = credentials.find(({ secretVariable }) => {
        const hmac = createHmac('sha256', secrets.get(secretVariable) ?? '');
        return timingSafeEqual(shown, Buffer.from(`sha256=${hmac.update(bytes).digest('hex')}`));
      });
      if (signer === undefined) throw invalidSignature(CHALLENGE);
      return {
        credential: signer.name,
        scopes: [signer],
        delivery: { source: `webhook/${signer.name}`, id, timeMs: timeOfId(id ?? '') },
      };
    },
  };
}
