/**
 * Function Compute on the laptop. `startFc` reads an s.yaml and runs the built bundles it names, as FC would: instances
 * are processes of their own, one request at a time each unless the function declares more, frozen in between; HTTP
 * triggers on one port; the invoke API and the local queues on another; timers; asynchronous calls and queues durable
 * in `dataDir`. What is accepted is not lost, neither by `close()` nor by a kill -9.
 *
 * Event streams take from local queues, and from real RabbitMQ and MQTT brokers where some are given.
 *
 * Left out: OSS, SMQ topic, log and Tablestore triggers, event streams of other sources, async destinations, versions
 * and aliases, layers and mounts, enforcement of memory, CPU, roles and of the HTTP trigger's `authType`.
 */
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { Activity } from './activity.ts';
import { issuedKeys } from './api/issued.ts';
import { createApi } from './api/server.ts';
import { AsyncCalls } from './async.ts';
import { systemClock } from './clock.ts';
import { PlatformError } from './errors.ts';
import type { Report } from './events.ts';
import { createForward } from './http/proxy.ts';
import { createHttpTrigger } from './http/trigger.ts';
import { newRequestId } from './ids.ts';
import { createInvoke } from './invoke.ts';
import { CLOSE_GRACE_MS, IDLE_MS_DEFAULT, INSTANCES_MAX_DEFAULT } from './limits.ts';
import { lockDataDir } from './lock.ts';
import type { FcOptions, FcPlatform } from './options.ts';
import { Queues } from './queue/queues.ts';
import { wiringOf } from './queue/wiring.ts';
import { startGuard } from './runtime/guard.ts';
import type { InstanceHost } from './runtime/instance.ts';
import { Pool } from './runtime/pool.ts';
import { bind } from './serve.ts';
import type { FunctionConfig, Template } from './template/function.ts';
import { checkEnvironment, loadTemplate } from './template/load.ts';
import { Timers } from './timer/timers.ts';

export type { Credentials } from './context.ts';
export { ApiError, PlatformError } from './errors.ts';
export type { PlatformEvent } from './events.ts';
export type { InvocationResult } from './invoke.ts';
export type { FcOptions, FcPlatform } from './options.ts';
export type { Broker } from './queue/source.ts';

const ACCOUNT_ID = '1234567890123456';
const LOOPBACK = '127.0.0.1';

/** Throws `PlatformError`; nothing is left running then. */
export async function startFc(options: FcOptions): Promise<FcPlatform> {
  const template = loadTemplate(options.template, {
    vars: options.vars ?? {},
    env: options.templateEnv ?? process.env,
  });
  const defaultFunction = defaultHttpFunction(template.functions, options.defaultHttpFunction);
  const undo: Undo = [];
  try {
    return await compose(template, defaultFunction, options, undo);
  } catch (error) {
    await runBackwards(undo);
    throw error;
  }
}

/** What was started, as the steps that end it; they run backwards. */
type Undo = (() => Promise<unknown> | unknown)[];

async function runBackwards(undo: Undo): Promise<void> {
  for (const step of undo.splice(0).reverse()) await step();
}

async function compose(
  template: Template,
  defaultFunction: FunctionConfig | undefined,
  options: FcOptions,
  undo: Undo,
): Promise<FcPlatform> {
  const { functions } = template;
  const brokers = options.brokers ?? [];
  const { wires, unserved } = wiringOf(functions, brokers);
  const accountId = options.accountId ?? template.accountId ?? ACCOUNT_ID;
  const instancesMax = options.instancesMax ?? INSTANCES_MAX_DEFAULT;
  const report: Report = (type, message) => options.onEvent?.({ type, message });
  mkdirSync(options.dataDir, { recursive: true });
  undo.push(await lockDataDir(options.dataDir));

  const activity = new Activity(() => asyncCalls.pendingCount + queues.pendingCount);
  const durable = {
    functions,
    accountId,
    report,
    retryDelayScale: options.retryDelayScale ?? 1,
    itemsAsStrings: options.streamItemsAsStrings ?? false,
    clock: options.clock ?? systemClock,
    concurrencyMax: instancesMax,
    onSettled: () => activity.changed(),
  };
  const asyncCalls = await AsyncCalls.open({ ...durable, dir: options.dataDir });
  undo.push(() => asyncCalls.close());
  const queues = await Queues.open({ ...durable, wires, dir: join(options.dataDir, 'queues') });
  undo.push(() => queues.close());

  const tempDir = mkdtempSync(join(tmpdir(), 'fc-'));
  const guard = startGuard(tempDir);
  undo.push(() => guard.close());
  const role = issuedKeys(options.credentials);
  const host: InstanceHost = {
    accountId,
    guard,
    tempDir,
    bootstrapFile: await bundleBootstrap(tempDir),
    credentials: role.credentials,
    overrides: () => environment,
    onLog: options.onLog ?? (() => undefined),
  };
  const pools = createPools(
    functions,
    host,
    { instancesMax, idleMs: options.idleMs ?? IDLE_MS_DEFAULT },
    report,
  );
  undo.push(() => Promise.all([...pools.values()].map((pool) => pool.close())));

  const reach = { pools, credentials: role.credentials, accountId };
  const invoke = activity.counted(createInvoke(reach));
  const withHttp = functions.filter((fn) => fn.http !== null);
  const front = { accountId, invoke, asyncCalls, queues };
  const trigger = createHttpTrigger({
    ...front,
    functions: withHttp,
    defaultFunction,
    forward: activity.counted(createForward(reach)),
  });
  const api = createApi({
    ...front,
    functions,
    accessKeys: (id) => (id === options.apiCredentials.accessKeyId ? options.apiCredentials : role.keyOf(id)),
    serviceName: options.serviceName ?? template.name,
  });
  const httpServer = await bind(trigger, options.host ?? LOOPBACK, options.httpPort ?? 0);
  undo.push(() => httpServer.cut());
  const apiServer = await bind(api, options.host ?? LOOPBACK, options.apiPort ?? 0);
  undo.push(() => apiServer.cut());

  const apiUrl = `http://${LOOPBACK}:${apiServer.port}`;
  const environment = environmentOf(options.env, apiUrl);

  const timers = new Timers({ functions, asyncCalls, report });
  asyncCalls.start(invoke);
  queues.start(invoke, (...call) => asyncCalls.accept(...call));
  if (options.timers ?? true) timers.start();

  const shutDown = async (): Promise<void> => {
    timers.close();
    const calm = Promise.all([
      httpServer.stop(),
      apiServer.stop(),
      queues.stop(),
      asyncCalls.stop(),
      activity.untilNoCalls(),
    ]);
    await within(calm, options.closeGraceMs ?? CLOSE_GRACE_MS);
    // Connections, then processes, then journals: what still runs breaks off now; what was accepted is on disk.
    await runBackwards(undo);
  };
  let closing: Promise<void> | undefined;
  return {
    httpPort: httpServer.port,
    apiPort: apiServer.port,
    url: `http://${LOOPBACK}:${httpServer.port}`,
    apiUrl,
    functions,
    httpFunctions: withHttp.flatMap(({ name, http }) => (http ? [{ name, ...http }] : [])),
    unserved: [...template.unserved, ...unserved],
    feeds: wires.flatMap(({ fn, fed }) =>
      fed === null
        ? []
        : [{ kind: fed.broker.kind, where: fed.broker.where, ...fed.feed, functionName: fn.name }],
    ),
    warnings: template.warnings,
    get queues() {
      return queues.status;
    },
    get asyncCalls() {
      return { pending: asyncCalls.pendingCount, deadLetters: asyncCalls.deadLetters };
    },
    get timers() {
      return timers.status;
    },
    invoke: (functionName, event, call = {}) =>
      invoke({ functionName, event, requestId: newRequestId(), ...call }),
    invokeAsync: (functionName, event) => asyncCalls.accept(functionName, event, newRequestId()),
    publish: (queueName, body) => queues.publish(queueName, body),
    fireTimer: (functionName, triggerName, at = new Date()) =>
      timers.fire(functionName, triggerName, at.getTime()),
    instances: () => [...pools.values()].flatMap((pool) => pool.status),
    idle: () => activity.untilIdle(),
    close: () => {
      closing ??= shutDown();
      return closing;
    },
  };
}

function environmentOf(env: FcOptions['env'] = {}, apiUrl: string): Readonly<Record<string, string>> {
  const variables = typeof env === 'function' ? env({ apiUrl }) : env;
  checkEnvironment(variables, 'env');
  return variables;
}

function defaultHttpFunction(functions: readonly FunctionConfig[], name: string | undefined) {
  const withHttp = functions.filter((fn) => fn.http !== null);
  if (name === undefined) return withHttp[0];
  const found = withHttp.find((fn) => fn.name === name);
  if (found) return found;
  throw new PlatformError(
    'InvalidTemplate',
    `defaultHttpFunction: no function '${name}' with an http trigger`,
  );
}

function createPools(
  functions: readonly FunctionConfig[],
  host: InstanceHost,
  limits: { readonly instancesMax: number; readonly idleMs: number },
  report: Report,
): Map<string, Pool> {
  const options = {
    ...limits,
    onStarted: (functionName: string, id: string) =>
      report('instance-started', `${functionName}: instance ${id} started`),
    onEnded: (functionName: string, id: string) =>
      report('instance-ended', `${functionName}: instance ${id} ended`),
  };
  return new Map(functions.map((fn) => [fn.name, new Pool(fn, host, options)]));
}

/** The built-in runtime as one plain file, so that an instance starts as fast as `node` does. */
async function bundleBootstrap(dir: string): Promise<string> {
  const outfile = join(dir, 'bootstrap.cjs');
  await build({
    entryPoints: [fileURLToPath(new URL('./runtime/bootstrap.ts', import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    logLevel: 'silent',
  });
  return outfile;
}

async function within(work: Promise<unknown>, graceMs: number): Promise<void> {
  const grace = new AbortController();
  const timer = sleep(graceMs, undefined, { signal: grace.signal }).catch(() => undefined);
  await Promise.race([work, timer]);
  grace.abort();
}
