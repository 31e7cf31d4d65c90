/** Who may call, as security schemes: one for each way to show who one is. Names and hashes of credentials are not told. */
import type { Credential } from '../../lib/config/access.ts';
import type { Policy } from '../../lib/config/access-input.ts';
import type { Target } from '../../lib/config.ts';
import type { Json } from './schemas.ts';

export const securitySchemes: Readonly<Record<Credential['scheme'] | 'trigger', Json>> = {
  bearer: { type: 'http', scheme: 'bearer' },
  jwt: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
  webhook: {
    type: 'apiKey',
    in: 'header',
    name: 'webhook-signature',
    description: 'Standard Webhooks, with `webhook-id` and `webhook-timestamp`.',
  },
  github: {
    type: 'apiKey',
    in: 'header',
    name: 'X-Hub-Signature-256',
    description: "GitHub's signature of a delivery, with `X-GitHub-Delivery`.",
  },
  trigger: {
    type: 'apiKey',
    in: 'header',
    name: 'Authorization',
    description: 'What the trigger of Function Compute asks for, such as a signature with an access key.',
  },
};

export type SchemeName = keyof typeof securitySchemes;

/** What calls for a target have to show, one of these; none if anyone may call, null if nobody may. */
export function schemesOf({ access }: Target, fallback: Policy): readonly SchemeName[] | null {
  const rule = access ?? fallback;
  if (rule === 'deny') return null;
  if (rule === 'open') return [];
  return rule === 'trigger' ? ['trigger'] : [...new Set(rule.map(({ scheme }) => scheme))];
}
