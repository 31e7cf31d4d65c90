/**
 * The configuration: which targets there are, and which queue and timer goes into which (`append.config.ts`).
 *
 * All of it is checked when it is loaded, and every mistake is reported at once with what to write instead. What
 * differs between deployments (endpoint, bucket, region) is not here but in the environment: `config/deployment.ts`.
 */
import * as z from 'zod/mini';
import { ConfigError } from './config/error.ts';
import { configShape, doorShape, entriesOf, problemsOf, targetShape } from './config/shape.ts';
import { type KeyTemplate, overlap, tryKey } from './key.ts';

/** An object that holds payloads verbatim, one after the other. */
export interface RawTargetInput {
  readonly format: 'raw';
  /** Key template, see `key.ts`: `notes/{path}`. */
  readonly key: string;
  /** MIME type of the objects. Default: `application/octet-stream`. */
  readonly contentType?: string;
}

/** An NDJSON object in which every record is exactly once. */
export interface LogTargetInput {
  readonly format: 'log';
  /** Key template, see `key.ts`: `events/{time:yyyy/MM/dd/HH}.ndjson`. */
  readonly key: string;
  /** MIME type of the objects. Default: `application/x-ndjson`. */
  readonly contentType?: string;
  /** What becomes of a CloudEvent over HTTP: its `data` is the record, or the whole event is. Default: `data`. */
  readonly cloudEvents?: 'data' | 'event';
}

/** What comes in through a queue or a timer goes into `target`. */
export interface DoorInput<Name extends string> {
  readonly target: Name;
}

export interface ConfigInput<Name extends string> {
  /** By name. The name is part of the URL: `POST /append/{name}`. */
  readonly targets: Readonly<Record<Name, RawTargetInput | LogTargetInput>>;
  /** By name of the queue or topic. */
  readonly queues?: Readonly<Record<string, DoorInput<NoInfer<Name>>>>;
  /** By name of the timer trigger. */
  readonly schedules?: Readonly<Record<string, DoorInput<NoInfer<Name>>>>;
}

export interface Target {
  readonly name: string;
  readonly format: 'raw' | 'log';
  readonly key: KeyTemplate;
  readonly contentType: string;
  readonly cloudEvents: 'data' | 'event';
}

export interface Config {
  readonly targets: ReadonlyMap<string, Target>;
  /** The target of each queue. */
  readonly queues: ReadonlyMap<string, Target>;
  /** The target of each timer. */
  readonly schedules: ReadonlyMap<string, Target>;
}

const CONTENT_TYPE = { raw: 'application/octet-stream', log: 'application/x-ndjson' } as const;

/** Checks the configuration and fills in the defaults. Throws `ConfigError` with all that is wrong. */
export function defineConfig<Name extends string>(input: ConfigInput<Name>): Config {
  const problems: string[] = [];
  /** `value` as `shape` has it, or undefined and its problems noted. */
  const read = <T>(shape: z.ZodMiniType<T>, value: unknown, ...path: string[]): T | undefined => {
    const { success, data, error } = z.safeParse(shape, value);
    if (!success) problems.push(...problemsOf(error, path));
    return data;
  };

  read(configShape, input);
  const entries = z.parse(entriesOf, input);
  const targets = collect(entries.targets, (name, value): Target | undefined => {
    const target = read(targetShape, value, 'targets', name);
    return (
      target && {
        name,
        format: target.format,
        key: target.key,
        contentType: target.contentType ?? CONTENT_TYPE[target.format],
        cloudEvents: (target.format === 'log' ? target.cloudEvents : undefined) ?? 'data',
      }
    );
  });
  problems.push(...overlaps([...targets.values()]));

  const door = doorShape(Object.keys(entries.targets));
  const doors = (group: 'queues' | 'schedules') =>
    collect(entries[group], (name, value) => {
      const target = targets.get(read(door, value, group, name)?.target ?? '');
      const misfit = target && misfitOf(group, name, target);
      if (misfit) problems.push(`${group}.${name}.target: ${misfit}`);
      return target;
    });
  const config = { targets, queues: doors('queues'), schedules: doors('schedules') };
  if (problems.length > 0)
    throw new ConfigError('The configuration (append.config.ts) has mistakes', problems);
  return config;
}

/** Two targets that could write the same key would take each other's bytes for damage. */
function overlaps(targets: readonly Target[]): string[] {
  return targets.flatMap((one, index) =>
    targets
      .slice(index + 1)
      .filter((other) => overlap(one.key, other.key))
      .map(
        (other) =>
          `targets.${other.name}.key: could write the keys of targets.${one.name}; start "${other.key.text}" and "${one.key.text}" with different text, such as a directory each`,
      ),
  );
}

/** Why messages of a queue, or firings of a timer, cannot get a key in `target`; null if they can. */
function misfitOf(group: 'queues' | 'schedules', name: string, { name: target, key }: Target): string | null {
  const brings = group === 'queues' ? 'a queue message' : 'a timer';
  const advice = 'take it out of the key, or choose another target';
  if (key.usesPath) return `${target} needs {path}, and ${brings} brings no path; ${advice}`;
  if (group === 'queues') {
    const problem = key.usesQueue ? tryKey(key, { queue: name }) : null;
    return problem && `${target} has {queue} in its key, which this name cannot be part of: ${problem}`;
  }
  if (key.usesQueue) return `${target} needs {queue}, and a timer brings none; ${advice}`;
  const [field] = key.fields;
  return field === undefined
    ? null
    : `${target} needs {field.${field}}, and a timer brings no fields; ${advice}`;
}

function collect<In, Out>(
  entries: Readonly<Record<string, In>>,
  make: (name: string, value: In) => Out | undefined,
): Map<string, Out> {
  const made = new Map<string, Out>();
  for (const [name, value] of Object.entries(entries)) {
    const out = make(name, value);
    if (out !== undefined) made.set(name, out);
  }
  return made;
}
