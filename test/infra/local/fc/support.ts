/** Small functions written to a temporary directory, and a platform that runs them. Everything ends with the test. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { type FcOptions, type FcPlatform, startFc } from '../../../../infra/local/fc/platform.ts';

export const KEY = { accessKeyId: 'LTAIlocal', accessKeySecret: 'local-secret' };

/** Properties of a function in s.yaml; `source` is the CommonJS text of its one file. */
export interface Fixture {
  readonly source?: string;
  /** Name of the file; `index.cjs` by default. */
  readonly file?: string;
  readonly [property: string]: unknown;
}

export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'fc-test-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Writes an s.yaml and the code of its functions; gives the path of the s.yaml. */
export function writeTemplate(dir: string, functions: Record<string, Fixture>): string {
  const resources = Object.entries(functions).map(([name, { source, file = 'index.cjs', ...props }]) => {
    mkdirSync(join(dir, name), { recursive: true });
    if (source !== undefined) writeFileSync(join(dir, name, file), source);
    const base = { region: 'cn-hangzhou', functionName: name, runtime: 'nodejs20', timeout: 20 };
    return [
      name,
      { component: 'fc3', props: { ...base, handler: 'index.handler', code: `./${name}`, ...props } },
    ];
  });
  const template = join(dir, 's.yaml');
  const document = {
    edition: '3.0.0',
    name: 'demo',
    access: 'default',
    resources: Object.fromEntries(resources),
  };
  writeFileSync(template, stringify(document));
  return template;
}

export const fcOptions = (dir: string, template: string): FcOptions => ({
  template,
  dataDir: join(dir, 'data'),
  credentials: () => ({ accessKeyId: 'STS.local', accessKeySecret: 'role-secret', securityToken: 'token' }),
  apiCredentials: KEY,
  timers: false,
  retryDelayScale: 0,
  closeGraceMs: 2_000,
});

export async function start(
  functions: Record<string, Fixture>,
  options: Partial<FcOptions> = {},
  dir = tempDir(),
): Promise<FcPlatform> {
  const fc = await startFc({ ...fcOptions(dir, writeTemplate(dir, functions)), ...options });
  onTestFinished(() => fc.close());
  return fc;
}

export const http = (methods = ['GET', 'POST']) => ({
  triggerName: 'http',
  triggerType: 'http',
  triggerConfig: { authType: 'anonymous', methods },
});

export const timer = (cronExpression: string, payload?: string, enable = true) => ({
  triggerName: 'tick',
  triggerType: 'timer',
  triggerConfig: { cronExpression, enable, ...(payload === undefined ? {} : { payload }) },
});

export const queue = (QueueName: string, runOptions: Record<string, unknown> = {}) => ({
  triggerName: 'stream',
  triggerType: 'eventbridge',
  triggerConfig: {
    triggerEnable: true,
    asyncInvocationType: false,
    eventRuleFilterPattern: '{}',
    eventSourceConfig: {
      eventSourceType: 'MNS',
      eventSourceParameters: {
        sourceMNSParameters: { RegionId: 'cn-hangzhou', QueueName, IsBase64Decode: true },
      },
    },
    eventSinkConfig: { deliveryOption: { mode: 'event-streaming', eventSchema: 'CloudEvents' } },
    runOptions: { mode: 'event-streaming', errorsTolerance: 'ALL', ...runOptions },
  },
});

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A plain request whose headers, path and Host are sent as given; `fetch` would change them. */
export function send(
  url: string,
  options: {
    method?: string;
    path?: string;
    headers?: Record<string, string | string[]>;
    body?: Uint8Array | string;
  } = {},
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const { method = 'GET', path = '/', headers = {}, body } = options;
    const call = httpRequest({ hostname, port, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
      response.on('error', reject);
    });
    call.on('error', reject);
    call.end(body);
  });
}

/** State letter of a process in /proc: `T` is stopped, `Z` dead but not yet reaped, null gone. */
export function processState(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
  } catch {
    return null;
  }
}

export const isAlive = (pid: number): boolean => ![null, 'Z', 'X'].includes(processState(pid));

/** Polls until `holds`; the test's own time-out bounds it. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

export const event = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
export const parse = (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString());
