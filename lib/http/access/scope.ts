/** Where a credential may write: by target, and by key or directory of keys. */
import { CLAIM, covers, type Scope } from '../../config/access.ts';
import { keyProblem } from '../../key-rules.ts';

/** Keys are compared as they are: one that a later program could take for another is refused before (`key-rules.ts`). */
export function allows({ keys }: Scope, key: string): boolean {
  return keys === null || keys.some((prefix) => covers(prefix, key));
}

/** The prefix with the claims in it, or null if one is missing or would leave its segment. */
export function withClaims(template: string, claims: Readonly<Record<string, unknown>>): string | null {
  let isSound = true;
  const prefix = template.replace(CLAIM, (_, name: string) => {
    const value = claims[name];
    if (typeof value === 'string' && value !== '' && !/[/\\]/.test(value.normalize('NFKC'))) return value;
    isSound = false;
    return '';
  });
  return isSound && keyProblem(prefix.replace(/\/$/, ''), false) === null ? prefix : null;
}
