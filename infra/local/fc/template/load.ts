/**
 * Reads an s.yaml into a `Template`. Every error names the field; what the laptop cannot do is refused, or listed
 * under `warnings` and `unserved`, never passed over in silence.
 */
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { PlatformError } from '../errors.ts';
import { ASYNC_RETRIES_DEFAULT, ENVIRONMENT_BYTES_MAX } from '../limits.ts';
import type { SourceKind } from '../queue/source.ts';
import { parseSchedule } from '../timer/schedule.ts';
import type { FunctionConfig, StreamTrigger, Template, TimerTrigger, UnservedTrigger } from './function.ts';
import { type Inert, inertInFunction, inertInStream, warningsOf } from './inert.ts';
import {
  document,
  type EventBridgeConfig,
  mnsParameters,
  mqttParameters,
  type Props,
  props,
  rabbitParameters,
  type Trigger,
} from './schema.ts';
import { substitute } from './substitute.ts';

export interface LoadOptions {
  /** Override `vars` of the file. */
  readonly vars?: Readonly<Record<string, unknown>>;
  /** What `${env(…)}` sees. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function loadTemplate(file: string, options: LoadOptions): Template {
  const raw = check(document, parseYaml(file), '');
  const scope = { vars: { ...raw.vars, ...options.vars }, env: options.env };
  const notes: Notes = { inert: [], unserved: [] };
  const notRun: string[] = [];
  const functions: FunctionConfig[] = [];
  let accountId: string | null = null;
  for (const [key, resource] of Object.entries(raw.resources)) {
    if (resource.component !== 'fc3') {
      notRun.push(`resource '${key}' (component '${resource.component}') is not run locally`);
      continue;
    }
    const path = `resources.${key}.props`;
    const parsed = check(props, substitute(resource.props, scope, path), path);
    accountId ??= /^acs:ram::(\d+):/.exec(parsed.role ?? '')?.[1] ?? null;
    functions.push(toFunction(parsed, path, dirname(resolve(file)), notes));
  }
  if (functions.length === 0) throw invalid('resources', 'no resource with component fc3');
  refuseDuplicates(functions);
  const warnings = [...notRun, ...warningsOf(notes.inert)];
  return { name: raw.name, accountId, functions, unserved: notes.unserved, warnings };
}

interface Notes {
  readonly inert: Inert[];
  readonly unserved: UnservedTrigger[];
}

function parseYaml(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new PlatformError('InvalidTemplate', `cannot read ${file}`, { cause });
  }
  const parsed = parseDocument(text, { merge: true });
  const [problem] = parsed.errors;
  if (problem) throw new PlatformError('InvalidTemplate', `${file}: ${problem.message}`, { cause: problem });
  return parsed.toJS();
}

function check<T extends z.ZodType>(schema: T, value: unknown, path: string): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => {
    const field = [path, ...issue.path.map(String)].filter(Boolean).join('.');
    return `${field || 's.yaml'}: ${issue.message}`;
  });
  throw new PlatformError('InvalidTemplate', lines.join('\n'), { cause: parsed.error });
}

function toFunction(p: Props, path: string, baseDir: string, notes: Notes): FunctionConfig {
  const custom = p.runtime !== 'nodejs20';
  if (!custom && !p.handler) throw invalid(`${path}.handler`, "required, as 'dir/file.exportName'");
  if (!custom && p.instanceConcurrency > 1)
    throw invalid(
      `${path}.instanceConcurrency`,
      'the built-in runtime serves one request at a time; use runtime custom',
    );
  checkEnvironment(p.environmentVariables, `${path}.environmentVariables`);
  notes.inert.push(...inertInFunction(p).map((line) => ({ functionName: p.functionName, line })));
  const triggers = p.triggers.map((trigger, i) => ({ trigger, path: `${path}.triggers[${i}]` }));
  const http = triggers.filter(({ trigger }) => trigger.triggerType === 'http');
  if (http[1]) throw invalid(http[1].path, 'a function has one http trigger at most');
  return {
    name: p.functionName,
    region: p.region,
    codeDir: codeDir(p.code, baseDir, path),
    handler: p.handler ?? '',
    runtime: custom ? { kind: 'custom', command: commandOf(p) } : { kind: 'node' },
    memoryMB: p.memorySize,
    timeoutS: p.timeout,
    concurrency: p.instanceConcurrency,
    environment: p.environmentVariables,
    initializer: hookOf(p, 'initializer', path),
    preStop: hookOf(p, 'preStop', path),
    async: {
      retriesMax: p.asyncInvokeConfig?.maxAsyncRetryAttempts ?? ASYNC_RETRIES_DEFAULT,
      ageMsMax: (p.asyncInvokeConfig?.maxAsyncEventAgeInSeconds ?? Number.POSITIVE_INFINITY) * 1000,
      deadLetter: p.asyncInvokeConfig?.destinationConfig?.onFailure !== undefined,
    },
    http: http[0]?.trigger.triggerType === 'http' ? toHttp(http[0].trigger) : null,
    timers: triggers.flatMap(({ trigger, path }) => toTimer(trigger, path)),
    streams: triggers.flatMap(({ trigger, path }) => toStream(p, trigger, path, notes)),
  };
}

function toHttp(trigger: Extract<Trigger, { triggerType: 'http' }>) {
  return {
    triggerName: trigger.triggerName,
    authType: trigger.triggerConfig.authType,
    methods: trigger.triggerConfig.methods,
  };
}

function toTimer(trigger: Trigger, path: string): TimerTrigger[] {
  if (trigger.triggerType !== 'timer') return [];
  const { cronExpression, enable, payload } = trigger.triggerConfig;
  try {
    parseSchedule(cronExpression);
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw invalid(`${path}.triggerConfig.cronExpression`, problem, cause);
  }
  return [{ triggerName: trigger.triggerName, cronExpression, enable, payload: payload ?? '' }];
}

function toStream(p: Props, trigger: Trigger, path: string, notes: Notes): StreamTrigger[] {
  if (trigger.triggerType === 'http' || trigger.triggerType === 'timer') return [];
  const unserved = (reason: string): StreamTrigger[] => {
    notes.unserved.push({ functionName: p.functionName, triggerName: trigger.triggerName, reason });
    return [];
  };
  if (trigger.triggerType !== 'eventbridge') return unserved(`${trigger.triggerType}: not fired locally`);
  const {
    eventSourceConfig: source,
    eventSinkConfig: sink,
    runOptions: run,
    ...config
  } = trigger.triggerConfig;
  if (!config.triggerEnable) return unserved('triggerEnable is false');
  if ((run.mode ?? sink.deliveryOption.mode) !== 'event-streaming')
    return unserved('event-driven mode: not consumed locally, use event-streaming');
  if (config.eventRuleFilterPattern.trim() !== '{}')
    return unserved('eventRuleFilterPattern: filters are not applied locally, so nothing is consumed');
  const sourcePath = `${path}.triggerConfig.eventSourceConfig.eventSourceParameters`;
  const from = sourceOf(source, sourcePath);
  if (from === null) return unserved(`${source.eventSourceType}: not consumed locally`);
  const inert = inertInStream(trigger.triggerName, trigger.triggerConfig, from.decoded);
  notes.inert.push(...inert.map((line) => ({ functionName: p.functionName, line })));
  return [
    {
      triggerName: trigger.triggerName,
      source: from.kind,
      queueName: from.name,
      batchCountMax: run.batchWindow.CountBasedWindow,
      batchWindowMs: run.batchWindow.TimeBasedWindow * 1000,
      concurrency: sink.deliveryOption.concurrency ?? run.maximumTasks ?? 1,
      asynchronous: config.asyncInvocationType,
      eventSchema: sink.deliveryOption.eventSchema,
      retryStrategy: run.retryStrategy.PushRetryStrategy,
      errorsTolerance: run.errorsTolerance,
      deadLetter: run.deadLetterQueue !== undefined,
    },
  ];
}

/** Which queue an event stream reads; null if nothing here stands in for its source. */
function sourceOf(
  { eventSourceType: type, eventSourceParameters: parameters }: EventBridgeConfig['eventSourceConfig'],
  path: string,
): { kind: SourceKind; name: string; decoded: boolean } | null {
  if (type === 'MNS') {
    const { QueueName, IsBase64Decode } = check(mnsParameters, parameters, path).sourceMNSParameters;
    return { kind: 'SMQ', name: QueueName, decoded: IsBase64Decode };
  }
  if (type === 'RabbitMQ') {
    const { QueueName } = check(rabbitParameters, parameters, path).sourceRabbitMQParameters;
    return { kind: type, name: QueueName, decoded: true };
  }
  if (type === 'MQTT') {
    const { Topic } = check(mqttParameters, parameters, path).sourceMQTTParameters;
    return { kind: type, name: Topic, decoded: true };
  }
  return null;
}

function codeDir(code: string, baseDir: string, path: string): string {
  const dir = resolve(baseDir, code);
  if (statSync(dir, { throwIfNoEntry: false })?.isDirectory()) return dir;
  throw new PlatformError('MissingCode', `${path}.code: no directory ${dir}; run "npm run build" first`);
}

/** Without a command, FC starts the executable `bootstrap` of the code. */
const commandOf = (p: Props): string[] => [
  ...(p.customRuntimeConfig?.command ?? ['./bootstrap']),
  ...(p.customRuntimeConfig?.args ?? []),
];

function hookOf(p: Props, name: 'initializer' | 'preStop', path: string) {
  const hook = p.instanceLifecycleConfig?.[name];
  if (!hook) return null;
  const at = `${path}.instanceLifecycleConfig.${name}`;
  if (hook.command !== undefined) throw invalid(`${at}.command`, 'not supported locally; use handler');
  if (p.runtime === 'nodejs20' && !hook.handler) throw invalid(`${at}.handler`, 'required');
  return { handler: hook.handler ?? '', timeoutS: hook.timeout };
}

/** Also used for the overrides given at start. */
export function checkEnvironment(variables: Readonly<Record<string, string>>, path: string): void {
  for (const name of Object.keys(variables)) {
    if (name.startsWith('FC_')) throw invalid(`${path}.${name}`, 'names that start with FC_ are reserved');
    if (!/^[A-Za-z_]\w*$/.test(name)) throw invalid(`${path}.${name}`, 'not the name of a variable');
  }
  const bytes = Object.entries(variables).reduce((sum, pair) => sum + Buffer.byteLength(pair.join('')), 0);
  if (bytes > ENVIRONMENT_BYTES_MAX)
    throw invalid(path, `${bytes} bytes together; FC allows ${ENVIRONMENT_BYTES_MAX}`);
}

function refuseDuplicates(functions: readonly FunctionConfig[]): void {
  const seen = new Set<string>();
  for (const { name } of functions) {
    if (seen.has(name)) throw invalid('resources', `two functions are named '${name}'`);
    seen.add(name);
  }
}

const invalid = (path: string, problem: string, cause?: unknown): PlatformError =>
  new PlatformError('InvalidTemplate', `${path}: ${problem}`, { cause });
