/**
 * The HTTP trigger of the built-in runtime, as pure mappings: request → event (version `v1`), answer struct → response
 * (help page "Use an HTTP trigger to invoke a function").
 */
import { HTTP_HEADER_BYTES_MAX } from '../limits.ts';

export interface HttpRequest {
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
  /** Name, value, name, value, … as received. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  readonly sourceIp: string;
}

export interface HttpEventFacts {
  readonly functionName: string;
  readonly region: string;
  readonly accountId: string;
  readonly triggerId: string;
  readonly requestId: string;
  readonly atMs: number;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface HttpEvent {
  readonly version: 'v1';
  readonly rawPath: string;
  readonly headers: Record<string, string>;
  readonly queryParameters: Record<string, string>;
  readonly body: string;
  readonly isBase64Encoded: boolean;
  readonly requestContext: {
    readonly accountId: string;
    readonly domainName: string;
    readonly domainPrefix: string;
    readonly triggerId: string;
    readonly requestId: string;
    readonly time: string;
    /** Epoch milliseconds, as text. */
    readonly timeEpoch: string;
    readonly http: {
      readonly method: string;
      readonly path: string;
      readonly protocol: string;
      readonly sourceIp: string;
      readonly userAgent: string;
    };
  };
}

/** Never reach the function, nor the client, besides `x-fc-*`. */
const REQUEST_RESERVED = new Set(['connection', 'keep-alive']);
const RESPONSE_RESERVED = new Set([
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'server',
  'transfer-encoding',
  'upgrade',
]);

/** FC does not list what it takes for text; a function must look at `isBase64Encoded`. */
const TEXT_TYPE = /^(text\/|application\/(json|xml|javascript|x-www-form-urlencoded)$)|\+(json|xml)$/;

export const isReservedInRequest = (name: string): boolean =>
  REQUEST_RESERVED.has(name.toLowerCase()) || name.toLowerCase().startsWith('x-fc-');

export const isReservedInResponse = (name: string): boolean =>
  RESPONSE_RESERVED.has(name.toLowerCase()) || name.toLowerCase().startsWith('x-fc-');

export function toHttpEvent(request: HttpRequest, facts: HttpEventFacts): HttpEvent {
  const mark = request.target.indexOf('?');
  const rawPath = mark < 0 ? request.target : request.target.slice(0, mark);
  const query = mark < 0 ? '' : request.target.slice(mark + 1);
  const headers = joinedHeaders(request.rawHeaders);
  const { body, isBase64Encoded } = encodeBody(request.body, headers['Content-Type']);
  return {
    version: 'v1',
    rawPath,
    headers,
    queryParameters: joined(new URLSearchParams(query)),
    body,
    isBase64Encoded,
    requestContext: {
      accountId: facts.accountId,
      domainName: `${facts.functionName}.${facts.region}.fcapp.run`,
      domainPrefix: facts.functionName,
      triggerId: facts.triggerId,
      requestId: facts.requestId,
      time: `${new Date(facts.atMs).toISOString().slice(0, 19)}Z`,
      timeEpoch: String(facts.atMs),
      http: {
        method: request.method,
        path: decodePath(rawPath),
        protocol: 'HTTP/1.1',
        sourceIp: request.sourceIp,
        userAgent: headers['User-Agent'] ?? '',
      },
    },
  };
}

function joinedHeaders(rawHeaders: readonly string[]): Record<string, string> {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (!isReservedInRequest(name)) pairs.push([canonical(name), rawHeaders[i + 1] ?? '']);
  }
  return joined(pairs);
}

/** FC gives names in the form `Xxx-Yyy`. */
const canonical = (name: string): string =>
  name.toLowerCase().replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());

/** Repeated names become one, their values joined by commas, as FC does. */
function joined(pairs: Iterable<[string, string]>): Record<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of pairs) {
    const before = values.get(name);
    values.set(name, before === undefined ? value : `${before},${value}`);
  }
  return Object.fromEntries(values);
}

function encodeBody(
  bytes: Buffer,
  contentType: string | undefined,
): { body: string; isBase64Encoded: boolean } {
  const type = contentType?.split(';')[0]?.trim().toLowerCase();
  const text = type === undefined || TEXT_TYPE.test(type) ? utf8(bytes) : null;
  if (text !== null) return { body: text, isBase64Encoded: false };
  return { body: bytes.toString('base64'), isBase64Encoded: true };
}

/** The text, or null if the bytes are not UTF-8. */
export function utf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/**
 * What the client gets for a function's answer. An answer that is not a struct is the body of a 200 (undocumented);
 * a struct that is no valid response is a 502 `BadResponse`.
 */
export function toHttpResponse(answer: Buffer): HttpResponse {
  const value = parseJson(answer);
  const isStruct = typeof value === 'object' && value !== null && 'statusCode' in value;
  if (isStruct) return fromStruct(value);
  const type = value === undefined ? 'text/plain; charset=utf-8' : 'application/json';
  return { status: 200, headers: { 'content-type': type }, body: answer };
}

function fromStruct(struct: {
  statusCode: unknown;
  headers?: unknown;
  body?: unknown;
  isBase64Encoded?: unknown;
}) {
  const { statusCode, headers = {}, body = '', isBase64Encoded = false } = struct;
  if (typeof statusCode !== 'number' || !Number.isInteger(statusCode) || statusCode < 200 || statusCode > 599)
    return badResponse('statusCode must be a number from 200 to 599');
  if (typeof body !== 'string') return badResponse('body must be a string');
  if (typeof isBase64Encoded !== 'boolean') return badResponse('isBase64Encoded must be a boolean');
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers))
    return badResponse('headers must be an object');
  const kept = Object.entries(headers).filter(([name]) => !isReservedInResponse(name));
  for (const [name, value] of kept)
    if (!isHeader(name, value))
      return badResponse(`header '${name}' must have a valid name and one string as value`);
  const bytes = kept.reduce((sum, [name, value]) => sum + name.length + String(value).length, 0);
  if (bytes > HTTP_HEADER_BYTES_MAX) return badResponse(`headers are over ${HTTP_HEADER_BYTES_MAX} bytes`);
  return {
    status: statusCode,
    headers: Object.fromEntries(kept.map(([name, value]) => [name, String(value)])),
    body: Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8'),
  };
}

const isHeader = (name: string, value: unknown): boolean =>
  /^[!#$%&'*+.^_`|~\w-]+$/.test(name) &&
  (typeof value === 'number' ||
    typeof value === 'boolean' ||
    (typeof value === 'string' && /^[\t\x20-\x7e\x80-\xff]*$/.test(value)));

const badResponse = (problem: string): HttpResponse =>
  errorResponse(502, 'BadResponse', `the function's answer is not a valid HTTP response: ${problem}`);

/** An answer of FC itself. */
export const errorResponse = (status: number, code: string, message: string): HttpResponse => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: Buffer.from(JSON.stringify({ ErrorCode: code, ErrorMessage: message })),
});

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
