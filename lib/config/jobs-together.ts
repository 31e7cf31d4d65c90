/** Jobs of `append.config.ts` beside each other, and beside targets, dead letters and the jobs' own logs. */
import type { Job } from '../aggregate/job.ts';
import { outputsOf } from '../aggregate/output.ts';
import { sourceLayout, sourceMisfit } from '../aggregate/source.ts';
import { type KeyTemplate, overlap, parseTemplate } from '../key-template.ts';
import type { Target } from './target.ts';

export interface Surroundings {
  readonly targets: ReadonlyMap<string, Target>;
  readonly deadLetters: Target;
  /** What the keys of the jobs' own logs start with. */
  readonly logPrefix: string;
}

/** What does not go together, once each job is known by itself. */
export function jobMisfits(
  jobs: ReadonlyMap<string, Job>,
  { targets, deadLetters, logPrefix }: Surroundings,
): string[] {
  return [
    ...(jobs.size > 0 ? logMisfits(targets, deadLetters, logPrefix) : []),
    ...outputOverlaps([...jobs.values()], targets, deadLetters, logPrefix),
    ...circles([...jobs.values()]),
    ...retentionMisfits([...jobs.values()], targets),
  ];
}

const different = (a: string, b: string) =>
  `start "${a}" and "${b}" with different text, such as a directory each`;

/** Every key below a prefix. */
const below = (prefix: string): KeyTemplate => parseTemplate(`${prefix}{path}`);

function logMisfits(targets: ReadonlyMap<string, Target>, deadLetters: Target, prefix: string): string[] {
  const logs = below(prefix);
  return [...targets.values(), deadLetters]
    .filter(({ key }) => overlap(key, logs))
    .map((target) => {
      const what = target === deadLetters ? 'deadLetters' : `targets.${target.name}`;
      return `jobLogs.prefix: could be that of keys of ${what}; ${different(prefix, target.key.text)}`;
    });
}

function outputOverlaps(
  jobs: readonly Job[],
  targets: ReadonlyMap<string, Target>,
  deadLetters: Target,
  logPrefix: string,
): string[] {
  const outputs = jobs.flatMap(({ name, ...job }) =>
    outputsOf(job).map((output, at) => ({ name, output, at: at === 0 ? 'output' : 'into.files' })),
  );
  return outputs.flatMap(({ name, output, at }, index) => {
    const shares = (what: string, key: KeyTemplate) =>
      `jobs.${name}.${at}: could write the keys of ${what}; ${different(output.text, key.text)}`;
    const own = `${logPrefix}${name}/`;
    const logs = output.prefix.startsWith(own) || !overlap(output, below(logPrefix));
    return [
      ...[...targets.values()]
        .filter(({ key }) => overlap(output, key))
        .map((target) => shares(`targets.${target.name}`, target.key)),
      ...(overlap(output, deadLetters.key) ? [shares('deadLetters', deadLetters.key)] : []),
      ...(logs ? [] : [shares('jobLogs', below(logPrefix))]),
      ...outputs
        .slice(0, index)
        .filter((other) => overlap(output, other.output))
        .map((other) => shares(`jobs.${other.name}.${other.at}`, other.output)),
    ];
  });
}

/** Rollups whose rows come back to them, through others: they would never come to an end. */
function circles(jobs: readonly Job[]): string[] {
  const rollups = jobs.filter(({ rollup }) => rollup !== null && 'name' in rollup.into);
  return rollups.flatMap((start) => {
    const seen = new Set<string>();
    const walk = (target: string, trail: readonly string[]): readonly string[] | null => {
      if (target === start.source.name) return trail;
      if (seen.has(target)) return null;
      seen.add(target);
      for (const next of rollups.filter(({ source }) => source.name === target)) {
        const found = walk(targetOf(next), [...trail, next.name]);
        if (found) return found;
      }
      return null;
    };
    const trail = walk(targetOf(start), [start.name]);
    // One that writes to its own source is told by itself, and a circle by the first of its jobs.
    if (!trail || trail.length === 1 || trail.some((name) => name < start.name)) return [];
    return [
      `jobs.${start.name}.into.target: its rows come back to its source through ${trail.slice(1).join(', ')}, without end; choose another target`,
    ];
  });
}

const targetOf = ({ rollup }: Job): string => (rollup && 'name' in rollup.into ? rollup.into.name : '');

/** Once objects are gone, their records are to be had in the files of a job only. */
function retentionMisfits(jobs: readonly Job[], targets: ReadonlyMap<string, Target>): string[] {
  return [...targets.values()].flatMap((target) => {
    if (target.retention === null) return [];
    const at = `targets.${target.name}.retention`;
    const hasTime = sourceMisfit(target.key) === null && sourceLayout(target.key, 'minute').span !== null;
    const isKept = jobs.some(
      (job) => job.source.name === target.name && job.kind === 'compact' && job.format === 'parquet',
    );
    return [
      ...(hasTime
        ? []
        : [
            `${at}: the key has no {time:…} from yyyy on, so its objects never end; add one, or take retention out`,
          ]),
      ...(isKept
        ? []
        : [
            `${at}: no job keeps the records; add a job { kind: "compact", source: "${target.name}", format: "parquet", … }`,
          ]),
    ];
  });
}
