/** Who may write to a target over HTTP, as `append.config.ts` says it. What it comes to is in `access.ts`. */

/** Anyone; whoever Function Compute's trigger lets in; nobody. */
export type Policy = 'open' | 'trigger' | 'deny';

/** `Name`: targets that a credential can be limited to, where it is for all of them. */
export type AccessInput<Name extends string = never> = Policy | readonly CredentialInput<Name>[];

export type CredentialInput<Name extends string = never> =
  | BearerInput<Name>
  | JwtInput<Name>
  | WebhookInput<Name>
  | GithubInput<Name>;

export interface ScopeInput<Name extends string> {
  /** Default: all that have no `access` of their own. */
  readonly targets?: readonly Name[];
  /** Keys, or directories of keys: `events/acme` is this key and all below `events/acme/`. Default: all. */
  readonly keys?: readonly string[];
}

interface NamedInput {
  /** For the log. */
  readonly name: string;
}

/** `Authorization: Bearer TOKEN` */
export interface BearerInput<Name extends string> extends NamedInput, ScopeInput<Name> {
  readonly scheme: 'bearer';
  /** SHA-256 of the token, in hexadecimal: `printf %s "$TOKEN" | sha256sum`. */
  readonly sha256: string;
}

/** `Authorization: Bearer JWT` (RFC 7519), signed with a key of the issuer. */
export interface JwtInput<Name extends string> extends NamedInput {
  readonly scheme: 'jwt';
  readonly issuer: string;
  readonly audience: string | readonly string[];
  /** Where the issuer publishes its keys, or the keys. */
  readonly jwks: `https://${string}` | { readonly keys: readonly Readonly<Record<string, unknown>>[] };
  /** Signature algorithms. Default: all with a public key. There are no others, so no public key passes for a secret. */
  readonly algorithms?: readonly Algorithm[];
  /** How far clocks may be apart, 0 to 300,000. Default: 30,000. */
  readonly clockToleranceMs?: number;
  /** What a token may do: all that one of the grants gives whose conditions it meets. */
  readonly grants: readonly GrantInput<Name>[];
}

/** `keys` may hold `{claim.NAME}`: the value of that claim, which may not hold a slash. */
export interface GrantInput<Name extends string> extends ScopeInput<Name> {
  /** Has to be among the token's scopes (claim `scope` or `scp`). */
  readonly scope?: string;
  /** Each has to be in the token: with this value, or in a list with it. */
  readonly claims?: Readonly<Record<string, string | number | boolean>>;
}

/** A delivery that is signed as Standard Webhooks says, with a secret (`v1`). */
export interface WebhookInput<Name extends string> extends NamedInput, ScopeInput<Name> {
  readonly scheme: 'webhook';
  /** Name of the environment variable with the secret, `whsec_…`. */
  readonly secretVariable: string;
  /** How old, or how far ahead, a delivery's timestamp may be, 1,000 to 3,600,000. Default: 300,000. */
  readonly toleranceMs?: number;
}

/** A delivery with `X-Hub-Signature-256`, as GitHub makes it. */
export interface GithubInput<Name extends string> extends NamedInput, ScopeInput<Name> {
  readonly scheme: 'github';
  /** Name of the environment variable with the secret. */
  readonly secretVariable: string;
}

/** With a public key, all of them: a token cannot be made with what everybody may know. */
export const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;
export type Algorithm = (typeof ALGORITHMS)[number];
