/** The operations of a target: to append, to read back, and to ask for the length. */
import type { Target } from '../../lib/config.ts';
import { NAME_CHARS, NAME_CHARS_MAX } from '../../lib/http/conditions.ts';
import { ACCEPTED } from '../../lib/http/media-type.ts';
import { problemsBy, type Where } from './problems.ts';
import { cloudEvent, type Json, ref } from './schemas.ts';
import type { SchemeName } from './security.ts';

export interface Called {
  readonly target: Target;
  readonly schemes: readonly SchemeName[];
  /** Name of its schema among the components, null if it has none. */
  readonly schema: string | null;
}

const header = (description: string, required = false): Json => ({
  description,
  schema: { type: 'string' },
  ...(required && { required }),
});
const ETAG = header('The length of the object, in quotes: what If-Match takes.');

/** Headers of problem documents, by status. */
const PROBLEM_HEADERS: Readonly<Record<number, Readonly<Record<string, Json>>>> = {
  401: { 'WWW-Authenticate': header('What to show.', true) },
  403: {
    'WWW-Authenticate': header('What to show.'),
    'Producer-Epoch': header('The epoch that the log knows.'),
  },
  405: { Allow: header('The methods that there are.', true) },
  409: {
    'Producer-Expected-Seq': header('The number that is next.'),
    'Producer-Received-Seq': header('The number that came.'),
  },
  412: { ETag: { ...ETAG, required: true } },
  415: { Accept: header('The content types that there are.', true) },
  416: { 'Content-Range': header('The length of the object.', true) },
  503: { 'Retry-After': header('Seconds.', true) },
  504: { 'Retry-After': header('Seconds.', true) },
};

/** One response for each status, with the types that it may have. */
export function problemResponses(where: Where, called?: Called): Record<string, Json> {
  const of = called && {
    target: called.target,
    asksCredential: called.schemes.some((one) => one !== 'trigger'),
  };
  return Object.fromEntries(
    [...problemsBy(where, of)].map(([status, types]) => [
      String(status),
      {
        description: types.map((type) => type.replace(/.*:/, '')).join(', '),
        ...(PROBLEM_HEADERS[status] && { headers: PROBLEM_HEADERS[status] }),
        content: {
          'application/problem+json': {
            schema: {
              allOf: [ref('Problem')],
              properties: { type: { enum: types }, status: { const: status } },
            },
          },
        },
      },
    ]),
  );
}

export function appendOperation(called: Called): Json {
  const { target } = called;
  const isLog = target.format === 'log';
  return {
    operationId: `append_${target.name}`,
    summary: isLog ? `Appends records to ${target.key.text}` : `Appends bytes to ${target.key.text}`,
    tags: [target.name],
    ...security(called),
    parameters: [...keyParameters(target), ...appendHeaders(target)],
    requestBody: { required: true, content: isLog ? recordContent(called) : { '*/*': {} } },
    responses: {
      200: {
        description: 'All of it is in.',
        headers: { ETag: header('The next position, if all went into one object and every place is known.') },
        content: {
          'application/json': { schema: ref(isLog ? 'RecordReceipts' : 'Receipts') },
        },
      },
      ...problemResponses('append', called),
    },
  };
}

export function readOperations(called: Called): Record<'get' | 'head', Json> {
  const { target } = called;
  const readers = called.schemes.filter((scheme) => scheme !== 'webhook' && scheme !== 'github');
  const common = { tags: [target.name], ...security({ ...called, schemes: readers }) };
  const isLog = target.format === 'log';
  const parameters = [
    ...keyParameters(target).map((one) => (one['in'] === 'query' ? { ...one, required: false } : one)),
    ...placeParameters(target),
  ];
  const known = parameter('If-None-Match', 'header', 'ETag of what is known: 304 if that is all.');
  const headers = {
    ETag: ETAG,
    'Cache-Control': header('It may have grown by the next call.'),
    'Accept-Ranges': header('bytes'),
    ...(isLog && { Link: header('rel="next": the records that follow those of this answer.') }),
  };
  const problems = problemResponses('read', called);
  const bytes = {
    [target.contentType]: {},
    ...(isLog && { 'application/json': {}, 'application/octet-stream': {} }),
  };
  const unchanged = { description: 'It is as long as before.', headers };
  return {
    get: {
      operationId: `read_${target.name}`,
      summary: `Reads ${target.key.text}${isLog ? ', or records of it' : ''}`,
      ...common,
      parameters: [
        ...parameters,
        known,
        parameter('Range', 'header', 'One range of bytes: bytes=0-1023.'),
        parameter('If-Range', 'header', 'ETag: without that length, the whole is answered.'),
      ],
      responses: {
        200: { description: 'The object.', headers, content: bytes },
        206: {
          description: 'A part of it; no more than one answer holds.',
          headers: { ...headers, 'Content-Range': header('Which bytes.', true) },
          content: bytes,
        },
        304: unchanged,
        ...problems,
      },
    },
    head: {
      operationId: `length_${target.name}`,
      summary: `The length of ${target.key.text}`,
      ...common,
      parameters: [...parameters, known],
      responses: {
        200: { description: 'It is there.', headers },
        304: unchanged,
        // As of GET, without the document.
        ...Object.fromEntries(
          Object.entries(problems).map(([status, { content: _, ...problem }]) => [status, problem]),
        ),
      },
    },
  };
}

const security = ({ schemes }: Pick<Called, 'schemes'>): Json => ({
  security: schemes.map((scheme) => ({ [scheme]: [] })),
});

function parameter(
  name: string,
  place: 'path' | 'query' | 'header',
  description: string,
  more: { readonly required?: boolean; readonly schema?: Json } = {},
): Json {
  return { name, in: place, description, schema: { type: 'string' }, ...more };
}

/** What makes the key, of an append and when it is read. A reader may name the object instead. */
function keyParameters({ key, fields }: Target): Json[] {
  const required = true;
  return [
    ...(key.usesPath
      ? [
          parameter('path', 'path', 'One segment or more. A slash between them is sent as it is.', {
            required,
          }),
        ]
      : []),
    ...fields.map((name) => parameter(name, 'query', 'Part of the key.', { required })),
  ];
}

function placeParameters({ key, fields, lanes, format }: Target): Json[] {
  const asked = [
    ...(key.parts.some(({ kind }) => kind === 'time')
      ? [parameter('time', 'query', 'Day or time, 2026-11-22 or 2026-11-22T20:30:00Z. Default: now.')]
      : []),
    ...(lanes === null ? [] : [parameter('lane', 'query', 'The lane, as a receipt has it in its key.')]),
    ...(key.usesQueue ? [parameter('queue', 'query', 'The name of the queue.')] : []),
    ...(format === 'log'
      ? [
          parameter('segment', 'query', 'Number of a later segment.', {
            schema: { type: 'integer', minimum: 0 },
          }),
          parameter('record', 'query', 'One record, by the start and record of its receipt.', {
            schema: { type: 'string', pattern: '^\\d+:\\d+$' },
          }),
          parameter('records', 'query', 'The records from there on; 0: all of them.', {
            schema: { type: 'string', pattern: '^\\d+(:\\d+)?$' },
          }),
        ]
      : []),
    parameter('object', 'query', 'The key, as a receipt has it, in the place of all that makes it.'),
  ];
  return asked.filter(({ name }) => !fields.includes(String(name)));
}

function appendHeaders({ format, lanes }: Target): Json[] {
  const position = parameter('If-Match', 'header', 'Append only there: a position in quotes.', {
    schema: { type: 'string', pattern: '^"\\d+"$' },
  });
  if (format === 'raw') return [position];
  const number: Json = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
  return [
    position,
    parameter('Idempotency-Key', 'header', `Names the record: ${NAME_CHARS}.`, {
      schema: { type: 'string', minLength: 1, maxLength: NAME_CHARS_MAX },
    }),
    ...(lanes?.by === 'instance'
      ? []
      : [
          parameter('Producer-Id', 'header', 'A producer that numbers its records; all three or none.'),
          parameter('Producer-Epoch', 'header', 'Higher than that of whom it replaces.', { schema: number }),
          parameter('Producer-Seq', 'header', 'Number of the first record.', { schema: number }),
        ]),
    ...['specversion', 'id', 'source', 'type', 'time'].map((name) =>
      parameter(`ce-${name}`, 'header', 'Of a CloudEvent in binary mode.'),
    ),
  ];
}

/** By content type, in the order that a refusal lists them. */
function recordContent({ target, schema }: Called): Record<string, Json> {
  const record = schema === null ? {} : ref(schema);
  const event = target.cloudEvents === 'data' ? cloudEvent(record) : { allOf: [cloudEvent({}), record] };
  const content: Readonly<Record<string, Json>> = {
    'application/json': { schema: record },
    'application/x-ndjson': {
      schema: { type: 'string', description: 'A record a line, each as for application/json.' },
    },
    'text/*': { schema: { type: 'string' } },
    'application/octet-stream': {},
    'application/cloudevents+json': { schema: event },
    'application/cloudevents-batch+json': { schema: { type: 'array', minItems: 1, items: event } },
  };
  // What is of bytes fits no schema.
  const types = ACCEPTED.split(', ').filter((type) => schema === null || type !== 'application/octet-stream');
  return Object.fromEntries(types.map((type) => [type, content[type] ?? {}]));
}
