/** OSS and Function Compute in the test's own process, with bundles of its own: instances can be looked at and killed. */
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';
import { build } from '../../infra/build.ts';
import { LOCAL_BUCKET, LOCAL_KEY, LOCAL_REGION } from '../../infra/cli/stack.ts';
import { type FcOptions, type FcPlatform, startFc } from '../../infra/local/fc/platform.ts';
import { type OssServer, startOss } from '../../infra/local/oss/server.ts';
import { tempDir } from '../infra/local/fc/support.ts';
import { ROOT } from './stack.ts';

export interface Local {
  readonly fc: FcPlatform;
  readonly oss: OssServer;
}

export interface LocalOptions extends Partial<FcOptions> {
  /** Of the functions in s.yaml, those that run. */
  readonly resources: readonly ('web' | 'queue' | 'aggregate')[];
  /** Changes the properties of each. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever s.yaml has there
  readonly change?: (props: any) => void;
  /** Text of an append.config.ts for its bundle, other than that of the repository. */
  readonly config?: string;
}

/** Everything ends with the test. */
export async function startLocal({ resources, change, config, ...more }: LocalOptions): Promise<Local> {
  const dir = tempDir();
  const role = { accessKeyId: 'STS.test', accessKeySecret: 'role-secret', securityToken: 'token' };
  const oss = await startOss({
    port: 0,
    dataDir: path.join(dir, 'oss'),
    credentials: [LOCAL_KEY, role],
    buckets: [LOCAL_BUCKET],
  });
  onTestFinished(() => oss.close());
  const dist = path.join(dir, 'dist');
  await build({ outDir: dist, functionsDir: functionsDir(dir, config) });
  const fc = await startFc({
    template: template(dir, resources, (props, resource) => {
      props.code = path.join(dist, resource);
      change?.(props);
    }),
    dataDir: path.join(dir, 'fc'),
    vars: { region: LOCAL_REGION, bucket: LOCAL_BUCKET, accountId: '1' },
    env: ({ apiUrl }) => ({
      OSS_ENDPOINT: oss.url,
      OSS_BUCKET: LOCAL_BUCKET,
      OSS_REGION: LOCAL_REGION,
      APPEND_FC_ENDPOINT: apiUrl,
      APPEND_ACCESS: 'open',
    }),
    credentials: () => role,
    apiCredentials: LOCAL_KEY,
    ...more,
  });
  onTestFinished(() => fc.close());
  return { fc, oss };
}

export const appendRequests = (oss: OssServer): number =>
  Object.values(oss.stats()['append'] ?? {}).reduce((sum, count) => sum + count, 0);

/**
 * Signals one of the instances that have a call under way; those that are frozen would lose nothing by their end. False
 * if there is none, or if it has just died of the signal before and the platform does not know yet.
 */
export function signalBusy(fc: FcPlatform, signal: NodeJS.Signals, functionName?: string): boolean {
  const busy = fc
    .instances()
    .filter((one) => one.state === 'running' && (functionName ?? one.functionName) === one.functionName);
  const victim = busy[Math.floor(Math.random() * busy.length)];
  if (victim === undefined) return false;
  try {
    return process.kill(-victim.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** The functions of the repository, or a copy of them beside another append.config.ts. */
function functionsDir(dir: string, config: string | undefined): string {
  const own = path.join(ROOT, 'functions');
  if (config === undefined) return own;
  const copy = path.join(dir, 'source');
  mkdirSync(copy);
  cpSync(own, path.join(copy, 'functions'), { recursive: true });
  for (const name of ['lib', 'node_modules']) symlinkSync(path.join(ROOT, name), path.join(copy, name));
  writeFileSync(path.join(copy, 'append.config.ts'), config);
  return path.join(copy, 'functions');
}

/** s.yaml with these functions. */
function template(
  dir: string,
  resources: readonly string[],
  // biome-ignore lint/suspicious/noExplicitAny: whatever s.yaml has there
  change: (props: any, resource: string) => void,
): string {
  const document = parse(readFileSync(path.join(ROOT, 's.yaml'), 'utf8'), { merge: true });
  for (const resource of resources) change(document.resources[resource].props, resource);
  document.resources = Object.fromEntries(resources.map((name) => [name, document.resources[name]]));
  const file = path.join(dir, 's.yaml');
  writeFileSync(file, stringify(document));
  return file;
}
