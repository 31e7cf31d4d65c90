/**
 * The control endpoint: faults, delay, health and counts of a running server, under `/-/`.
 *
 *     GET  /-/health              {"status":"ok"}
 *     GET  /-/stats               counts by operation and status
 *     GET  /-/faults              the rules, with how often each matched and struck
 *     PUT  /-/faults  [rule, …]   replaces all rules
 *     POST /-/faults  rule        adds a rule
 *     DELETE /-/faults            removes all rules
 *     GET, PUT /-/rtt             {"rttMs":20,"rttSigma":0.3}
 *
 * It answers this machine only, and only where the Host header names this machine, so that no web page can reach it
 * through a name of its own. `-` cannot be a bucket's name, and signed requests are always OSS calls, so no object
 * is hidden by it.
 */
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { Answer } from './answer.ts';
import { isSigned } from './auth/authenticate.ts';
import { receiveBody } from './body.ts';
import { type Faults, faultRuleSchema } from './faults.ts';
import type { Network } from './network.ts';
import type { OssRequest } from './request.ts';
import type { Stats } from './stats.ts';

const PREFIX = '/-/';
const BODY_BYTES_MAX = 1024 * 1024;
const BODY_IDLE_MS_MAX = 10_000;

export const networkSchema = z.strictObject({
  rttMs: z.number().min(0).max(600_000).optional(),
  rttSigma: z.number().min(0).max(10).optional(),
});

export interface Controlled {
  readonly faults: Faults;
  readonly network: Network;
  stats(): Stats;
}

export function isControl(request: OssRequest, remoteAddress: string | undefined): boolean {
  return (
    request.path.startsWith(PREFIX) &&
    !isSigned(request) &&
    /^(localhost|127(\.\d+){3}|\[::1\])$/.test(request.host) &&
    /^(127\.|::1$|::ffff:127\.)/.test(remoteAddress ?? '')
  );
}

export async function control(
  request: OssRequest,
  message: IncomingMessage,
  { faults, network, stats }: Controlled,
): Promise<Answer> {
  const body = async (): Promise<unknown> => {
    // A JSON type makes browsers ask first, and this server does not answer such questions.
    if (request.headers.get('content-type')?.startsWith('application/json') !== true) return undefined;
    const means = { idleMsMax: BODY_IDLE_MS_MAX, filePath: noFile };
    const { bytes } = await receiveBody(message, { bytesMax: BODY_BYTES_MAX }, means);
    return JSON.parse(Buffer.concat(bytes).toString('utf8'));
  };
  try {
    switch (`${request.method} ${request.path}`) {
      case 'GET /-/health':
        return json(200, { status: 'ok' });
      case 'GET /-/stats':
        return json(200, stats());
      case 'GET /-/faults':
        return json(200, faults.list());
      case 'PUT /-/faults': {
        const rules = z.array(faultRuleSchema).parse(await body());
        faults.clear();
        for (const rule of rules) faults.add(rule);
        return json(200, faults.list());
      }
      case 'POST /-/faults':
        faults.add(faultRuleSchema.parse(await body()));
        return json(200, faults.list());
      case 'DELETE /-/faults':
        faults.clear();
        return json(200, []);
      case 'GET /-/rtt':
        return json(200, network);
      case 'PUT /-/rtt': {
        const change = networkSchema.parse(await body());
        network.rttMs = change.rttMs ?? network.rttMs;
        network.rttSigma = change.rttSigma ?? network.rttSigma;
        return json(200, network);
      }
      default:
        return json(404, { error: `There is no ${request.method} ${request.path}.` });
    }
  } catch (error) {
    if (error instanceof z.ZodError) {
      return json(400, { error: `Send application/json. ${z.prettifyError(error)}` });
    }
    if (error instanceof SyntaxError) return json(400, { error: 'The body is not JSON.' });
    throw error;
  }
}

function json(status: number, value: unknown): Answer {
  return {
    status,
    headers: { 'Content-Type': 'application/json' },
    body: Buffer.from(`${JSON.stringify(value)}\n`),
  };
}

/** Bodies here are smaller than what is kept in memory. */
function noFile(): string {
  throw new Error('A control body is never kept in a file.');
}
