/**
 * Paths of requests, as they were sent.
 *
 * A `Request` does not have those: making its URL resolves `..` and turns backslashes into slashes, so that
 * `/append/notes/../events` would quietly mean another target. Where the platform keeps the path, it is taken from there.
 */
import { IntakeError } from '../intake/errors.ts';

export const APPEND = '/append/';

/** What an append's path says. Both percent-decoded, once. */
export interface AppendPath {
  readonly target: string;
  /** What follows the target; undefined if nothing does. */
  readonly path: string | undefined;
}

/** The path of a request target: without scheme and host, query and fragment. */
export function pathOf(requestTarget: string): string {
  return requestTarget.replace(/^https?:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '') || '/';
}

/** Takes `/append/{target}[/{path}]` apart. Throws `IntakeError` `InvalidKey`. */
export function appendPath(rawPath: string): AppendPath {
  const [target = '', ...rest] = rawPath.slice(APPEND.length).split('/');
  const path = rest.join('/');
  return { target: decoded(target), path: path === '' ? undefined : decoded(path) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new IntakeError('InvalidKey', 'The path is not percent-encoded UTF-8.', { cause });
  }
}
