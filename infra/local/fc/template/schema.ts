/**
 * The shape of what the local platform reads in an s.yaml (component `fc3`, edition 3.0.0). Stricter than the
 * component's own JSON schema, which lets unknown keys and bogus trigger configurations pass.
 */
import { z } from 'zod';
import { TIMEOUT_S_DEFAULT } from '../limits.ts';

/** Whole numbers and booleans may come out of `${env(…)}` as text. */
const int = (min: number, max: number) =>
  z.union([z.number(), z.string().regex(/^\d+$/).transform(Number)]).pipe(z.number().int().min(min).max(max));
const bool = z.union([
  z.boolean(),
  z.literal('true').transform(() => true),
  z.literal('false').transform(() => false),
]);
const name = z.string().regex(/^[A-Za-z_][\w-]{0,127}$/, 'letters, digits, _ and -, up to 128');
const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);

const httpMethods = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'PATCH', 'OPTIONS'] as const;

const httpTrigger = z.strictObject({
  authType: z.enum(['anonymous', 'function', 'jwt']),
  methods: z.array(z.enum(httpMethods)).min(1),
  disableURLInternet: bool.optional(),
  authConfig: z.unknown().optional(),
});

const timerTrigger = z.strictObject({
  cronExpression: z.string(),
  enable: bool,
  payload: text.optional(),
});

const eventBridgeTrigger = z.strictObject({
  triggerEnable: bool,
  asyncInvocationType: bool,
  eventRuleFilterPattern: z.string(),
  eventSourceConfig: z.strictObject({
    eventSourceType: z.enum(['Default', 'MNS', 'RocketMQ', 'RabbitMQ', 'Kafka', 'DTS', 'MQTT']),
    eventSourceParameters: z.record(z.string(), z.unknown()).optional(),
  }),
  eventSinkConfig: z.strictObject({
    deliveryOption: z.strictObject({
      mode: z.enum(['event-streaming', 'event-driven']),
      eventSchema: z.enum(['CloudEvents', 'RawData']).default('CloudEvents'),
      concurrency: int(1, 1_000).optional(),
    }),
  }),
  runOptions: z.strictObject({
    mode: z.enum(['event-streaming', 'event-driven']).optional(),
    errorsTolerance: z.enum(['NONE', 'ALL']).default('NONE'),
    maximumTasks: int(1, 1_000).optional(),
    retryStrategy: z
      .strictObject({
        PushRetryStrategy: z.enum(['BACKOFF_RETRY', 'EXPONENTIAL_DECAY_RETRY']).default('BACKOFF_RETRY'),
        MaximumEventAgeInSeconds: int(0, 86_400).optional(),
        MaximumRetryAttempts: int(0, 1_000).optional(),
      })
      .default({ PushRetryStrategy: 'BACKOFF_RETRY' }),
    deadLetterQueue: z.strictObject({ Arn: z.string() }).optional(),
    batchWindow: z
      .strictObject({
        CountBasedWindow: int(1, 10_000).default(1),
        TimeBasedWindow: int(0, 15).default(0),
      })
      .default({ CountBasedWindow: 1, TimeBasedWindow: 0 }),
  }),
});

/** The parts that say which queue it is; the others say where in the cloud. */
export const rabbitParameters = z.object({
  sourceRabbitMQParameters: z.object({ QueueName: z.string().min(1) }),
});
export const mqttParameters = z.object({ sourceMQTTParameters: z.object({ Topic: z.string().min(1) }) });
export const mnsParameters = z.strictObject({
  sourceMNSParameters: z.strictObject({
    RegionId: z.string().optional(),
    QueueName: z.string().regex(/^[A-Za-z0-9][\w-]{0,119}$/, 'letters, digits, _ and -, up to 120'),
    IsBase64Decode: bool.default(true),
  }),
});

const common = {
  triggerName: name,
  qualifier: z.string().default('LATEST'),
  sourceArn: z.string().optional(),
  invocationRole: z.string().optional(),
  description: z.string().optional(),
};

const trigger = z.discriminatedUnion('triggerType', [
  z.strictObject({ ...common, triggerType: z.literal('http'), triggerConfig: httpTrigger }),
  z.strictObject({ ...common, triggerType: z.literal('timer'), triggerConfig: timerTrigger }),
  z.strictObject({ ...common, triggerType: z.literal('eventbridge'), triggerConfig: eventBridgeTrigger }),
  z.strictObject({
    ...common,
    triggerType: z.enum(['oss', 'mns_topic', 'log', 'tablestore', 'cdn_events']),
    triggerConfig: z.unknown(),
  }),
]);

const hook = (timeoutMax: number) =>
  z.strictObject({
    handler: z.string().optional(),
    command: z.unknown().optional(),
    timeout: int(1, timeoutMax).default(TIMEOUT_S_DEFAULT),
  });

/** Properties that act in the cloud only: a warning says so. */
export const withoutEffect = [
  'concurrencyConfig',
  'cpu',
  'customDNS',
  'diskSize',
  'enableLongLiving',
  'endpoint',
  'instanceIsolationMode',
  'internetAccess',
  'logConfig',
  'provisionConfig',
  'resourceGroupId',
  'role',
  'scalingConfig',
  'sessionAffinity',
  'sessionAffinityConfig',
  'supplement',
  'tracingConfig',
  'vpcBinding',
  'vpcConfig',
] as const;
/** Properties that the function itself would notice missing: a warning names each. */
export const notProvided = ['gpuConfig', 'layers', 'nasConfig', 'ossMountConfig'] as const;

const inert = Object.fromEntries(
  [...withoutEffect, ...notProvided, 'annotations', 'description', 'tags'].map((key) => [
    key,
    z.unknown().optional(),
  ]),
);

export const props = z.strictObject({
  ...inert,
  role: z.string().optional(),
  functionName: name,
  region: z.string().min(1),
  runtime: z.union([
    z.literal('nodejs20'),
    z.string().regex(/^custom(\.debian\d+)?$/, "supported locally: 'nodejs20', 'custom', 'custom.debian…'"),
  ]),
  handler: z.string().optional(),
  code: z.string({ error: 'a directory relative to s.yaml is expected' }),
  memorySize: int(128, 32_768).default(512),
  timeout: int(1, 86_400).default(TIMEOUT_S_DEFAULT),
  instanceConcurrency: int(1, 200).default(1),
  environmentVariables: z.record(z.string(), text).default({}),
  customRuntimeConfig: z
    .strictObject({
      command: z.array(z.string()).min(1).optional(),
      args: z.array(z.string()).optional(),
      port: int(1, 65_535).optional(),
      healthCheckConfig: z.unknown().optional(),
    })
    .optional(),
  instanceLifecycleConfig: z
    .strictObject({ initializer: hook(300).optional(), preStop: hook(90).optional() })
    .optional(),
  asyncInvokeConfig: z
    .strictObject({
      asyncTask: z.unknown().optional(),
      destinationConfig: z
        .strictObject({
          onSuccess: z.unknown().optional(),
          onFailure: z.strictObject({ destination: z.string() }).optional(),
        })
        .optional(),
      maxAsyncEventAgeInSeconds: int(1, 2_592_000).optional(),
      maxAsyncRetryAttempts: int(0, 8).optional(),
      qualifier: z.string().optional(),
    })
    .optional(),
  triggers: z.array(trigger).default([]),
});

export type Props = z.output<typeof props>;
export type Trigger = Props['triggers'][number];
export type EventBridgeConfig = z.output<typeof eventBridgeTrigger>;

export const document = z.object({
  edition: z.literal('3.0.0', { error: "expected '3.0.0'" }),
  name: z.string().min(1),
  vars: z.record(z.string(), z.unknown()).default({}),
  resources: z.record(z.string(), z.object({ component: z.string(), props: z.unknown() })),
});
