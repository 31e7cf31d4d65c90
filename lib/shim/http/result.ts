/**
 * A Lambda handler's answer in payload format 2.0 as FC's HTTP response.
 *
 * An object with `statusCode` is the response. Anything else is the body of a 200 of type `application/json`, as API
 * Gateway infers it (documentation: "Lambda function response for format 2.0"): a string as it is, other values as
 * JSON, and undefined as `null`, which is how Lambda serialises it.
 *
 * FC sends one value a header. Lists are joined by commas, which means the same (RFC 9110, 5.3); for `set-cookie`, the
 * exception, it does not, so more than one cookie is an error rather than a lost cookie.
 */
import { InvalidResultError } from '../errors.ts';
import type { FcHttpResponse } from '../fc.ts';
import { isObject, type JsonObject } from '../fields.ts';

/** Throws `InvalidResultError`. */
export function httpResponse(result: unknown): FcHttpResponse {
  return isObject(result) && result['statusCode'] !== undefined ? structured(result) : inferred(result);
}

function inferred(result: unknown): FcHttpResponse {
  return {
    statusCode: 200,
    headers: { 'content-type': 'application/json' },
    body: typeof result === 'string' ? result : (JSON.stringify(result) ?? 'null'),
    isBase64Encoded: false,
  };
}

function structured(result: JsonObject): FcHttpResponse {
  const { statusCode, body = '', isBase64Encoded = false } = result;
  if (
    typeof statusCode !== 'number' ||
    !Number.isInteger(statusCode) ||
    statusCode < 100 ||
    statusCode > 599
  ) {
    throw new InvalidResultError('statusCode must be a whole number from 100 to 599.');
  }
  if (typeof body !== 'string')
    throw new InvalidResultError('body must be a string: serialise objects yourself.');
  if (typeof isBase64Encoded !== 'boolean')
    throw new InvalidResultError('isBase64Encoded must be a boolean.');
  return { statusCode, headers: joinHeaders(result), body, isBase64Encoded };
}

function joinHeaders(result: JsonObject): Record<string, string> {
  const values = new Map<string, string[]>();
  const add = (name: string, value: unknown): void => {
    const key = name.toLowerCase();
    values.set(key, [...(values.get(key) ?? []), ...headerValues(value)]);
  };
  for (const member of ['headers', 'multiValueHeaders']) {
    const headers = result[member] ?? {};
    if (!isObject(headers)) throw new InvalidResultError(`${member} must be an object.`);
    for (const [name, value] of Object.entries(headers)) add(name, value);
  }
  add('set-cookie', result['cookies']);
  if ((values.get('set-cookie')?.length ?? 0) > 1) {
    throw new InvalidResultError(
      'Function Compute sends one set-cookie header a response: set one cookie at a time.',
    );
  }
  return Object.fromEntries(
    [...values].filter(([, list]) => list.length > 0).map(([name, list]) => [name, list.join(', ')]),
  );
}

/** None for undefined and null, so that optional headers need no care. */
function headerValues(value: unknown): string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(headerValues);
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
    throw new InvalidResultError('Header values must be strings, numbers, booleans or lists of them.');
  }
  const text = String(value);
  // A line break would end the header and begin whatever follows it.
  if (/[\r\n\0]/.test(text)) throw new InvalidResultError('Header values must not contain line breaks.');
  return [text];
}
