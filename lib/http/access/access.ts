/**
 * Who may write where, over HTTP (`config/access.ts`), and so read back.
 *
 * A caller is known before anything is made of the request, and before its body is read unless that is what is signed.
 * Whoever shows nothing, or something that does not hold, gets 401; whoever is known and may not write there gets 403. A
 * key is looked at when it is final (`allow`), after everything that a path can be written as.
 */
import type { Access as Configured, Credential, Scheme as SchemeOf } from '../../config/access.ts';
import type { Policy } from '../../config/access-input.ts';
import type { Config, Target } from '../../config.ts';
import { quote } from '../../intake/errors.ts';
import { githubScheme } from './github.ts';
import { type JwtOptions, jwtVerifier, type KeySources } from './jwt.ts';
import { BEARER, forbidden, unauthenticated } from './refusal.ts';
import { allows } from './scope.ts';
import { tokenScheme } from './token.ts';
import type { AccessRequest, Caller, Scheme } from './types.ts';
import { webhookScheme } from './webhook.ts';

export interface Access {
  /** Throws `AccessError`, or `IntakeError` for a body that is too large. */
  identify(target: Target, request: AccessRequest): Promise<Caller>;
}

export interface AccessOptions extends JwtOptions {
  readonly config: Pick<Config, 'targets'>;
  /** For targets that do not say who may write. */
  readonly fallback: Policy;
  /** By the name of their variable. */
  readonly secrets: ReadonlyMap<string, string>;
}

/** Who needs no credential may write everywhere. */
const ANYONE: Caller = { credential: null, allow: () => {}, delivery: null };

export function createAccess({ config, fallback, ...options }: AccessOptions): Access {
  const sources: KeySources = new Map();
  // Targets that share the configuration's credentials share what is made of them.
  const made = new Map<Configured, readonly Scheme[]>();
  const schemesOf = (access: readonly Credential[]) => {
    const schemes = made.get(access) ?? schemesFor(access, sources, options);
    made.set(access, schemes);
    return schemes;
  };
  const gates = new Map(
    [...config.targets.values()].map(({ name, access }) => {
      const rule = access ?? fallback;
      return [name, typeof rule === 'string' ? rule : schemesOf(rule)] as const;
    }),
  );
  return {
    async identify(target, request) {
      const gate = gates.get(target.name) ?? 'deny';
      if (gate === 'open' || gate === 'trigger') return ANYONE;
      if (gate === 'deny') throw closed(target);
      const { credential, scopes, delivery } = await shown(gate, request.headers).identify(request);
      const here = scopes.filter(({ targets }) => targets === null || targets.includes(target.name));
      if (here.length === 0) throw elsewhere(credential, `to the target ${quote(target.name)}`);
      const allow = (key: string) => {
        if (!here.some((scope) => allows(scope, key)))
          throw elsewhere(credential, `to the key ${quote(key)}`);
      };
      return { credential, allow, delivery };
    },
  };
}

function schemesFor(
  access: readonly Credential[],
  sources: KeySources,
  options: Omit<AccessOptions, 'config' | 'fallback'>,
): readonly Scheme[] {
  const of = <Name extends Credential['scheme']>(scheme: Name) =>
    access.filter((one): one is SchemeOf<Name> => one.scheme === scheme);
  const [bearers, jwts, webhooks, githubs] = [of('bearer'), of('jwt'), of('webhook'), of('github')];
  const { secrets, runtime } = options;
  const verifier = jwts.length > 0 ? jwtVerifier(jwts, sources, options) : null;
  return [
    ...(bearers.length > 0 || verifier ? [tokenScheme(bearers, verifier)] : []),
    ...(webhooks.length > 0 ? [webhookScheme(webhooks, secrets, runtime)] : []),
    ...(githubs.length > 0 ? [githubScheme(githubs, secrets)] : []),
  ];
}

/** The one scheme that the request uses. With two it would not be clear whose call it is. */
function shown(schemes: readonly Scheme[], headers: Headers): Scheme {
  const [scheme, ...more] = schemes.filter((one) => one.isShown(headers));
  if (scheme && more.length === 0) return scheme;
  const wants = schemes.map((one) => one.wants).join(', or ');
  throw unauthenticated(
    scheme ? `The request shows several credentials. Send one: ${wants}.` : `Send ${wants}.`,
    schemes.map((one) => one.challenge).join(', '),
  );
}

function closed({ name }: Target) {
  return unauthenticated(
    `Nobody may write to the target ${quote(name)} or read from it over HTTP, since nothing says who may. Give it \`access\` in append.config.ts, or set APPEND_ACCESS for all that have none.`,
    BEARER,
  );
}

function elsewhere(credential: string, what: string) {
  return forbidden(
    `The credential ${quote(credential)} has no access ${what}. Use one that has, or widen its \`targets\` and \`keys\` in append.config.ts.`,
  );
}
