/** Pages of which origins a browser lets at the HTTP interface. It is no access: what `access` says holds for them too. */
import * as z from 'zod/mini';
import { hint, only } from './mistakes.ts';

/** Part of `ConfigInput`. */
export interface CorsInput {
  /** Origins such as `https://app.example`, or `*` for all pages. */
  readonly origins: '*' | readonly string[];
}

const ORIGINS = '"*" for all pages, or a list of origins such as ["https://app.example"]';
const ORIGIN =
  'an origin as browsers send it: scheme, host and a port that is not the usual one, such as "https://app.example"';

const origin = z.string(hint(ORIGIN)).check(z.refine(isOrigin, hint(ORIGIN)));

/** The shape that `value` should have. A list is checked as one, so that its mistakes have their places. */
export function corsShape(value: unknown): z.ZodMiniType<CorsInput> {
  const listed = Array.isArray(Object(value).origins);
  const origins: z.ZodMiniType<CorsInput['origins']> = listed
    ? z.array(origin).check(z.minLength(1, hint(ORIGINS)))
    : z.literal('*', hint(ORIGINS));
  return z.strictObject({ origins }, only('origins'));
}

/** Browsers compare letter by letter: an origin with a slash at its end would never be met. */
function isOrigin(text: string): boolean {
  return /^https?:[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}
