/**
 * The configuration: which targets there are, and which queue and timer goes into which (`append.config.ts`).
 *
 * All of it is checked when it is loaded, and every mistake is reported at once with what to write instead. What
 * differs between deployments (endpoint, bucket, region) is not here but in the environment: `config/deployment.ts`.
 */
import * as z from 'zod/mini';
import { DEDUPE_WINDOW, SEGMENT_BYTES_MAX } from './appender.ts';
import { type Access, accessMisfits, accessShape } from './config/access.ts';
import type { AccessInput } from './config/access-input.ts';
import { type CorsInput, corsShape } from './config/cors.ts';
import { ConfigError } from './config/error.ts';
import { type ConfiguredJob, JOB_LOGS, jobOf } from './config/jobs.ts';
import type { CompactJobInput, JobLogsInput, RollupJobInput } from './config/jobs-input.ts';
import { jobLogsShape, jobShape } from './config/jobs-shape.ts';
import { jobMisfits } from './config/jobs-together.ts';
import {
  type FieldLanesInput,
  type IdLanesInput,
  type InstanceLanesInput,
  laneMisfit,
} from './config/lanes.ts';
import { problemsOf } from './config/mistakes.ts';
import { readSchema } from './config/schema.ts';
import { configShape, deadLettersShape, doorShape, entriesOf, targetShape } from './config/shape.ts';
import type { Target } from './config/target.ts';
import { tryKey } from './key.ts';
import { type KeyTemplate, overlap } from './key-template.ts';
import type { Schema } from './schema/schema.ts';
import type { JsonSchema } from './schema/types.ts';

/** An object that holds payloads verbatim, one after the other. */
export interface RawTargetInput {
  readonly format: 'raw';
  /** Key template, see `key-template.ts`: `notes/{path}`. */
  readonly key: string;
  /** MIME type of the objects. Default: `application/octet-stream`. */
  readonly contentType?: string;
  /** Spreads the payloads over objects; `{lane}` in the key is the lane. Default: none. */
  readonly lanes?: FieldLanesInput | InstanceLanesInput;
  /** Who may write over HTTP. Default: that of the configuration. */
  readonly access?: AccessInput;
  /** Whoever may write may also read over HTTP. Default: false. */
  readonly readable?: boolean;
}

/** An NDJSON object in which every record is exactly once. */
export interface LogTargetInput {
  readonly format: 'log';
  /** Key template, see `key-template.ts`: `events/{time:yyyy/MM/dd/HH}.ndjson`. */
  readonly key: string;
  /** MIME type of the objects. Default: `application/x-ndjson`. */
  readonly contentType?: string;
  /** What becomes of a CloudEvent over HTTP: its `data` is the record, or the whole event is. Default: `data`. */
  readonly cloudEvents?: 'data' | 'event';
  /** Spreads the records over logs; `{lane}` in the key is the lane. Default: none. */
  readonly lanes?: IdLanesInput | FieldLanesInput | InstanceLanesInput;
  /** Who may write over HTTP. Default: that of the configuration. */
  readonly access?: AccessInput;
  /** Whoever may write may also read over HTTP. Default: false. */
  readonly readable?: boolean;
  /** How far back a repeat is recognised, at the least (PROTOCOL.md §4.1). */
  readonly dedupe?: {
    /** As long as not more records were appended since, 1 to 1,000,000. Default: 16,000. */
    readonly records?: number;
    /** And as long as it is not older, in milliseconds, 60,000 or more. Default: age does not matter. */
    readonly ageMs?: number;
  };
  /** Bytes after which a log goes on in its next segment (PROTOCOL.md §3.5), 1 KiB to 4 GiB. Default: 1 GiB. */
  readonly segmentBytesMax?: number;
  /**
   * JSON Schema that every record has to fit (PROTOCOL.md §7), whole: what it refers to is in it. Draft 2020-12, or draft-07
   * where its `$schema` says so. Default: any record is taken.
   */
  readonly schema?: JsonSchema;
  /**
   * Objects that are so much older than the time their key spans are replaced by tombstones, once every job that reads the
   * target has all of their records and a Parquet job keeps them. Default: objects stay.
   */
  readonly retention?: { readonly ageMs: number };
}

/** What comes in through a queue or a timer goes into `target`. */
export interface DoorInput<Name extends string> {
  readonly target: Name;
}

/** Where messages of queues are kept that cannot be appended: a log of its own, see `intake/dead-letters.ts`. */
export interface DeadLettersInput {
  /**
   * Key template of text, `{queue}` and `{time:…}`. What is in the bucket under it can be sent again by `npm run replay`.
   * Default: `dead-letters/{queue}/{time:yyyy/MM/dd}.ndjson`.
   */
  readonly key: string;
}

export interface ConfigInput<Name extends string> {
  /** By name. The name is part of the URL: `POST /append/{name}`. */
  readonly targets: Readonly<Record<Name, RawTargetInput | LogTargetInput>>;
  /** By name of the queue or topic. */
  readonly queues?: Readonly<Record<string, DoorInput<NoInfer<Name>>>>;
  /** By name of the timer trigger. */
  readonly schedules?: Readonly<Record<string, DoorInput<NoInfer<Name>>>>;
  /** Who may write over HTTP to targets that do not say. Default: what the deployment says, `APPEND_ACCESS`. */
  readonly access?: AccessInput<NoInfer<Name>>;
  readonly deadLetters?: DeadLettersInput;
  /** What is made of the records of `log` targets, on a timer. By name, with a-z, 0-9 and - in it. */
  readonly jobs?: Readonly<Record<string, CompactJobInput<NoInfer<Name>> | RollupJobInput<NoInfer<Name>>>>;
  readonly jobLogs?: JobLogsInput;
  /** Pages of which origins a browser lets at the HTTP interface. Default: none but its own. */
  readonly cors?: CorsInput;
}

export type { ConfiguredJob } from './config/jobs.ts';
export type { Target } from './config/target.ts';

export interface Config {
  readonly targets: ReadonlyMap<string, Target>;
  /** The target of each queue. */
  readonly queues: ReadonlyMap<string, Target>;
  /** The target of each timer. */
  readonly schedules: ReadonlyMap<string, Target>;
  /** A log, and none of `targets`: nothing but dead letters gets in. */
  readonly deadLetters: Target;
  readonly jobs: ReadonlyMap<string, ConfiguredJob>;
  /** What the keys of the jobs' own logs start with. */
  readonly jobLogs: { readonly prefix: string };
  /** Null: no page of another origin. */
  readonly cors: CorsInput | null;
}

const DEAD_LETTERS: DeadLettersInput = { key: 'dead-letters/{queue}/{time:yyyy/MM/dd}.ndjson' };
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
  const access = (value: unknown, names: readonly string[] | null, ...path: string[]) =>
    value === undefined ? null : (read(accessShape(value, names), value, ...path, 'access') ?? null);
  const everywhere = access(entries.access, Object.keys(entries.targets));
  const targets = collect(entries.targets, (name, value): Target | undefined => {
    const parsed = read(targetShape, value, 'targets', name);
    if (parsed === undefined) return undefined;
    const own = access(parsed.access, null, 'targets', name);
    const schema = readSchema('schema' in parsed ? parsed.schema : undefined);
    if (schema !== null && 'problem' in schema) problems.push(`targets.${name}.${schema.problem}`);
    const target = targetOf(
      name,
      parsed,
      own ?? everywhere,
      schema !== null && 'check' in schema ? schema : null,
    );
    const keys = new Map([[name, target.key]]);
    problems.push(...misfitsOf(own, keys, `targets.${name}.`));
    const misfit = laneMisfit(target.lanes, target.key);
    if (misfit) problems.push(`targets.${name}.${misfit}`);
    return target;
  });
  const keys = new Map([...targets].map(([name, { key }]) => [name, key]));
  problems.push(...misfitsOf(everywhere, keys, ''), ...overlaps([...targets.values()]));
  const { key: deadLettersKey } =
    read(deadLettersShape, entries.deadLetters ?? DEAD_LETTERS, 'deadLetters') ?? {};
  const deadLetters =
    deadLettersKey && targetOf('dead-letters', { format: 'log', key: deadLettersKey }, null, null);
  problems.push(...(deadLetters ? misplaced(deadLetters, [...targets.values()]) : []));

  const door = doorShape(Object.keys(entries.targets));
  const doors = (group: 'queues' | 'schedules') =>
    collect(entries[group], (name, value) => {
      const target = targets.get(read(door, value, group, name)?.target ?? '');
      const misfit = target && misfitOf(group, name, target);
      if (misfit) problems.push(`${group}.${name}.target: ${misfit}`);
      return target;
    });
  const jobLogs = read(jobLogsShape, entries.jobLogs ?? JOB_LOGS, 'jobLogs') ?? JOB_LOGS;
  const jobs = collect(entries.jobs, (name, value) => {
    const parsed = read(jobShape, value, 'jobs', name);
    return parsed && jobOf(name, parsed, { targets, logPrefix: jobLogs.prefix }, problems);
  });
  if (deadLetters) problems.push(...jobMisfits(jobs, { targets, deadLetters, logPrefix: jobLogs.prefix }));
  const cors =
    entries.cors === undefined ? null : (read(corsShape(entries.cors), entries.cors, 'cors') ?? null);
  const routes = { queues: doors('queues'), schedules: doors('schedules') };
  if (problems.length > 0 || deadLetters === undefined)
    throw new ConfigError('The configuration (append.config.ts) has mistakes', problems);
  return { targets, ...routes, deadLetters, jobs, jobLogs, cors };
}

/** Fills in the defaults. */
function targetOf(
  name: string,
  input: z.infer<typeof targetShape>,
  access: Access | null,
  schema: Schema | null,
): Target {
  const { format, key, contentType = CONTENT_TYPE[format], lanes = null } = input;
  const { cloudEvents = 'data', dedupe, segmentBytesMax = SEGMENT_BYTES_MAX } = format === 'log' ? input : {};
  const { retention = null } = format === 'log' ? input : {};
  return {
    name,
    format,
    key,
    contentType,
    cloudEvents,
    lanes,
    fields: lanes?.by === 'field' ? [...new Set([...key.fields, lanes.field])] : key.fields,
    access,
    readable: input.readable ?? false,
    dedupe: {
      records: dedupe?.records ?? DEDUPE_WINDOW.records,
      ageMs: dedupe?.ageMs ?? DEDUPE_WINDOW.ageMs,
    },
    segmentBytesMax,
    schema,
    retention,
  };
}

function misfitsOf(access: Access | null, keys: ReadonlyMap<string, KeyTemplate>, place: string): string[] {
  return access === null ? [] : accessMisfits(access, keys).map((misfit) => `${place}access.${misfit}`);
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

/** What is wrong with where dead letters go: they bring a queue and a time, and have objects of their own. */
function misplaced({ key }: Target, targets: readonly Target[]): string[] {
  const [field] = key.fields;
  const asked = key.usesPath ? '{path}' : key.usesLane ? '{lane}' : field && `{field.${field}}`;
  const needs = asked
    ? [`deadLetters.key: needs ${asked}, and a dead letter brings only {queue} and {time:…}; take it out`]
    : [];
  const shared = targets
    .filter((target) => overlap(target.key, key))
    .map(
      (target) =>
        `deadLetters.key: could write the keys of targets.${target.name}; start "${key.text}" and "${target.key.text}" with different text, such as a directory each`,
    );
  return [...needs, ...shared];
}

/** Why messages of a queue, or firings of a timer, cannot get a key in `target`; null if they can. */
function misfitOf(
  group: 'queues' | 'schedules',
  name: string,
  { name: target, key, lanes }: Target,
): string | null {
  const brings = group === 'queues' ? 'a queue message' : 'a timer';
  const advice = 'take it out of the key, or choose another target';
  if (key.usesPath) return `${target} needs {path}, and ${brings} brings no path; ${advice}`;
  if (group === 'queues') {
    const problem = key.usesQueue ? tryKey(key, { queue: name }) : null;
    return problem && `${target} has {queue} in its key, which this name cannot be part of: ${problem}`;
  }
  if (key.usesQueue) return `${target} needs {queue}, and a timer brings none; ${advice}`;
  const [field] = key.fields;
  if (field !== undefined) return `${target} needs {field.${field}}, and a timer brings no fields; ${advice}`;
  return lanes?.by === 'field'
    ? `${target} has lanes by field.${lanes.field}, and a timer brings no fields; choose other lanes, or another target`
    : null;
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
