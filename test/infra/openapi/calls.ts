/** Targets of every kind, and calls that the app answers in every way that it has. */
import type { ConfigInput } from '../../../lib/config.ts';
import { BEARER, bearer, GITHUB, TOKEN, WEBHOOK } from '../../lib/http/access/support.ts';
import { JSON_TYPE } from '../../lib/http/support.ts';

const SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  properties: { items: { items: { $ref: '#/$defs/item' } } },
  $defs: { item: { required: ['sku'] } },
} as const;
const DRAFT_07 = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  definitions: { n: { type: 'number' } },
  properties: { n: { $ref: '#/definitions/n' } },
} as const;
const JWT = {
  scheme: 'jwt',
  name: 'fleet',
  issuer: 'https://id.example',
  audience: 'a',
  jwks: 'https://id.example/jwks.json',
  grants: [{}],
} as const;

export const CONFIG = {
  targets: {
    notes: { format: 'raw', key: 'notes/{path}', contentType: 'text/plain', readable: true, access: 'open' },
    events: { format: 'log', key: 'events/{time:yyyy-MM-dd}', readable: true, access: 'open' },
    orders: { format: 'log', key: 'orders/{field.tenant}/x', schema: SCHEMA, access: 'open', readable: true },
    whole: { format: 'log', key: 'whole/x', schema: DRAFT_07, cloudEvents: 'event' },
    laned: { format: 'log', key: 'laned/{lane}', lanes: { by: 'instance' }, readable: true, access: 'open' },
    queued: { format: 'log', key: 'queued/{queue}', readable: true, access: 'open' },
    unseen: { format: 'log', key: 'unseen/{queue}', access: 'open' },
    guarded: {
      format: 'log',
      key: 'guarded/{time:yyyy}/x',
      readable: true,
      access: [{ ...BEARER, keys: ['guarded/1'] }, JWT, WEBHOOK, GITHUB],
    },
    shut: { format: 'log', key: 'shut/x', access: 'deny' },
  },
  cors: { origins: '*' },
} as const satisfies ConfigInput<string>;

const CLOUD = { 'content-type': 'application/cloudevents+json' };
export const EVENT = '{"specversion":"1.0","id":"e","source":"urn:a","type":"t","data":{"items":[]}}';
const long = 'x'.repeat(5000);
const producer = (epoch: number, seq: number) => ({
  ...JSON_TYPE,
  'producer-id': 'p',
  'producer-epoch': String(epoch),
  'producer-seq': String(seq),
});

/** With the status, or the type of the problem, that each is answered with. */
export const CALLS: readonly (readonly [
  expected: string,
  method: string,
  target: string,
  headers?: Readonly<Record<string, string>>,
  body?: string,
])[] = [
  ['200', 'GET', '/'],
  ['200', 'GET', '/health'],
  ['200', 'POST', '/append/notes/a', {}, 'hello'],
  ['200', 'GET', '/append/notes/a'],
  ['200', 'HEAD', '/append/notes/a'],
  ['206', 'GET', '/append/notes/a', { range: 'bytes=1-2' }],
  ['304', 'GET', '/append/notes/a', { 'if-none-match': '"5"' }],
  ['304', 'HEAD', '/append/notes/a', { 'if-none-match': '"5"' }],
  [
    '204',
    'OPTIONS',
    '/append/notes/a',
    { origin: 'https://a.example', 'access-control-request-method': 'POST' },
  ],
  [
    '204',
    'OPTIONS',
    '/append/events',
    { origin: 'https://a.example', 'access-control-request-method': 'POST' },
  ],
  ['200', 'POST', '/append/events', { 'content-type': 'application/x-ndjson' }, '1\n2\n'],
  ['200', 'POST', '/append/events', producer(1, 0), '1'],
  ['200', 'POST', '/append/events', producer(1, 0), '1'],
  ['200', 'POST', '/append/events', CLOUD, EVENT],
  ['200', 'GET', '/append/events'],
  ['200', 'GET', '/append/events?records=0'],
  ['200', 'GET', '/append/events?record=0:0'],
  ['not-found', 'GET', '/append/events?record=1:0'],
  ['200', 'POST', '/append/laned', JSON_TYPE, '1'],
  ['200', 'GET', '/append/laned?lane=test'],
  ['200', 'POST', '/append/orders?tenant=a', JSON_TYPE, '{"items":[{"sku":"x"}]}'],
  ['200', 'POST', '/append/orders?tenant=a', CLOUD, EVENT],
  ['schema-mismatch', 'POST', '/append/orders?tenant=a', JSON_TYPE, '{"items":[{}]}'],
  [
    'schema-mismatch',
    'POST',
    '/append/orders?tenant=a',
    { 'content-type': 'application/x-ndjson' },
    '{}\n{"items":[{}]}',
  ],
  ['malformed-payload', 'POST', '/append/events', JSON_TYPE, '{'],
  ['empty-payload', 'POST', '/append/notes/a'],
  ['invalid-key', 'POST', '/append/notes/..%2f', {}, 'x'],
  ['invalid-key', 'GET', '/append/queued'],
  ['invalid-key', 'HEAD', '/append/queued'],
  ['invalid-key', 'POST', '/append/queued', JSON_TYPE, '1'],
  ['invalid-condition', 'POST', '/append/notes/a', { 'if-match': 'x' }, 'x'],
  ['invalid-condition', 'GET', '/append/notes/a', { 'if-match': '"1"' }],
  ['invalid-idempotency-key', 'POST', '/append/events', { ...JSON_TYPE, 'idempotency-key': '""' }, '1'],
  ['invalid-producer', 'POST', '/append/events', { ...JSON_TYPE, 'producer-id': 'p' }, '1'],
  // Six characters each in JSON: more than one append takes.
  ['invalid-record', 'POST', '/append/events', { 'content-type': 'text/plain' }, '\u0001'.repeat(9_000_000)],
  ['malformed-request', 'POST', '/append/notes/..\\a', {}, 'x'],
  ['unauthenticated', 'POST', '/append/guarded', JSON_TYPE, '1'],
  ['unauthenticated', 'GET', '/append/guarded'],
  ['unauthenticated', 'HEAD', '/append/guarded'],
  ['unauthenticated', 'POST', '/append/shut', JSON_TYPE, '1'],
  [
    'invalid-signature',
    'POST',
    '/append/guarded',
    { ...JSON_TYPE, 'x-hub-signature-256': `sha256=${'0'.repeat(64)}`, 'x-github-delivery': 'd' },
    '1',
  ],
  ['forbidden', 'POST', '/append/guarded', { ...JSON_TYPE, ...bearer(TOKEN) }, '1'],
  ['forbidden', 'GET', '/append/guarded', bearer(TOKEN)],
  ['forbidden', 'GET', '/append/unseen'],
  [
    'access-unavailable',
    'GET',
    '/append/guarded',
    bearer('eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJhIn0.AAAA'),
  ],
  ['producer-fenced', 'POST', '/append/events', producer(0, 0), '1'],
  ['unknown-target', 'POST', '/append/nothing', JSON_TYPE, '1'],
  ['unknown-target', 'GET', '/append/nothing'],
  ['not-found', 'GET', '/append/notes/none'],
  ['gone', 'GET', '/append/orders?tenant=gone'],
  ['gone', 'HEAD', '/append/orders?tenant=gone'],
  ['not-found', 'HEAD', '/append/notes/none'],
  ['not-found', 'GET', '/nothing'],
  ['method-not-allowed', 'PUT', '/append/notes/a'],
  ['method-not-allowed', 'POST', '/health'],
  ['sequence-gap', 'POST', '/append/events', producer(1, 7), '1'],
  ['position-mismatch', 'POST', '/append/notes/a', { 'if-match': '"1"' }, 'x'],
  ['payload-too-large', 'POST', '/append/notes/a', { 'content-length': '99999999' }],
  ['object-too-large', 'GET', '/append/notes/large'],
  ['uri-too-long', 'POST', `/append/notes/${long}`, {}, 'x'],
  ['uri-too-long', 'GET', `/append/nothing?x=${long}`],
  ['headers-too-large', 'GET', '/append/notes/a', { 'x-a': long, 'x-b': long }],
  ['expectation-failed', 'GET', '/append/notes/a', { expect: 'more' }],
  ['unsupported-media-type', 'POST', '/append/events', {}, 'x'],
  ['range-not-satisfiable', 'GET', '/append/notes/a', { range: 'bytes=99-' }],
  ['200', 'POST', '/append/events', { ...JSON_TYPE, 'idempotency-key': 'k' }, '1'],
  ['idempotency-mismatch', 'POST', '/append/events', { ...JSON_TYPE, 'idempotency-key': 'k' }, '2'],
  ['missing-credentials', 'POST', '/append/notes/a', { 'x-fc-access-key-id': '' }, 'x'],
  ['missing-credentials', 'GET', '/append/notes/a', { 'x-fc-access-key-id': '' }],
  ['append-refused', 'POST', '/append/notes/denied', {}, 'x'],
  ['not-appended', 'POST', '/append/notes/throttled', {}, 'x'],
  ['outcome-unknown', 'POST', '/append/notes/silent', {}, 'x'],
  ['internal-error', 'POST', '/append/notes/broken', {}, 'x'],
  ['internal-error', 'GET', '/append/notes/broken'],
  ['read-failed', 'GET', '/append/notes/denied'],
  ['out-of-time', 'GET', '/append/notes/a', { 'x-fc-function-timeout': '0.1' }],
];
