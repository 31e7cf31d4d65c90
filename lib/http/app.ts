/**
 * The HTTP interface: one `Request → Response` app, the same behind the handler shim and as a web function.
 *
 *     POST      /append/{target}[/{path}]   appends the body, answers with receipts
 *     GET, HEAD /append/{target}[/{path}]   answers with the object's bytes (`read/`)
 *     GET, HEAD /health                     says that it runs
 *
 * Every error is a problem document (`problem.ts`). Each request leaves one line in the log, without its query and body,
 * and with the name of the credential that it was let in with.
 */
import { type Context, Hono } from 'hono';
import { IdempotencyMismatch } from '../append/errors.ts';
import type { Receipt, RecordReceipt } from '../append/types.ts';
import type { Config, Target } from '../config.ts';
import { IntakeError, quote } from '../intake/errors.ts';
import { failureOf, reportOf } from '../intake/failure.ts';
import type { Intake } from '../intake/intake.ts';
import type { Payload } from '../intake/payload.ts';
import type { Runtime } from '../runtime.ts';
import type { Access } from './access/access.ts';
import { forbidden } from './access/refusal.ts';
import { readBody } from './body.ts';
import { ifPositionOf } from './conditions.ts';
import { corsFor } from './cors.ts';
import { assertSameRecords } from './idempotency.ts';
import { payloadsOf } from './payloads.ts';
import { etagOf, problemResponse } from './problem.ts';
import { fieldsOf } from './query.ts';
import type { ObjectReader } from './read/answer.ts';
import { withoutTombstones } from './read/gone.ts';
import { readPlace } from './read/place.ts';
import { readTarget } from './read/read.ts';
import { APPEND, appendPath, pathOf } from './route.ts';

export interface HttpAppOptions<Bindings extends object> {
  readonly config: Config;
  readonly intake: Intake;
  readonly access: Access;
  /** For reading back what was appended. */
  readonly store: ObjectReader;
  readonly runtime: Pick<Runtime, 'now' | 'monotonic' | 'log'>;
  readonly platform: Platform<Bindings>;
}

/** What is to be had of a platform's own view of a request, which it passes to the app as `Bindings`. */
export interface Platform<Bindings> {
  /** The path as it was sent, with or without scheme, host and query; undefined if the platform did not keep it. */
  readonly rawPath: (bindings: Bindings) => string | undefined;
  readonly call: (bindings: Bindings) => HttpCall;
}

export interface HttpCall {
  readonly requestId: string | null;
  /** What is left of the call's time, milliseconds. */
  readonly remainingMs: () => number;
  /** Asked before the store is; throws `IntakeError` if the call lacks what that takes. */
  readonly authorize: () => void;
  /** Tells a caller who waits for it (`Expect: 100-continue`) to send the body. */
  readonly acceptBody: () => void;
}

interface Variables {
  call: HttpCall;
  /** Name of the target, once it is known to be one. */
  target: string;
  /** Name of the credential that the call was let in with, if it takes one. */
  credential: string;
  /** What went wrong, if anything did. */
  code: string;
}

type Environment<Bindings extends object> = { Bindings: Bindings; Variables: Variables };

/** For callers that are no platform, such as tests: nothing is known of the call. */
export const NO_PLATFORM: Platform<object> = {
  rawPath: () => undefined,
  call: () => ({ requestId: null, remainingMs: () => CALL_MS, authorize: () => {}, acceptBody: () => {} }),
};

/** Where a platform does not say how much time there is. */
export const CALL_MS = 30_000;

export function createHttpApp<Bindings extends object>(
  options: HttpAppOptions<Bindings>,
): Hono<Environment<Bindings>> {
  const { config, intake, access, store, runtime, platform } = options;
  const app: Hono<Environment<Bindings>> = new Hono({
    getPath: (request, { env } = {}) => pathOf((env && platform.rawPath(env)) ?? request.url),
  });

  app.use(async (c, next) => {
    const startMs = runtime.monotonic();
    c.set('call', platform.call(c.env));
    await next();
    const { status } = c.res;
    runtime.log.info('request', {
      method: c.req.method,
      route: routeOf(c.req.path),
      target: c.get('target'),
      credential: c.get('credential'),
      status,
      ms: Math.round(runtime.monotonic() - startMs),
      requestId: c.get('call').requestId,
      code: c.get('code'),
    });
  });

  if (config.cors) app.use(corsFor(config.cors));

  app.post(`${APPEND}*`, async (c) => {
    const { call, target, path, headers, body, caller } = await admit(c);
    const ifPosition = ifPositionOf(headers);
    const fields = fieldsOf(new URL(c.req.url).searchParams, target);
    const readPayloads = payloadsOf(target, headers, caller.delivery);
    const payloads = readPayloads(await body());
    const outcomes = await intake.take(
      target,
      payloads.map((payload): Payload => ({ ...payload, path, fields })),
      { remainingMs: call.remainingMs, ifPosition, allow: caller.allow, invalid: 'fails-call' },
    );
    const receipts = outcomes.map((outcome) => ('receipt' in outcome ? outcome.receipt : null));
    const failed = outcomes.find((outcome) => 'error' in outcome);
    if (failed) return fail(c, failed.error, known(receipts, payloads, failed.error));
    const named = headers.has('idempotency-key') ? receipts.filter(isOfLog) : [];
    try {
      await assertSameRecords(store, named, payloads, call.remainingMs);
    } catch (error) {
      return fail(c, error, receipts);
    }
    return c.json({ receipts }, 200, positionHeader(receipts));
  });

  // Hono takes HEAD for a GET, and leaves the body out.
  app.get(`${APPEND}*`, async (c) => {
    const { call, target, path, headers, caller } = await admit(c);
    if (caller.delivery !== null) {
      throw forbidden('A signature is good for what it signs, and that is nothing here. Read with a token.');
    }
    if (!target.readable) {
      throw forbidden(
        'The target is not for reading. Set readable: true on it in append.config.ts, if whoever may write to it may read it.',
      );
    }
    const place = readPlace(target, path, new URL(c.req.url).searchParams, runtime.now());
    caller.allow(place.key);
    const isHead = c.req.method === 'HEAD';
    const objects = target.format === 'log' ? withoutTombstones(store) : store;
    return readTarget(objects, target, place, { headers, isHead, remainingMs: call.remainingMs });
  });

  app.get('/', (c) =>
    c.json({
      service: 'oss-append',
      append: `POST ${APPEND}{target}[/{path}]`,
      read: `GET ${APPEND}{target}[/{path}]`,
    }),
  );
  app.get('/health', (c) => c.json({ status: 'ok' }));

  app.all(`${APPEND}*`, (c) => notAllowed(c, 'GET, HEAD, POST'));
  app.all('/', (c) => notAllowed(c, 'GET, HEAD'));
  app.all('/health', (c) => notAllowed(c, 'GET, HEAD'));
  app.notFound((c) =>
    fail(
      c,
      new IntakeError('NotFound', `There is nothing here. To append, POST to ${APPEND}{target}[/{path}].`),
    ),
  );
  app.onError((error, c) => fail(c, error));

  /** What every call for a target begins with. */
  async function admit(c: Context<Environment<Bindings>>) {
    const call = c.get('call');
    const { target: name, path } = appendPath(c.req.path);
    const target = targetOf(config, name);
    c.set('target', name);
    const { headers } = c.req.raw;
    const body = bodyOf(c.req.raw, call.acceptBody);
    const caller = await access.identify(target, { headers, body, remainingMs: call.remainingMs });
    if (caller.credential !== null) c.set('credential', caller.credential);
    call.authorize();
    return { call, target, path, headers, body, caller };
  }

  function fail(
    c: Context<Environment<Bindings>>,
    error: unknown,
    receipts?: readonly (Receipt | RecordReceipt | null)[],
  ): Response {
    const { requestId = null } = c.get('call') ?? {};
    const { code, httpStatus } = failureOf(error);
    c.set('code', code);
    if (httpStatus >= 500)
      runtime.log.error(c.req.method === 'POST' ? 'append-failed' : 'read-failed', {
        requestId,
        ...reportOf(error),
      });
    return problemResponse(error, { requestId, receipts });
  }

  function notAllowed(c: Context<Environment<Bindings>>, allow: string): Response {
    const response = fail(c, new IntakeError('MethodNotAllowed', `Here is only ${allow}.`));
    response.headers.set('allow', allow);
    return response;
  }

  return app;
}

function targetOf(config: Config, name: string): Target {
  const target = config.targets.get(name);
  if (target) return target;
  throw new IntakeError(
    'UnknownTarget',
    `There is no target ${quote(name)}. Name one of those that append.config.ts defines.`,
  );
}

/** Reads the body when it is first asked for, once. Whoever asks first says how long it may be. */
function bodyOf(request: Request, accept: () => void): (bytesMax?: number) => Promise<Uint8Array> {
  let body: Promise<Uint8Array> | null = null;
  return (bytesMax) => {
    body ??= readBody(request, accept, bytesMax);
    return body;
  };
}

function isOfLog(receipt: Receipt | RecordReceipt | null): receipt is RecordReceipt {
  return receipt !== null && 'repeat' in receipt;
}

/** What is known of a call that failed, with what the error knows of its records; undefined if that is nothing. */
function known(
  receipts: readonly (Receipt | RecordReceipt | null)[],
  payloads: readonly Payload[],
  error: unknown,
): readonly (Receipt | RecordReceipt | null)[] | undefined {
  const told = error instanceof IdempotencyMismatch ? error.receipts : [];
  const byId = new Map(told.map((receipt) => [receipt.id, receipt]));
  const all = receipts.map((receipt, index) => receipt ?? byId.get(payloads[index]?.id ?? '') ?? null);
  if (all.some((receipt) => receipt)) return all;
  return told.length > 0 ? told : undefined;
}

/** Where the next append goes, if there is one object to go on with. */
function positionHeader(receipts: readonly (Receipt | RecordReceipt | null)[]): Record<string, string> {
  const [first] = receipts;
  let position = 0;
  for (const receipt of receipts) {
    // Of a record that is known by its number alone, nobody can tell where it is.
    if (receipt?.object !== first?.object || !receipt?.end) return {};
    position = Math.max(position, receipt.end);
  }
  return { etag: etagOf(position) };
}

/** For the log: no part of a path that a caller made up. */
function routeOf(path: string): string {
  if (path.startsWith(APPEND)) return `${APPEND}:target`;
  return path === '/' || path === '/health' ? path : '*';
}
