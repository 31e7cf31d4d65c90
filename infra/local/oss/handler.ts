/**
 * One request's way through the server: address and signature, route, body, the way there, the act, the way back.
 *
 * The act itself is the operation's; this file decides what is delayed, lost or broken around it, and turns every
 * error into an answer.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Answer, errorAnswer } from './answer.ts';
import { authenticate, type Credential } from './auth/authenticate.ts';
import { type Body, BodyBrokenOffError, discardBody, receiveBody } from './body.ts';
import { control, isControl } from './control.ts';
import type { Store } from './disk/store.ts';
import { OssError } from './errors.ts';
import type { FaultPlan, Strike } from './faults.ts';
import { delay, type Network, roundTripMs } from './network.ts';
import type { Settings } from './operations/call.ts';
import { type Address, type OssRequest, parseRequest } from './request.ts';
import { type OperationName, routeOf } from './routes.ts';
import type { Counter, RequestEntry } from './stats.ts';
import { releaseAnswer, sendAnswer, sendTruncated } from './wire.ts';

export interface World {
  readonly store: Store;
  readonly settings: Settings;
  readonly credentials: () => readonly Credential[];
  readonly defaultBucket: string | undefined;
  readonly faults: FaultPlan;
  readonly network: Network;
  readonly random: () => number;
  readonly now: () => number;
  readonly counter: Counter;
  readonly closing: () => boolean;
  readonly onRequest: (entry: RequestEntry) => void;
  readonly onInternalError: (error: unknown) => void;
}

/** What became known of a request on its way. */
interface Progress {
  operation: OperationName;
  address: Address;
  strike: Strike;
  bytesIn: number;
}

const NO_BODY: Body = { length: 0, crc64: 0n, md5: Buffer.alloc(0), bytes: [], file: null };
const NO_STRIKE: Strike = { fault: null, slowMs: 0, askedDelayMs: 0 };

/** Never rejects. */
export async function handle(
  world: World,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const startedMs = performance.now();
  const id = randomBytes(12).toString('hex').toUpperCase();
  const progress: Progress = {
    operation: 'unknown',
    address: { bucket: null, key: null },
    strike: NO_STRIKE,
    bytesIn: 0,
  };
  response.setHeader('x-oss-request-id', id);
  response.setHeader('Server', 'AliyunOSS');
  response.setHeader('Date', new Date(world.now()).toUTCString());

  let sent: { status: number | null; code: string | null; bytesOut: number };
  try {
    const request = parseRequest(message, id, world.now());
    if (isControl(request, message.socket.remoteAddress)) {
      const faultsAndRest = { ...world, stats: () => world.counter.stats() };
      await sendAnswer(response, await control(request, message, faultsAndRest), false);
      return;
    }
    const answer = await answerTo(world, request, message, progress);
    response.setHeader('x-oss-server-time', Math.round(performance.now() - startedMs));
    if (world.closing()) response.setHeader('Connection', 'close');
    sent = await send(response, answer, progress.strike, request.method === 'HEAD');
  } catch (error) {
    sent = await giveUp(world, response, error, {
      id,
      host: message.headers.host ?? '',
      method: message.method ?? '',
    });
  }
  const entry: RequestEntry = {
    at: new Date(world.now()).toISOString(),
    requestId: id,
    method: message.method ?? '',
    operation: progress.operation,
    ...progress.address,
    ...sent,
    fault: progress.strike.fault ?? (progress.strike.slowMs > 0 ? 'slow' : null),
    bytesIn: progress.bytesIn,
    durationMs: Math.round(performance.now() - startedMs),
  };
  world.counter.count(entry);
  world.onRequest(entry);
}

/** The answer that is to be sent, or null if the connection is to end without one. */
async function answerTo(
  world: World,
  request: OssRequest,
  message: IncomingMessage,
  progress: Progress,
): Promise<Answer | null> {
  const oneWayMs = roundTripMs(world.network, world.random) / 2;
  const orError = (error: unknown): Answer => {
    if (error instanceof OssError) return errorAnswer(error, request);
    throw error;
  };
  const act = await prepare(world, request, message, progress).catch((error) => async () => orError(error));
  await delay(oneWayMs);
  if (isLost(progress.strike)) return null;
  const answer = await act().catch(orError);
  await delay(oneWayMs + progress.strike.slowMs);
  return afterActing(progress.strike, answer, request);
}

/** Everything before the store is touched. The result acts. Throws what the client is to be told instead. */
async function prepare(
  world: World,
  request: OssRequest,
  message: IncomingMessage,
  progress: Progress,
): Promise<() => Promise<Answer>> {
  const { store, settings } = world;
  const address = authenticate(request, world.credentials(), world.defaultBucket);
  progress.address = address;
  const route = routeOf(request, address);
  progress.operation = route.name;
  progress.strike = world.faults.strike({
    method: request.method,
    operation: route.name,
    key: address.key,
  });
  refuse(progress.strike);
  const body =
    route.body === undefined || isLost(progress.strike)
      ? NO_BODY
      : await receiveBody(message, route.body(settings), {
          idleMsMax: settings.bodyIdleMsMax,
          filePath: () => store.incomingPath(),
        });
  progress.bytesIn = body.length;
  return async () => {
    try {
      return await route.run({ request, address, store, settings, body, nowMs: world.now() });
    } finally {
      discardBody(body);
    }
  };
}

function isLost({ fault }: Strike): boolean {
  return fault === 'request-lost' || fault === 'reset';
}

/** Throws the error of a fault that answers before the store acts. */
function refuse({ fault, askedDelayMs }: Strike): void {
  if (fault === 'error-500') throw new OssError('InternalError');
  if (fault !== 'throttle') return;
  throw new OssError('TotalQpsLimitExceeded', {
    headers: { 'x-oss-qos-delay-time': String(askedDelayMs) },
  });
}

function afterActing({ fault }: Strike, answer: Answer, request: OssRequest): Answer | null {
  if (fault === 'no-position') {
    const { 'x-oss-next-append-position': _, ...headers } = answer.headers;
    return { ...answer, headers };
  }
  if (fault !== 'answer-lost' && fault !== 'error-500-after') return answer;
  releaseAnswer(answer);
  return fault === 'answer-lost' ? null : errorAnswer(new OssError('InternalError'), request);
}

async function send(
  response: ServerResponse,
  answer: Answer | null,
  { fault }: Strike,
  head: boolean,
): Promise<{ status: number | null; code: string | null; bytesOut: number }> {
  if (answer === null) {
    if (fault === 'reset') response.socket?.resetAndDestroy();
    else response.socket?.destroy();
    return { status: null, code: null, bytesOut: 0 };
  }
  const { status, code = null } = answer;
  if (fault === 'truncated') {
    await sendTruncated(response, answer);
    return { status: null, code, bytesOut: 0 };
  }
  return { status, code, bytesOut: await sendAnswer(response, answer, head) };
}

/** The end of a request that failed for a reason OSS has no code for, or before it was understood. */
async function giveUp(
  world: World,
  response: ServerResponse,
  error: unknown,
  request: { id: string; host: string; method: string },
): Promise<{ status: number | null; code: string | null; bytesOut: number }> {
  if (error instanceof BodyBrokenOffError || response.headersSent) {
    response.destroy();
    return { status: null, code: null, bytesOut: 0 };
  }
  // A request that outlived its connection finds the store closed: not worth a word.
  if (!(error instanceof OssError) && !world.closing()) world.onInternalError(error);
  const answer = errorAnswer(error instanceof OssError ? error : new OssError('InternalError'), request);
  return send(response, answer, NO_STRIKE, request.method === 'HEAD');
}
