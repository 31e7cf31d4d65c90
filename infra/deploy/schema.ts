/**
 * The shape of s.yaml: edition 3.0.0, component `fc3`, and the properties of a function that this project has a use
 * for. Anything else is refused as unknown, since the component would ignore a misspelt key in silence. Bounds are
 * those of "Limits of usage", Function Compute 3.0.
 */
import { z } from 'zod';
import { trigger } from './triggers.ts';

/** All environment variables of a function together. */
const ENVIRONMENT_BYTES_MAX = 4096;
/** What the limits page allows between memory and CPU, in GB a vCPU. */
const MEMORY_PER_CPU = { min: 1, max: 4 } as const;
/** However long a function may run, an event stream waits this long for it. */
const STREAM_TIMEOUT_S_MAX = 300;

const text = z.string().min(1);
const roleArn = z.string().regex(/^acs:ram::\d+:role\/[\w.-]+$/, 'must be acs:ram::<account>:role/<name>');
const destination = z.strictObject({
  destination: z.string().regex(/^acs:\w+:[\w-]+:\d+:\S+$/, 'must be an ARN, acs:service:region:account:…'),
});
const hook = z.strictObject({ handler: text, timeout: z.int().min(1) });

const environmentVariables = z
  .record(
    z.string().regex(/^(?!FC_)[A-Za-z]\w*$/, 'must be letters, digits and "_", a letter first, and not FC_…'),
    z.string('must be text (put numbers and booleans in quotes)'),
  )
  .refine(
    (variables) => Buffer.byteLength(Object.entries(variables).flat().join('')) <= ENVIRONMENT_BYTES_MAX,
    `more than ${ENVIRONMENT_BYTES_MAX} bytes altogether`,
  );

const common = {
  region: z.string().regex(/^[a-z]{2}-[a-z0-9-]+$/, 'must be a region, like cn-hangzhou'),
  functionName: z
    .string()
    .regex(/^[A-Za-z_][\w-]{0,63}$/, 'must be letters, digits, "-" and "_", a letter first'),
  description: z.string().optional(),
  code: z
    .string()
    .regex(/^\.\/dist\/[^/]+$/, 'must be ./dist/<name>, where the build puts functions/<name>.ts'),
  cpu: z.number().min(0.05).max(16).multipleOf(0.05),
  memorySize: z.int().min(128).max(32_768).multipleOf(64),
  diskSize: z.union([z.literal(512), z.literal(10_240)]),
  timeout: z.int().min(1).max(86_400),
  // Without a role the function has no credentials, and could not append anything.
  role: roleArn,
  logConfig: z.union([
    z.literal('auto'),
    z.strictObject({
      project: text,
      logstore: text,
      enableRequestMetrics: z.boolean().optional(),
      enableInstanceMetrics: z.boolean().optional(),
      logBeginRule: z.enum(['DefaultRegex', 'None']).optional(),
    }),
  ]),
  environmentVariables,
  internetAccess: z.boolean().optional(),
  vpcConfig: z
    .strictObject({ vpcId: text, vSwitchIds: z.array(text).min(1), securityGroupId: text })
    .optional(),
  layers: z.array(text).optional(),
  tags: z.array(z.strictObject({ key: text, value: z.string() })).optional(),
  instanceLifecycleConfig: z
    .strictObject({ initializer: hook.optional(), preStop: hook.optional() })
    .optional(),
  concurrencyConfig: z.strictObject({ reservedConcurrency: z.int().min(0) }).optional(),
  asyncInvokeConfig: z
    .strictObject({
      maxAsyncRetryAttempts: z.int().min(0).max(8),
      maxAsyncEventAgeInSeconds: z.int().min(1).max(2_592_000),
      destinationConfig: z
        .strictObject({ onFailure: destination, onSuccess: destination.optional() })
        .optional(),
    })
    .optional(),
  triggers: z.array(trigger).min(1),
};

/** A function whose runtime is Function Compute's own: it calls our handler, one request at a time. */
const builtIn = z.strictObject({
  ...common,
  runtime: z.literal('nodejs20'),
  handler: z.literal('index.handler', {
    error: 'must be index.handler, what the build makes of the export "handler"',
  }),
  instanceConcurrency: z
    .literal(1, { error: 'only custom runtimes serve more than one request at a time' })
    .optional(),
});

/** A server of our own, which Function Compute starts and sends requests to. */
const custom = z.strictObject({
  ...common,
  runtime: z.enum(['custom.debian10', 'custom.debian11', 'custom.debian12']),
  customRuntimeConfig: z.strictObject({
    command: z.array(text).min(1),
    args: z.array(z.string()).optional(),
    port: z.int().min(1).max(65_535),
  }),
  instanceConcurrency: z.int().min(1).max(200),
});

const props = z.discriminatedUnion('runtime', [builtIn, custom]).superRefine((value, context) => {
  const complain = (path: PropertyKey[], message: string) =>
    context.addIssue({ code: 'custom', path, message });
  const perCpu = value.memorySize / 1024 / value.cpu;
  if (perCpu < MEMORY_PER_CPU.min || perCpu > MEMORY_PER_CPU.max) {
    complain(['memorySize'], `must be 1 to 4 GB for each vCPU, and is ${perCpu.toFixed(2)}`);
  }
  if (
    value.timeout > STREAM_TIMEOUT_S_MAX &&
    value.triggers.some((one) => one.triggerType === 'eventbridge')
  ) {
    complain(
      ['timeout'],
      `an event stream gives up after ${STREAM_TIMEOUT_S_MAX} s, so the function must before`,
    );
  }
  for (const [index, { triggerName }] of value.triggers.entries()) {
    const first = value.triggers.findIndex((other) => other.triggerName === triggerName);
    if (first < index) complain(['triggers', index, 'triggerName'], `repeats that of triggers[${first}]`);
  }
});

export const template = z.strictObject({
  edition: z.literal('3.0.0'),
  name: text,
  access: text,
  vars: z.record(z.string(), text).optional(),
  resources: z.record(z.string(), z.strictObject({ component: z.literal('fc3'), props })),
});

export type CheckedTemplate = z.infer<typeof template>;
export type FunctionProps = z.infer<typeof props>;
