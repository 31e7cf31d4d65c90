import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { loadTemplate } from '../../../../infra/local/fc/template/load.ts';
import { type Fixture, http, queue, tempDir, timer, writeTemplate } from './support.ts';

function load(
  functions: Record<string, Fixture>,
  options: { vars?: object; env?: Record<string, string> } = {},
) {
  const file = writeTemplate(tempDir(), functions);
  return loadTemplate(file, { vars: { ...options.vars }, env: options.env ?? {} });
}

type QueueConfig = ReturnType<typeof queue>['triggerConfig'];

/** A queue trigger with another configuration. */
const changed = (change: (config: QueueConfig) => object) => {
  const trigger = queue('q');
  return { ...trigger, triggerConfig: change(trigger.triggerConfig) };
};
const mns = (more: object) => ({
  eventSourceType: 'MNS',
  eventSourceParameters: { sourceMNSParameters: { QueueName: 'q', ...more } },
});

describe('an s.yaml', () => {
  it('gives functions with their triggers', () => {
    const template = load({
      intake: {
        role: 'acs:ram::42:role/x',
        memorySize: 256,
        triggers: [http(['POST']), timer('@every 5m', 'p')],
      },
      web: {
        runtime: 'custom.debian12',
        customRuntimeConfig: { command: ['node'], args: ['index.cjs'] },
        instanceConcurrency: 20,
        triggers: [queue('q', { batchWindow: { CountBasedWindow: 100, TimeBasedWindow: 3 } })],
      },
    });
    expect(template).toMatchObject({ name: 'demo', accountId: '42', unserved: [] });
    expect(template.functions).toMatchObject([
      {
        name: 'intake',
        runtime: { kind: 'node' },
        memoryMB: 256,
        concurrency: 1,
        http: { authType: 'anonymous', methods: ['POST'] },
        timers: [{ triggerName: 'tick', cronExpression: '@every 5m', payload: 'p', enable: true }],
        async: { retriesMax: 3, deadLetter: false },
      },
      {
        name: 'web',
        runtime: { kind: 'custom', command: ['node', 'index.cjs'] },
        concurrency: 20,
        streams: [
          {
            queueName: 'q',
            batchCountMax: 100,
            batchWindowMs: 3000,
            retryStrategy: 'BACKOFF_RETRY',
            errorsTolerance: 'ALL',
            deadLetter: false,
          },
        ],
      },
    ]);
  });

  it('has its expressions replaced: variables of the file, of the caller, of the environment', () => {
    const dir = tempDir();
    const template = writeTemplate(dir, { f: {} });
    const document = {
      edition: '3.0.0',
      name: 'demo',
      vars: { zone: { region: `cn-\${env(PLACE, hangzhou)}` }, timeout: 7, bucket: 'template' },
      resources: {
        f: {
          component: 'fc3',
          props: {
            functionName: 'f',
            region: `\${vars.zone.region}`,
            runtime: 'nodejs20',
            handler: 'index.handler',
            code: './f',
            timeout: `\${vars.timeout}`,
            memorySize: `\${env(MEMORY)}`,
            environmentVariables: { A: `x-\${vars.bucket}-\${env('B', 'y z')}` },
          },
        },
      },
    };
    writeFileSync(template, stringify(document));
    const { functions } = loadTemplate(template, { vars: { bucket: 'caller' }, env: { MEMORY: '1024' } });
    expect(functions).toMatchObject([
      { region: 'cn-hangzhou', timeoutS: 7, memoryMB: 1024, environment: { A: 'x-caller-y z' } },
    ]);
  });

  it.each<[string, Fixture, RegExp]>([
    ['an unknown runtime', { runtime: 'nodejs22' }, /resources\.f\.props\.runtime.*nodejs20/],
    ['an unknown property', { timeOut: 3 }, /resources\.f\.props.*timeOut/],
    ['a time-out beyond FC’s', { timeout: 86_401 }, /resources\.f\.props\.timeout/],
    ['concurrency in the built-in runtime', { instanceConcurrency: 2 }, /instanceConcurrency.*custom/],
    ['a bad cron expression', { triggers: [timer('* * * * *')] }, /triggers\[0\].*cronExpression.*6 fields/],
    [
      'a reserved variable',
      { environmentVariables: { FC_REGION: 'x' } },
      /environmentVariables\.FC_REGION.*reserved/,
    ],
    ['too many variables', { environmentVariables: { A: 'x'.repeat(4096) } }, /environmentVariables.*4096/],
    ['two http triggers', { triggers: [http(), http()] }, /triggers\[1\].*one http trigger/],
    ['an unset variable', { description: `\${env(UNSET)}` }, /description.*UNSET/],
    ['an undefined variable', { description: `\${vars.nothing.here}` }, /description.*vars\.nothing\.here/],
    ['an unknown expression', { description: `\${resources.f.output}` }, /description.*not supported/],
    ['no handler', { handler: undefined }, /props\.handler/],
    ...[
      { maximumTask: 1 },
      { retryStrategy: { PushRetryStrategi: 'BACKOFF_RETRY' } },
      { batchWindow: { CountBasedWindw: 5 } },
      { deadLetterQueue: { Arn: 'acs:mns', arn: 'x' } },
    ].map((options): [string, Fixture, RegExp] => [
      `an unknown key in ${JSON.stringify(options)}`,
      { triggers: [queue('q', options)] },
      /runOptions.*Unrecognized key/,
    ]),
    [
      'an unknown key in eventSinkConfig',
      {
        triggers: [
          changed((config) => ({ ...config, eventSinkConfig: { ...config.eventSinkConfig, x: 1 } })),
        ],
      },
      /eventSinkConfig.*Unrecognized key: "x"/,
    ],
    [
      'an unknown key in deliveryOption',
      {
        triggers: [
          changed((config) => ({
            ...config,
            eventSinkConfig: { deliveryOption: { mode: 'event-streaming', eventShema: 'RawData' } },
          })),
        ],
      },
      /deliveryOption.*Unrecognized key: "eventShema"/,
    ],
    [
      'an unknown key beside the queue’s name',
      { triggers: [changed((config) => ({ ...config, eventSourceConfig: mns({ QueuName: 'q' }) }))] },
      /sourceMNSParameters.*Unrecognized key: "QueuName"/,
    ],
  ])('is refused with the field for %s', (_, props, message) => {
    expect(() => load({ f: props })).toThrow(
      expect.objectContaining({ code: 'InvalidTemplate', message: expect.stringMatching(message) }),
    );
  });

  it('asks to build when the code is not there', () => {
    const dir = tempDir();
    const file = writeTemplate(dir, { f: {} });
    rmSync(join(dir, 'f'), { recursive: true });
    expect(() => loadTemplate(file, { env: {} })).toThrow(
      expect.objectContaining({ code: 'MissingCode', message: expect.stringContaining('npm run build') }),
    );
  });

  it('lists what has no effect on this machine', () => {
    const oss = {
      triggerName: 'oss',
      triggerType: 'oss',
      triggerConfig: { events: ['oss:ObjectCreated:*'] },
    };
    const driven = queue('q', { mode: 'event-driven' });
    const { warnings, unserved } = load({
      f: { cpu: 1, layers: ['l'], triggers: [oss, { ...driven, triggerName: 'driven' }] },
    });
    expect(warnings).toEqual(['f: no effect locally: cpu', 'f: layers is not provided locally']);
    expect(unserved).toEqual([
      { functionName: 'f', triggerName: 'oss', reason: 'oss: not fired locally' },
      { functionName: 'f', triggerName: 'driven', reason: expect.stringContaining('event-driven') },
    ]);
  });

  it('says of each setting of a trigger that it has no effect on this machine', () => {
    const open = http();
    const jwt = {
      ...open.triggerConfig,
      authType: 'jwt',
      authConfig: { jwks: {} },
      disableURLInternet: true,
    };
    const stream = queue('q', {
      maximumTasks: 2,
      retryStrategy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 },
    });
    const asStored = changed((config) => ({
      ...config,
      asyncInvocationType: true,
      eventSinkConfig: { deliveryOption: { mode: 'event-streaming', concurrency: 3 } },
      eventSourceConfig: mns({ IsBase64Decode: false }),
    }));
    const { warnings } = load({
      f: {
        asyncInvokeConfig: { qualifier: 'prod', asyncTask: true },
        triggers: [{ ...open, triggerConfig: jwt, qualifier: 'prod' }, stream, asStored],
      },
    });
    expect(warnings).toEqual([
      'f: asyncInvokeConfig.asyncTask has no effect locally',
      'f: asyncInvokeConfig.qualifier has no effect locally, it holds for every call',
      'f: trigger http: qualifier: only LATEST exists locally, the trigger calls that',
      'f: trigger http: authConfig has no effect locally, everybody gets in',
      'f: trigger http: disableURLInternet has no effect locally',
      'f: trigger stream: retryStrategy.MaximumEventAgeInSeconds has no effect locally, BACKOFF_RETRY alone decides',
      'f: trigger stream: retryStrategy.MaximumRetryAttempts has no effect locally, BACKOFF_RETRY alone decides',
      'f: trigger stream: IsBase64Decode has no effect locally, text arrives as it was published',
    ]);
  });

  it('has one warning for all functions that say the same', () => {
    const same = { cpu: 1, logConfig: 'auto' };
    const { warnings } = load({ f: same, g: { cpu: 1 }, h: same });
    expect(warnings).toEqual(['f, h: no effect locally: cpu, logConfig', 'g: no effect locally: cpu']);
  });

  it('that cannot be read is refused', () => {
    const dir = tempDir();
    const failure = expect.objectContaining({ code: 'InvalidTemplate' });
    expect(() => loadTemplate(join(dir, 's.yaml'), { env: {} })).toThrow(failure);
    writeFileSync(join(dir, 's.yaml'), 'a: [');
    expect(() => loadTemplate(join(dir, 's.yaml'), { env: {} })).toThrow(failure);
    writeFileSync(join(dir, 's.yaml'), 'edition: 3.0.0\nname: x\nresources: {}\n');
    expect(() => loadTemplate(join(dir, 's.yaml'), { env: {} })).toThrow(failure);
  });
});
