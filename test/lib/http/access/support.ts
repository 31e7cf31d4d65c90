/** The HTTP app with targets that ask for credentials, over a store in memory, and callers that have some. */
import { createHash, createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { AccessInput, Policy } from '../../../../lib/config/access-input.ts';
import { secretsFrom } from '../../../../lib/config/secrets.ts';
import { createAccess } from '../../../../lib/http/access/access.ts';
import { createHttpApp, NO_PLATFORM } from '../../../../lib/http/app.ts';
import { type Bench, bench, NOW_MS } from '../../intake/support.ts';

export const TOKEN = 'token-A7q0~.x/+-_w==';
export const OTHER_TOKEN = 'token-B9';
export const WEBHOOK_SECRET = `whsec_${Buffer.from('a webhook secret of 32 bytes, ok').toString('base64')}`;
export const OTHER_WEBHOOK_SECRET = `whsec_${Buffer.alloc(24, 'other').toString('base64')}`;
export const GITHUB_SECRET = 'It is a Secret to Everybody';
const VARIABLES = { HOOK: WEBHOOK_SECRET, OTHER_HOOK: OTHER_WEBHOOK_SECRET, GIT: GITHUB_SECRET };
/** What may be in no answer and in no line of the log. */
const SECRETS = [TOKEN, OTHER_TOKEN, GITHUB_SECRET, WEBHOOK_SECRET.slice(6), OTHER_WEBHOOK_SECRET.slice(6)];

export const sha256 = (token: string) => createHash('sha256').update(token).digest('hex');
export const BEARER = { scheme: 'bearer', name: 'ci', sha256: sha256(TOKEN) } as const;
export const WEBHOOK = { scheme: 'webhook', name: 'shop', secretVariable: 'HOOK' } as const;
export const GITHUB = { scheme: 'github', name: 'git', secretVariable: 'GIT' } as const;
export const EVENTS = 'events/2026-11-22-20';

export type Target = 'notes' | 'events' | 'tenants' | 'sealed';

export interface AccessBench extends Bench {
  /** Of JSON, unless `headers` say otherwise. */
  post(
    path: string,
    body: string | Uint8Array<ArrayBuffer>,
    headers?: Headers | Record<string, string>,
  ): Promise<Response>;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
}

export interface AccessBenchOptions {
  readonly fallback?: Policy;
  readonly fetch?: typeof fetch;
}

/** `access` is that of all targets but `sealed`, which nobody may write. */
export function accessBench(
  access: AccessInput<Target> | undefined,
  { fallback = 'deny', fetch = noFetch }: AccessBenchOptions = {},
): AccessBench {
  const it = bench<Target>({
    targets: {
      notes: { format: 'raw', key: 'notes/{path}', readable: true },
      events: { format: 'log', key: 'events/{time:yyyy-MM-dd-HH}', readable: true },
      tenants: { format: 'log', key: 'tenants/{field.tenant}', readable: true },
      sealed: { format: 'log', key: 'sealed/x', access: 'deny' },
    },
    ...(access && { access }),
  });
  const { config, runtime } = it;
  const secrets = secretsFrom(config.targets.values(), VARIABLES);
  const app = createHttpApp({
    ...it,
    access: createAccess({ config, runtime, fallback, secrets, fetch }),
    platform: { ...NO_PLATFORM, rawPath: ({ path }: { path: string }) => path },
  });
  return Object.assign(it, {
    async post(
      path: string,
      body: string | Uint8Array<ArrayBuffer>,
      headers: Headers | Record<string, string> = {},
    ) {
      const sent = new Headers(headers);
      // A body of text would bring a type of its own.
      if (!sent.has('content-type')) sent.set('content-type', 'application/json');
      return send(path, { method: 'POST', body, headers: sent });
    },
    get: (path: string, headers: Record<string, string> = {}) =>
      send(path, { method: 'GET', headers: new Headers(headers) }),
  });

  async function send(path: string, init: RequestInit & { readonly headers: Headers }): Promise<Response> {
    const request = new Request(`http://append.example${path}`, init);
    const response = await app.fetch(request, { path: path.replace(/\?.*/s, '') });
    const told = [...response.headers, await response.clone().text(), it.logged];
    assertNothingSecret(JSON.stringify(told), init.headers);
    return response;
  }
}

/** Neither what secrets are made of, nor what was made of them for this call. */
function assertNothingSecret(told: string, sent: Headers): void {
  const shown = ['authorization', 'webhook-signature', 'x-hub-signature-256'].map((name) => sent.get(name));
  const parts = shown.flatMap((value) => value?.split(/[ ,=]+/) ?? []).filter((part) => part.length > 8);
  for (const secret of [...SECRETS, ...parts])
    if (told.includes(secret)) throw new Error(`a secret was told: ${told}`);
}

const noFetch: typeof fetch = () => Promise.reject(new Error('nothing is to be fetched here'));

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Headers of a delivery that the package of Standard Webhooks signs, as senders do. */
export function signedWebhook(
  body: string,
  { id = 'msg_1', atMs = NOW_MS, secret = WEBHOOK_SECRET } = {},
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(atMs / 1000)),
    'webhook-signature': new Webhook(secret).sign(id, new Date(atMs), body),
  };
}

export function signedGithub(body: string | Uint8Array, { id = 'd-1', secret = GITHUB_SECRET } = {}) {
  const signature = createHmac('sha256', secret).update(body).digest('hex');
  return { 'x-hub-signature-256': `sha256=${signature}`, 'x-github-delivery': id };
}

/** What a refusal says: its status, the end of its type, and the challenge. Throws if it is no problem document. */
export async function refusal(response: Response) {
  const { type, status, detail, fate } = JSON.parse(await response.text());
  if (status !== response.status || fate !== 'not-in' || !detail)
    throw new Error(`${response.status}: ${type}`);
  return [status, type.replace('urn:oss-append:problem:', ''), response.headers.get('www-authenticate')];
}

export const REFUSED = {
  token: [401, 'unauthenticated', 'Bearer realm="oss-append", error="invalid_token"'],
  noToken: [401, 'unauthenticated', 'Bearer realm="oss-append"'],
  scope: [403, 'forbidden', 'Bearer realm="oss-append", error="insufficient_scope"'],
  forbidden: [403, 'forbidden', null],
  webhook: [401, 'invalid-signature', 'StandardWebhooks realm="oss-append"'],
  github: [401, 'invalid-signature', 'X-Hub-Signature-256 realm="oss-append"'],
  keys: [503, 'access-unavailable', null],
};
