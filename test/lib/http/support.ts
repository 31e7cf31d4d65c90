/** The HTTP app over a store in memory, called with requests. */

import { createAppender } from '../../../lib/appender.ts';
import type { ConfigInput } from '../../../lib/config.ts';
import { type Access, createAccess } from '../../../lib/http/access/access.ts';
import { createHttpApp, NO_PLATFORM } from '../../../lib/http/app.ts';
import type { Intake } from '../../../lib/intake/intake.ts';
import { type Bench, bench } from '../intake/support.ts';

export const CONFIG = {
  targets: {
    notes: { format: 'raw', key: 'notes/{path}', contentType: 'text/plain', readable: true },
    events: { format: 'log', key: 'events/{time:yyyy-MM-dd-HH}', readable: true },
    whole: { format: 'log', key: 'whole/x', cloudEvents: 'event', readable: true },
    tenants: { format: 'log', key: 'tenants/{field.tenant}', readable: true },
    own: { format: 'log', key: 'own/{lane}', lanes: { by: 'instance' }, readable: true },
    laned: { format: 'log', key: 'laned/{lane}', lanes: { by: 'field.tenant', count: 16 }, readable: true },
    spread: { format: 'log', key: 'spread/{lane}', lanes: { by: 'id', count: 4 }, readable: true },
    fielded: { format: 'log', key: 'fielded/{field.segment}/x', readable: true },
    objects: { format: 'log', key: 'objects/{field.object}/{field.records}', readable: true },
    hidden: { format: 'raw', key: 'hidden/{path}' },
    short: { format: 'log', key: 'short/x', segmentBytesMax: 1024, readable: true },
    queued: { format: 'log', key: 'queued/{queue}', readable: true },
  },
} as const;

export const EVENTS = 'events/2026-11-22-20';
export const JSON_TYPE = { 'content-type': 'application/json' };
export const NDJSON_TYPE = { 'content-type': 'application/x-ndjson' };

type Post = (
  path: string,
  body: string | Uint8Array<ArrayBuffer> | null,
  headers?: Record<string, string>,
) => Promise<Response>;

export interface HttpBench extends Bench {
  readonly access: Access;
  send(method: string, path: string, init?: RequestInit): Promise<Response>;
  readonly post: Post;
  /** The same to another instance, which knows nothing of what was appended so far. */
  cold(): Post;
}

/** Anyone may write. */
export function withAccess(it: Bench): Bench & { readonly access: Access } {
  const options = { config: it.config, runtime: it.runtime, secrets: new Map(), fetch };
  return Object.assign(it, { access: createAccess({ ...options, fallback: 'open' }) });
}

export function httpBench(more: Pick<ConfigInput<string>, 'cors'> = {}): HttpBench {
  const it = withAccess(bench({ ...CONFIG, ...more }));
  const sendTo = (intake: Intake): HttpBench['send'] => {
    const app = createHttpApp({ ...it, intake, platform: NO_PLATFORM });
    return async (method, path, init) =>
      app.fetch(new Request(`http://append.example${path}`, { method, ...init }));
  };
  const postTo =
    (intake: Intake): Post =>
    (path, body, headers = {}) =>
      sendTo(intake)('POST', path, { body, headers });
  const { store, runtime } = it;
  return Object.assign(it, {
    send: sendTo(it.intake),
    post: postTo(it.intake),
    cold: () => postTo(it.intakeOver(createAppender({ store, runtime, writer: 'cold' }))),
  });
}

/** What a problem document says; fails if the answer is none. */
export async function problem(response: Response): Promise<Record<string, unknown>> {
  if (response.headers.get('content-type') !== 'application/problem+json')
    throw new Error('no problem document');
  const document: Record<string, unknown> = JSON.parse(await response.text());
  if (document['status'] !== response.status) throw new Error('the document has another status');
  return document;
}

/** The receipts of a success. */
export async function receipts(response: Response): Promise<Record<string, unknown>[]> {
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${response.status}: ${text}`);
  return JSON.parse(text).receipts;
}
