/** How mistakes in the configuration and the environment are told: where it is, and what to write there. */
import * as z from 'zod/mini';

/** One line a mistake: where it is, and what to write there. */
export function problemsOf(error: z.core.$ZodError, path: readonly string[]): string[] {
  return error.issues.flatMap((issue) => {
    const unknown = issue.code === 'unrecognized_keys' ? issue.keys : [];
    const where = [...path, ...issue.path];
    const places = unknown.length > 0 ? unknown.map((name) => [...where, name]) : [where];
    return places.map((place) => `${place.join('.') || 'the configuration'}: ${issue.message}`);
  });
}

export function hint(what: string): { error: (issue: { input?: unknown }) => string } {
  return { error: ({ input }) => (input === undefined ? `is missing; write ${what}` : `write ${what}`) };
}

/** For a strict object with members `names`. */
export function only(names: string): { error: (issue: { code?: string }) => string } {
  return {
    error: ({ code }) =>
      code === 'unrecognized_keys'
        ? `there is no such setting; there are ${names}`
        : `write an object with ${names}`,
  };
}

/** A whole number from `min` to `max`; `what` says so, with its unit. */
export function wholeNumber(min: number, max: number, what: string) {
  return z.int(hint(what)).check(z.gte(min, hint(what)), z.lte(max, hint(what)));
}
