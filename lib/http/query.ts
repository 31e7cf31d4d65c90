/** Query parameters. Those that nobody asks for are none of our business. */
import type { Target } from '../config.ts';
import { IntakeError } from '../intake/errors.ts';

/** The one value of a parameter, or undefined. Throws `IntakeError` `InvalidKey` if there are several. */
export function parameter(query: URLSearchParams, name: string): string | undefined {
  const [value, ...more] = query.getAll(name);
  if (more.length > 0)
    throw new IntakeError('InvalidKey', `The query parameter ${name} comes more than once.`);
  return value;
}

/** The fields that the target asks for. Throws `IntakeError` `InvalidKey`. */
export function fieldsOf(query: URLSearchParams, target: Target): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const name of target.fields) {
    const value = parameter(query, name);
    if (value !== undefined) fields.set(name, value);
  }
  return fields;
}
