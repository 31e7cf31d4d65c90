/**
 * What a deployment decides, from environment variables. Only this and `secrets.ts` read `process.env`.
 *
 *     OSS_ENDPOINT          required: oss-cn-hangzhou-internal.aliyuncs.com (https), or a URL
 *     OSS_BUCKET            required
 *     OSS_REGION            cn-hangzhou; by default the region of the function, FC_REGION
 *     APPEND_ACCESS         who may write over HTTP to targets without `access`: open (anyone), trigger (whom Function
 *                           Compute's trigger lets in) or deny (nobody); default deny
 *     APPEND_FC_ENDPOINT    where the API of Function Compute is, a URL, for functions that call themselves; default
 *                           https://<account>.<region>.fc.aliyuncs.com
 *     APPEND_QUEUE          name of the queue, for queue functions whose messages do not say it
 *     APPEND_QUEUE_SHAPE    mns-topic-stream for an MNS topic trigger with format STREAM; default auto
 *     APPEND_QUEUE_BODIES   base64 where the source sends bytes as base64; default text
 *
 * The rest is set by the platform.
 */
import * as z from 'zod/mini';
import type { Policy } from './access-input.ts';
import { ConfigError } from './error.ts';
import { hint, problemsOf } from './mistakes.ts';

export interface Deployment {
  /** A URL. */
  readonly endpoint: string;
  /** `cn-hangzhou` */
  readonly region: string;
  readonly bucket: string;
  /** Of the targets without an `access` of their own. */
  readonly access: Policy;
  /** A URL, null for that of the function's own account and region. */
  readonly fcEndpoint: string | null;
  /** Queue of the messages that do not name theirs. */
  readonly queue: string | undefined;
  /** Shape of the queue trigger's events, and what string bodies are: options of the queue shim. */
  readonly queueShape: 'auto' | 'mns-topic-stream';
  readonly queueBodies: 'text' | 'base64';
  /** Name of this instance, where the platform gives it one. */
  readonly instance: string | undefined;
  /** Where a web function listens; 0 is any free port. */
  readonly port: number;
}

/** The port of web functions, unless told otherwise (FC documentation, "Web functions"). */
const WEB_PORT = '9000';
const PORT_MAX = 65_535;

/** OSS documentation, "Bucket naming conventions". */
const BUCKET = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/;
const REGION = /^(?:oss-)?([a-z]+-[a-z0-9-]+)$/;

const ENDPOINT = 'the endpoint of OSS without the bucket, such as oss-cn-hangzhou-internal.aliyuncs.com';
const FC_ENDPOINT = 'the URL of the API of Function Compute, or nothing';
const PORT = `a port from 0 to ${PORT_MAX}`;

const text = (pattern: RegExp, what: string) => z.string(hint(what)).check(z.regex(pattern, hint(what)));

const environment = z.object({
  OSS_BUCKET: text(BUCKET, 'the name of the bucket to append to'),
  OSS_ENDPOINT: z.string(hint(ENDPOINT)).check(z.refine((value) => originOf(value) !== null, hint(ENDPOINT))),
  OSS_REGION: text(REGION, 'the region of the bucket, such as cn-hangzhou'),
  APPEND_ACCESS: z._default(z.enum(['open', 'trigger', 'deny'], hint('open, trigger or deny')), 'deny'),
  APPEND_FC_ENDPOINT: z.optional(
    z.string().check(z.refine((value) => originOf(value) !== null, hint(FC_ENDPOINT))),
  ),
  APPEND_QUEUE: z.optional(z.string()),
  APPEND_QUEUE_SHAPE: z._default(
    z.enum(['auto', 'mns-topic-stream'], hint('auto or mns-topic-stream')),
    'auto',
  ),
  APPEND_QUEUE_BODIES: z._default(z.enum(['text', 'base64'], hint('text or base64')), 'text'),
  FC_CUSTOM_LISTEN_PORT: text(/^\d{1,5}$/, PORT).check(
    z.refine((port) => Number(port) <= PORT_MAX, hint(PORT)),
  ),
  FC_INSTANCE_ID: z.optional(z.string()),
});

/** Throws `ConfigError` that names every variable that is missing or wrong, and what to put there. */
export function deploymentFrom(
  variables: Readonly<Record<string, string | undefined>> = process.env,
): Deployment {
  // A variable that is set to nothing is not set.
  const set = Object.fromEntries(Object.entries(variables).filter(([, value]) => value));
  const { data: env, error } = z.safeParse(environment, {
    ...set,
    OSS_REGION: set['OSS_REGION'] ?? set['FC_REGION'],
    FC_CUSTOM_LISTEN_PORT: set['FC_CUSTOM_LISTEN_PORT'] ?? set['FC_SERVER_PORT'] ?? WEB_PORT,
  });
  if (error) throw wrong(problemsOf(error, []));
  const endpoint = originOf(env.OSS_ENDPOINT) ?? '';
  // The client puts the bucket there itself.
  if (new URL(endpoint).hostname.startsWith(`${env.OSS_BUCKET}.`)) {
    throw wrong([`OSS_ENDPOINT: write ${ENDPOINT}`]);
  }
  return {
    endpoint,
    region: env.OSS_REGION.replace(REGION, '$1'),
    bucket: env.OSS_BUCKET,
    access: env.APPEND_ACCESS,
    fcEndpoint: env.APPEND_FC_ENDPOINT === undefined ? null : originOf(env.APPEND_FC_ENDPOINT),
    queue: env.APPEND_QUEUE,
    queueShape: env.APPEND_QUEUE_SHAPE,
    queueBodies: env.APPEND_QUEUE_BODIES,
    instance: env.FC_INSTANCE_ID,
    port: Number(env.FC_CUSTOM_LISTEN_PORT),
  };
}

/** Scheme, host and port, if `endpoint` is nothing but that. Without a scheme it is https: http has to be asked for. */
function originOf(endpoint: string): string | null {
  const text = endpoint.includes('://') ? endpoint : `https://${endpoint}`;
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  const isBare = url.href === `${url.origin}/`;
  return isBare && /^https?:$/.test(url.protocol) ? url.origin : null;
}

function wrong(problems: readonly string[]): ConfigError {
  return new ConfigError('The environment of the function has mistakes', problems);
}
