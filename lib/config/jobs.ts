/** A job of `append.config.ts`: what its parts mean, beside the targets. How jobs go together is in `jobs-together.ts`. */
import type * as z from 'zod/mini';
import type { Job, Rollup } from '../aggregate/job.ts';
import type { Column, WindowLength } from '../aggregate/ports.ts';
import { ROW_COLUMNS } from '../aggregate/row-columns.ts';
import { sourceMisfit } from '../aggregate/source.ts';
import { type KeyTemplate, parseTemplate, TIME_TOKEN } from '../key-template.ts';
import type { jobShape } from './jobs-shape.ts';
import type { Target } from './target.ts';

export const JOB_LOGS = { prefix: 'jobs/' } as const;

/** A job, and what its work may cost. */
export interface ConfiguredJob extends Job {
  /** Bytes that the engine may take. */
  readonly memoryBytesMax: number;
}

type RollupShape = Extract<z.infer<typeof jobShape>, { kind: 'rollup' }>;

/** One problem a line, each with its place. */
export type Problems = string[];

const FAN_OUT = 8;

const ROW_NAMES = ROW_COLUMNS.map(({ name }) => name);

/** What has to be in the time of an output, so that no two windows share a directory. */
const TOKENS: Readonly<Record<WindowLength, readonly string[]>> = {
  day: ['yyyy', 'MM', 'dd'],
  hour: ['yyyy', 'MM', 'dd', 'HH'],
  minute: ['yyyy', 'MM', 'dd', 'HH', 'mm'],
};
const EXAMPLES: Readonly<Record<WindowLength, string>> = {
  day: 'day={time:yyyy-MM-dd}',
  hour: 'day={time:yyyy-MM-dd}/hour={time:HH}',
  minute: 'day={time:yyyy-MM-dd}/hour={time:HH}/minute={time:mm}',
};

/** The job of this name, or undefined and its problems noted. */
export function jobOf(
  name: string,
  input: z.infer<typeof jobShape>,
  { targets, logPrefix }: { readonly targets: ReadonlyMap<string, Target>; readonly logPrefix: string },
  problems: Problems,
): ConfiguredJob | undefined {
  const at = `jobs.${name}`;
  const logs = [...targets.values()].filter(({ format }) => format === 'log').map((target) => target.name);
  const log = (place: string, named: string): Target | undefined => {
    const target = targets.get(named);
    if (target?.format === 'log') return target;
    const raw = target ? `${named} is "raw", and has no records; ` : '';
    problems.push(
      `${at}.${place}: ${raw}write the name of a target with format "log": ${logs.join(', ') || 'there is none'}`,
    );
    return undefined;
  };
  const intoOf = ({ into: { target, files }, window, source }: RollupShape): Rollup['into'] | undefined => {
    if (files !== undefined) {
      problems.push(...outputMisfits(files, window).map((text) => `${at}.into.files: ${text}`));
      return { files };
    }
    const found = target === undefined ? undefined : log('into.target', target);
    if (found) problems.push(...intoMisfits(found, source).map((text) => `${at}.into.target: ${text}`));
    return found && rowsTarget(found);
  };
  const source = log('source', input.source);
  const misfit = source && sourceMisfit(source.key);
  if (misfit) problems.push(`${at}.source: ${input.source} has a ${misfit}`);
  const output = input.output ?? parseTemplate(`${logPrefix}${name}/${EXAMPLES[input.window]}`);
  problems.push(
    ...outputMisfits(output, input.window).map((text) => `${at}.output: ${text}`),
    ...columnMisfits(input.columns).map((text) => `${at}.columns.${text}`),
  );
  const into = input.kind === 'rollup' ? intoOf(input) : undefined;
  if (input.kind === 'compact') {
    const known = [...ROW_NAMES, ...input.columns.map((column) => column.name)];
    for (const wanted of (input.sort ?? []).filter((column) => !known.includes(column)))
      problems.push(`${at}.sort: there is no column "${wanted}"; there are ${known.join(', ')}`);
  }
  if (!source || (input.kind === 'rollup' && !into)) return undefined;
  return {
    name,
    kind: input.kind,
    logKey: `${logPrefix}${name}.ndjson`,
    source: { name: source.name, key: source.key },
    window: input.window,
    output,
    format: input.kind === 'compact' ? input.format : 'parquet',
    columns: input.columns,
    sort: (input.kind === 'compact' && input.sort) || [],
    rollup: input.kind === 'rollup' && into ? { sql: input.sql, rowKey: input.rowKey ?? [], into } : null,
    graceMs: input.graceMs,
    claimBytesMax: input.claimBytesMax,
    memoryBytesMax: input.memoryBytesMax,
    fanOut: FAN_OUT,
  };
}

const rowsTarget = ({ name, key, contentType, dedupe, segmentBytesMax }: Target) => ({
  name,
  key,
  contentType,
  dedupe,
  segmentBytesMax,
});

function outputMisfits({ parts }: KeyTemplate, window: WindowLength): string[] {
  const other = parts.find(({ kind }) => kind !== 'text' && kind !== 'time');
  const example = `such as "tables/orders/${EXAMPLES[window]}"`;
  if (other) {
    const written = other.kind === 'field' ? `{field.${other.name}}` : `{${other.kind}}`;
    return [`is for windows, which bring {time:…} only; take ${written} out, ${example}`];
  }
  const tokens = parts.flatMap((part) => (part.kind === 'time' ? (part.format.match(TIME_TOKEN) ?? []) : []));
  const missing = TOKENS[window].filter((token) => !tokens.includes(token));
  return missing.length === 0
    ? []
    : [
        `two windows would share a directory; write all of ${TOKENS[window].join(' ')} in its {time:…}, ${example}`,
      ];
}

function columnMisfits(columns: readonly Column[]): string[] {
  const taken = new Set<string>(ROW_NAMES);
  return columns.flatMap(({ name }) => {
    const lower = name.toLowerCase();
    const isTaken = taken.has(lower);
    taken.add(lower);
    return isTaken
      ? [
          `${name}: there is a column of this name already (case does not count); every row has ${ROW_NAMES.join(', ')}`,
        ]
      : [];
  });
}

/** A window brings a time, and nothing else that a key could be made of. */
function intoMisfits({ name, key, lanes }: Target, source: string): string[] {
  if (name === source)
    return ['is the source itself, which would never come to an end; choose another target'];
  const [field] = key.fields;
  const needs = key.usesPath ? '{path}' : key.usesQueue ? '{queue}' : field && `{field.${field}}`;
  const advice = 'take it out of the key, or choose another target';
  if (needs) return [`${name} needs ${needs}, and a window brings only {time:…}; ${advice}`];
  return lanes ? [`${name} has lanes, and the rows of a window are one append; choose a target without`] : [];
}
