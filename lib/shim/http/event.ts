/**
 * FC's HTTP trigger event (documentation: "Use an HTTP trigger to invoke a function", event version `v1`) as Lambda's
 * payload format 2.0. Both join repeated headers and query parameters by commas, so nothing more is lost on the way.
 */
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { type Fields, readEvent } from '../fields.ts';

/** The one version there is; another one would mean another shape. */
const EVENT_VERSION = 'v1';
/** The route that Lambda names where no routes are configured. */
const DEFAULT_ROUTE = '$default';
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** Throws `MalformedEventError`. */
export function httpEvent(event: Uint8Array): APIGatewayProxyEventV2 {
  const fields = readEvent('http', event);
  if (fields.value['version'] !== EVENT_VERSION) throw fields.malformed('version', `'${EVENT_VERSION}'`);
  const rawPath = fields.stringOrEmpty('rawPath') || '/';
  if (!rawPath.startsWith('/')) throw fields.malformed('rawPath', "a path that starts with '/'");
  const sent = fields.entries('headers');
  // No header has half of a surrogate pair, and handlers that encode theirs fail with it.
  if (!sent.every(([, value]) => value.isWellFormed()))
    throw fields.malformed('headers', 'an object of text');
  const { cookie, ...headers } = lowerCased(sent);
  const query = fields.entries('queryParameters');
  const body = fields.stringOrEmpty('body');
  const isBase64Encoded = fields.booleanOrFalse('isBase64Encoded');
  if (isBase64Encoded && !isBase64(body)) throw fields.malformed('body', 'base64');
  return {
    version: '2.0',
    routeKey: DEFAULT_ROUTE,
    rawPath,
    rawQueryString: encodeQuery(query),
    ...(cookie === undefined ? {} : { cookies: splitCookies(cookie) }),
    headers,
    ...(query.length === 0 ? {} : { queryStringParameters: Object.fromEntries(query) }),
    requestContext: requestContext(fields.object('requestContext')),
    ...(body === '' ? {} : { body }),
    isBase64Encoded,
  };
}

function requestContext(fields: Fields): APIGatewayProxyEventV2['requestContext'] {
  const http = fields.object('http');
  const timeEpoch = fields.epochMs('timeEpoch');
  if (timeEpoch === undefined) throw fields.malformed('timeEpoch', 'milliseconds since 1970');
  return {
    accountId: fields.stringOrEmpty('accountId'),
    apiId: fields.stringOrEmpty('triggerId'),
    domainName: fields.stringOrEmpty('domainName'),
    domainPrefix: fields.stringOrEmpty('domainPrefix'),
    http: {
      method: http.string('method'),
      path: http.stringOrEmpty('path'),
      protocol: http.stringOrEmpty('protocol'),
      sourceIp: http.stringOrEmpty('sourceIp'),
      userAgent: http.stringOrEmpty('userAgent'),
    },
    requestId: fields.stringOrEmpty('requestId'),
    routeKey: DEFAULT_ROUTE,
    stage: DEFAULT_ROUTE,
    time: commonLogTime(new Date(timeEpoch)),
    timeEpoch,
  };
}

/** Whole, with its padding. Decoders pass over what is none, each in its own way. */
function isBase64(text: string): boolean {
  const padding = text.indexOf('=');
  const isPadded = padding < 0 || /^={1,2}$/.test(text.slice(padding));
  return text.length % 4 === 0 && isPadded && !/[^A-Za-z0-9+/=]/.test(text);
}

function lowerCased(headers: [string, string][]): Record<string, string> {
  return Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
}

/** Format 2.0 lists cookies apart from the headers. */
function splitCookies(header: string): string[] {
  return header
    .split(';')
    .map((cookie) => cookie.trim())
    .filter((cookie) => cookie !== '');
}

/** URLSearchParams writes a space as `+`, which only forms read back; a `+` of the value itself is `%2B` by then. */
function encodeQuery(query: [string, string][]): string {
  return new URLSearchParams(query).toString().replaceAll('+', '%20');
}

/** `22/Nov/2026:20:30:00 +0000` */
function commonLogTime(date: Date): string {
  const iso = date.toISOString();
  return `${iso.slice(8, 10)}/${MONTHS[date.getUTCMonth()]}/${iso.slice(0, 4)}:${iso.slice(11, 19)} +0000`;
}
