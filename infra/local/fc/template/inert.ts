/**
 * What an s.yaml says and this machine does not act on, a line each, for people: nothing is passed over in silence.
 */
import { type EventBridgeConfig, notProvided, type Props, withoutEffect } from './schema.ts';

export interface Inert {
  readonly functionName: string;
  readonly line: string;
}

/** Settings of a function, those of its event streams apart. */
export function inertInFunction(p: Props): string[] {
  const given = new Set(Object.keys(p));
  const inert = withoutEffect.filter((key) => given.has(key));
  const { asyncInvokeConfig: async, customRuntimeConfig: custom } = p;
  return [
    ...lines([inert.length > 0, `no effect locally: ${inert.join(', ')}`]),
    ...notProvided.filter((key) => given.has(key)).map((key) => `${key} is not provided locally`),
    ...lines(
      [custom?.healthCheckConfig, 'customRuntimeConfig.healthCheckConfig has no effect locally'],
      [async?.asyncTask, 'asyncInvokeConfig.asyncTask has no effect locally'],
      [async?.qualifier, 'asyncInvokeConfig.qualifier has no effect locally, it holds for every call'],
      [async?.destinationConfig?.onSuccess, 'the onSuccess destination is not called locally'],
    ),
    ...p.triggers.flatMap(inertInTrigger),
  ];
}

function inertInTrigger(trigger: Props['triggers'][number]): string[] {
  const { triggerName: name } = trigger;
  const http = trigger.triggerType === 'http' ? trigger.triggerConfig : undefined;
  return lines(
    [
      trigger.qualifier !== 'LATEST',
      `trigger ${name}: qualifier: only LATEST exists locally, the trigger calls that`,
    ],
    [http?.authConfig, `trigger ${name}: authConfig has no effect locally, everybody gets in`],
    [http?.disableURLInternet, `trigger ${name}: disableURLInternet has no effect locally`],
  );
}

/** Settings of an event stream that is served. */
export function inertInStream(
  triggerName: string,
  { runOptions }: EventBridgeConfig,
  decoded: boolean,
): string[] {
  const { PushRetryStrategy, MaximumEventAgeInSeconds, MaximumRetryAttempts } = runOptions.retryStrategy;
  const retry = (key: string) =>
    `retryStrategy.${key} has no effect locally, ${PushRetryStrategy} alone decides`;
  return lines(
    [MaximumEventAgeInSeconds, retry('MaximumEventAgeInSeconds')],
    [MaximumRetryAttempts, retry('MaximumRetryAttempts')],
    [!decoded, 'IsBase64Decode has no effect locally, text arrives as it was published'],
  ).map((line) => `trigger ${triggerName}: ${line}`);
}

/** One line for all functions that say the same. */
export function warningsOf(found: readonly Inert[]): string[] {
  const names = new Map<string, string[]>();
  for (const { functionName, line } of found) names.set(line, [...(names.get(line) ?? []), functionName]);
  return [...names].map(([line, functions]) => `${functions.join(', ')}: ${line}`);
}

/** The lines of the settings that are there and not switched off. 0 is a setting, too. */
const lines = (...settings: readonly (readonly [unknown, string])[]): string[] =>
  settings.flatMap(([value, line]) => (value === undefined || value === false ? [] : [line]));
