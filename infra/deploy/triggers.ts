/**
 * What a trigger in s.yaml may say, by type. Stricter than the component: a key it does not know is refused, and the
 * parts that EventBridge leaves free-form are held to rules under which no message is lost.
 */
import { Cron } from 'croner';
import { z } from 'zod';

/** 176 tries within a day, or 3 tries 10–20 s apart. */
const PUSH_RETRY_STRATEGIES = ['EXPONENTIAL_DECAY_RETRY', 'BACKOFF_RETRY'] as const;

const text = z.string().min(1);
const arn = (service: string) =>
  z
    .string()
    .regex(
      new RegExp(`^acs:${service}:[\\w-]*:\\d+:\\S+$`),
      `must be an ARN, acs:${service}:region:account:…`,
    );

const http = z
  .strictObject({
    authType: z.enum(['anonymous', 'function', 'jwt']),
    methods: z.array(z.enum(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])).min(1),
    disableURLInternet: z.boolean().optional(),
    authConfig: z
      .strictObject({
        jwks: z.strictObject({ keys: z.array(z.record(z.string(), z.string())).length(1) }),
        tokenLookup: z.union([text, z.array(z.record(z.string(), z.string())).length(1)]),
        claimPassBy: z.union([text, z.array(z.record(z.string(), z.string())).length(1)]).optional(),
        whitelist: z.array(text).optional(),
        blacklist: z.array(text).optional(),
      })
      .optional(),
  })
  .refine(({ authType, authConfig }) => (authType === 'jwt') === (authConfig !== undefined), {
    path: ['authConfig'],
    message: 'belongs to authType jwt, and jwt needs it',
  });

const timer = z.strictObject({
  cronExpression: z.string().superRefine((expression, context) => {
    const problem = cronProblem(expression);
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
  }),
  enable: z.boolean(),
  payload: z.string().optional(),
});

/** `@every 5m`, or six fields with an optional `CRON_TZ=Area/City ` in front. Null if that is what it is. */
export function cronProblem(expression: string): string | null {
  if (/^@every [1-9]\d*m$/.test(expression)) return null;
  const [, timezone, fields = ''] = /^(?:CRON_TZ=(\S+) )?(.*)$/s.exec(expression) ?? [];
  try {
    const cron = new Cron(fields, {
      mode: '6-part',
      paused: true,
      ...(timezone !== undefined && { timezone }),
    });
    return cron.nextRun() === null ? 'never comes due' : null;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `must be "@every 5m" or six fields, second to day of week, after an optional "CRON_TZ=Area/City ": ${why}`;
  }
}

const region = { RegionId: text };
/** Where an event stream reads: `eventSourceType` and the one parameter block that goes with it. */
const eventSource = z.discriminatedUnion('eventSourceType', [
  source('MNS', 'sourceMNSParameters', { ...region, QueueName: text, IsBase64Decode: z.boolean() }),
  source('RabbitMQ', 'sourceRabbitMQParameters', {
    ...region,
    InstanceId: text,
    VirtualHostName: text,
    QueueName: text,
  }),
  source('RocketMQ', 'sourceRocketMQParameters', {
    ...region,
    InstanceId: text,
    GroupID: text,
    Topic: text,
    Timestamp: z.number().optional(),
  }),
  source('Kafka', 'sourceKafkaParameters', {
    ...region,
    InstanceId: text,
    Topic: text,
    ConsumerGroup: text,
    OffsetReset: z.enum(['latest', 'earliest']),
    Network: z.enum(['Default', 'PublicNetwork']),
    VpcId: text.optional(),
    VSwitchIds: text.optional(),
    SecurityGroupId: text.optional(),
  }),
]);

function source<Type extends string, Shape extends z.core.$ZodLooseShape>(
  type: Type,
  key: string,
  shape: Shape,
) {
  return z.strictObject({
    eventSourceType: z.literal(type),
    eventSourceParameters: z.strictObject({ [key]: z.strictObject(shape) }),
  });
}

const STREAMING = z.literal('event-streaming', {
  error: 'must be event-streaming: the other mode brings one message a call, and ignores runOptions',
});

const runOptions = z
  .strictObject({
    mode: STREAMING,
    errorsTolerance: z.enum(['ALL', 'NONE']),
    retryStrategy: z.strictObject({
      PushRetryStrategy: z.enum(PUSH_RETRY_STRATEGIES),
      MaximumEventAgeInSeconds: z.int().min(60).max(86_400).optional(),
      MaximumRetryAttempts: z.int().min(0).optional(),
    }),
    deadLetterQueue: z.strictObject({ Arn: arn('\\w+') }).optional(),
    batchWindow: z.strictObject({
      CountBasedWindow: z.int().min(1).max(10_000),
      TimeBasedWindow: z.int().min(0).max(15),
    }),
    maximumTasks: z.int().min(1).optional(),
  })
  .refine(
    ({ errorsTolerance, deadLetterQueue }) => (errorsTolerance === 'ALL') === (deadLetterQueue !== undefined),
    {
      path: ['deadLetterQueue'],
      message: 'ALL drops messages without a dead-letter queue; NONE has no use for one',
    },
  );

const eventbridge = z.strictObject({
  triggerEnable: z.boolean(),
  asyncInvocationType: z.literal(false, {
    error: 'must be false: true takes messages out of the queue before they are in OSS',
  }),
  eventRuleFilterPattern: z.string().refine(isJsonObject, 'must be a JSON object, written as text'),
  eventSourceConfig: eventSource,
  eventSinkConfig: z.strictObject({
    deliveryOption: z.strictObject({
      mode: STREAMING,
      eventSchema: z.literal('CloudEvents', { error: 'must be CloudEvents: RawData loses the message ids' }),
    }),
  }),
  runOptions,
});

function isJsonObject(value: string): boolean {
  try {
    const parsed: unknown = JSON.parse(value);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  } catch {
    return false;
  }
}

/** What a service needs to call the function: itself as the source, and a role it may take on. */
const called = {
  sourceArn: arn('\\w+'),
  invocationRole: arn('ram'),
};

const oss = z.strictObject({
  events: z
    .array(z.string().regex(/^oss:Object\w+:(\w+|\*)$/, 'must be an OSS event, oss:ObjectCreated:…'))
    .min(1),
  filter: z.strictObject({ key: z.strictObject({ prefix: z.string(), suffix: z.string() }) }),
});

const mnsTopic = z.strictObject({
  notifyContentFormat: z.enum(['JSON', 'STREAM']),
  notifyStrategy: z.enum(PUSH_RETRY_STRATEGIES),
  filterTag: text.optional(),
});

/** A number, written as text: that is how the component wants it. */
const count = z.string().regex(/^\d+$/, 'must be a number in quotes');
const log = z.strictObject({
  sourceConfig: z.strictObject({ logstore: text }),
  jobConfig: z.strictObject({ maxRetryTime: count, triggerInterval: count }),
  logConfig: z.strictObject({ project: text, logstore: text }),
  functionParameter: z.record(z.string(), z.unknown()).optional(),
  enable: z.boolean(),
});

const named = {
  triggerName: z
    .string()
    .regex(/^[A-Za-z_][\w-]{0,127}$/, 'must be letters, digits, "-" and "_", a letter first'),
  qualifier: text.optional(),
  description: z.string().optional(),
};

export const trigger = z.discriminatedUnion('triggerType', [
  z.strictObject({ ...named, triggerType: z.literal('http'), triggerConfig: http }),
  z.strictObject({ ...named, triggerType: z.literal('timer'), triggerConfig: timer }),
  z.strictObject({ ...named, triggerType: z.literal('eventbridge'), triggerConfig: eventbridge }),
  z.strictObject({ ...named, ...called, triggerType: z.literal('oss'), triggerConfig: oss }),
  z.strictObject({ ...named, ...called, triggerType: z.literal('mns_topic'), triggerConfig: mnsTopic }),
  z.strictObject({ ...named, ...called, triggerType: z.literal('log'), triggerConfig: log }),
]);
