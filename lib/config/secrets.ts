/** The secrets that signatures are made with, from the environment variables that the configuration names. */
import type { Target } from '../config.ts';
import type { Access } from './access.ts';
import { ConfigError } from './error.ts';

/** Standard Webhooks, "Signature scheme": a secret has 24 to 64 bytes. More does no harm. */
const SECRET_BYTES_MIN = 24;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** By the variable's name. Throws `ConfigError` that names all that are missing or no secrets; it tells none. */
export function secretsFrom(
  targets: Iterable<Pick<Target, 'access'>>,
  variables: Readonly<Record<string, string | undefined>> = process.env,
): ReadonlyMap<string, string> {
  const secrets = new Map<string, string>();
  const problems = new Set<string>();
  for (const credential of [...targets].flatMap(({ access }) => credentialsOf(access))) {
    if (credential.scheme !== 'webhook' && credential.scheme !== 'github') continue;
    const { name, scheme, secretVariable } = credential;
    const secret = variables[secretVariable];
    if (!secret) problems.add(`${secretVariable}: is missing; write the secret of the credential "${name}"`);
    else if (scheme === 'webhook' && !isWebhookSecret(secret)) {
      problems.add(
        `${secretVariable}: write the secret of the credential "${name}" as the sender shows it: whsec_ and ${SECRET_BYTES_MIN} bytes or more in Base64`,
      );
    } else secrets.set(secretVariable, secret);
  }
  if (problems.size > 0) throw new ConfigError('The environment of the function has mistakes', [...problems]);
  return secrets;
}

function credentialsOf(access: Access | null) {
  return access === null || typeof access === 'string' ? [] : access;
}

function isWebhookSecret(secret: string): boolean {
  const base64 = secret.replace(/^whsec_/, '');
  return BASE64.test(base64) && Buffer.byteLength(base64, 'base64') >= SECRET_BYTES_MIN;
}
