/**
 * Who may write to a target over HTTP. A target without `access` has that of the configuration, and where that has none
 * either, what the deployment says (`APPEND_ACCESS`): nobody, by default. Queues and timers are not concerned.
 *
 * No secret stands in a configuration. A token is there as its SHA-256, which nobody can send, and the secret that
 * signatures are made with as the name of the environment variable that holds it (`secrets.ts`).
 */
import * as z from 'zod/mini';
import { keyProblem } from '../key-rules.ts';
import type { KeyTemplate } from '../key-template.ts';
import { ALGORITHMS, type Policy } from './access-input.ts';
import { hint, only, wholeNumber } from './mistakes.ts';

/** As it is used: with the defaults filled in. */
export type Access = Policy | readonly Credential[];
export type Credential = z.infer<ReturnType<typeof credentialShape>>;
export type Scheme<Name extends Credential['scheme']> = Extract<Credential, { readonly scheme: Name }>;
export type Scope = Pick<Scheme<'bearer'>, 'targets' | 'keys'>;
export type Grant = Scheme<'jwt'>['grants'][number];

const CLOCK_TOLERANCE_MS = 30_000;
const WEBHOOK_TOLERANCE_MS = 300_000;
/** `{claim.NAME}` in the keys of a grant. */
export const CLAIM = /\{claim\.([^{}]+)\}/g;

const NAME = 'a name for the log, of letters, digits, dots, - and _, 64 at most';
const SHA256 =
  'the SHA-256 of the token in 64 hexadecimal digits, as `printf %s "$TOKEN" | sha256sum` says it; the token itself stays with its owner';
const VARIABLE =
  'the name of the environment variable that holds the secret, such as "ORDERS_WEBHOOK_SECRET"; the secret itself does not belong here';
const JWKS =
  'the URL of the issuer\'s keys, such as "https://id.example/jwks.json", or { keys: [...] } with public keys';
const ACCESS =
  '"open", "trigger" or "deny", or a list of credentials such as [{ scheme: "bearer", name: "ci", sha256: "…" }]';
const KEYS = 'keys or directories of keys, such as ["events/acme"]';
const KEY = 'a key or a directory of keys without "..", such as "events/acme"';
const GRANTS =
  'what a token may do, such as [{ scope: "append", keys: ["events/acme"] }], or [{}] if every token of the issuer for this audience may write';

const text = (what: string, pattern = /./) => z.string(hint(what)).check(z.regex(pattern, hint(what)));
const list = <T extends z.ZodMiniType>(item: T, what: string) =>
  z.array(item, hint(what)).check(z.minLength(1, hint(what)));
const strict = <T extends z.core.$ZodShape>(shape: T) =>
  z.strictObject(shape, only(Object.keys(shape).join(', ')));

const policyShape = z.enum(['open', 'trigger', 'deny'], hint(ACCESS));
const name = text(NAME, /^[A-Za-z0-9][\w.-]{0,63}$/);
const secretVariable = text(VARIABLE, /^(?!FC_)[A-Z][A-Z0-9_]{0,99}$/);

const jwks = z.custom<KeySet>(isKeySet, hint(JWKS));
const audience = 'what the issuer calls this service in the tokens for it';

/** The shape that `value` should have. `targets`: what credentials can be limited to; null within a target. */
export function accessShape(value: unknown, targets: readonly string[] | null): z.ZodMiniType<Access> {
  return typeof value === 'string' ? policyShape : list(credentialShape(targets), ACCESS);
}

function credentialShape(targets: readonly string[] | null) {
  const target = z.enum([...(targets ?? [])], hint(`the name of a target: ${targets?.join(', ')}`));
  const some = z._default(z.nullable(list(target, 'names of targets')), null);
  const keys = (isTemplate: boolean) => z._default(z.nullable(list(keyShape(isTemplate), KEYS)), null);
  const limits = (isTemplate = false) => ({
    // Within a target there is nothing to choose: it is left out of what is offered, and always null.
    ...(targets !== null && { targets: some }),
    keys: keys(isTemplate),
  });
  const grant = strict({
    scope: z.optional(text('one scope, such as "append"', /^\S+$/)),
    claims: z._default(
      z.record(
        z.string(),
        z.union([z.string(), z.number(), z.boolean()], hint('text, a number, true or false')),
        hint('claims and their values, such as { role: "device" }'),
      ),
      {},
    ),
    ...limits(true),
  });
  const inTarget = <T extends object>(scope: T) => ({ targets: null as readonly string[] | null, ...scope });
  const limited = <T extends z.core.$ZodShape>(shape: T) =>
    z.pipe(strict({ ...shape, ...limits() }), z.transform(inTarget));
  return z.discriminatedUnion(
    'scheme',
    [
      limited({ scheme: z.literal('bearer'), name, sha256: text(SHA256, /^[0-9a-f]{64}$/i) }),
      limited({
        scheme: z.literal('webhook'),
        name,
        secretVariable,
        toleranceMs: z._default(
          wholeNumber(1000, 3_600_000, 'milliseconds from 1,000 to 3,600,000'),
          WEBHOOK_TOLERANCE_MS,
        ),
      }),
      limited({ scheme: z.literal('github'), name, secretVariable }),
      strict({
        scheme: z.literal('jwt'),
        name,
        issuer: text('the issuer as its tokens have it (iss), such as "https://id.example"'),
        audience: z.union([text(audience), list(text(audience), audience)], hint(audience)),
        jwks,
        algorithms: z._default(
          list(
            z.enum(ALGORITHMS, hint(`one of ${ALGORITHMS.join(', ')}`)),
            `some of ${ALGORITHMS.join(', ')}`,
          ),
          [...ALGORITHMS],
        ),
        clockToleranceMs: z._default(
          wholeNumber(0, 300_000, 'milliseconds from 0 to 300,000'),
          CLOCK_TOLERANCE_MS,
        ),
        grants: list(z.pipe(grant, z.transform(inTarget)), GRANTS),
      }),
    ],
    hint('"bearer", "jwt", "webhook" or "github"'),
  );
}

/** Where keys are, or public keys themselves: with a private one, whoever reads the configuration could make tokens. */
type KeySet = string | { readonly keys: Readonly<Record<string, unknown>>[] };

function isKeySet(value: unknown): value is KeySet {
  if (typeof value === 'string') return URL.canParse(value) && new URL(value).protocol === 'https:';
  const keys = isObject(value) && Object.keys(value).length === 1 ? value['keys'] : null;
  return Array.isArray(keys) && keys.length > 0 && keys.every(isPublicKey);
}

function isPublicKey(key: unknown): boolean {
  return isObject(key) && /^(RSA|EC|OKP)$/.test(String(key['kty'])) && !('d' in key) && !('k' in key);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function keyShape(isTemplate: boolean) {
  const isKey = (key: string) => {
    const example = isTemplate ? key.replace(CLAIM, 'x') : key;
    return !/[{}]/.test(example) && keyProblem(example.replace(/\/$/, ''), false) === null;
  };
  return z.string(hint(KEY)).check(z.refine(isKey, hint(KEY)));
}

/** What is wrong with a list of credentials as a whole, each with its place in the list. */
export function accessMisfits(access: Access, targets: ReadonlyMap<string, KeyTemplate>): string[] {
  if (typeof access === 'string') return [];
  const seen = new Map<string, string>();
  return access.flatMap((credential, index) => {
    const problems: string[] = [];
    const unique = (field: string, value: string, advice: string) => {
      if (seen.has(`${field} ${value}`)) problems.push(`${index}.${field}: ${advice}`);
      seen.set(`${field} ${value}`, value);
    };
    unique(
      'name',
      credential.name,
      `${credential.name} is there twice; give each credential a name of its own`,
    );
    if (credential.scheme === 'bearer')
      unique('sha256', credential.sha256.toLowerCase(), 'is there twice; give each its own token');
    const scopes = credential.scheme === 'jwt' ? credential.grants : [credential];
    for (const [at, scope] of scopes.entries()) {
      const place = credential.scheme === 'jwt' ? `${index}.grants.${at}` : `${index}`;
      for (const [which, key] of (scope.keys ?? []).entries()) {
        const names = scope.targets ?? [...targets.keys()];
        if (names.some((one) => canBeIn(targets.get(one), key))) continue;
        problems.push(
          `${place}.keys.${which}: no key of ${names.join(', ')} is there; write a part of the target's key`,
        );
      }
    }
    return problems;
  });
}

/** Whether a target can have keys at or below `key`, of which what follows a claim is not known. */
function canBeIn(template: KeyTemplate | undefined, key: string): boolean {
  // A target with mistakes of its own is told those.
  if (template === undefined) return true;
  const { prefix, isFixed } = template;
  const start = key.replace(/\{.*$/s, '');
  const isPart = start === key ? covers(key, prefix) : prefix.startsWith(start);
  return isPart || (!isFixed && start.startsWith(prefix));
}

/** Whether `key` is `prefix` or below it. A prefix ends with a segment, so `a` is neither `ab` nor `ab/c`. */
export function covers(prefix: string, key: string): boolean {
  return key === prefix || key.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`);
}
