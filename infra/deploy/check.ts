/**
 * Checks s.yaml before the platform sees it: its shape (schema.ts, triggers.ts), and that it agrees with the rest of
 * the repository. Every problem names its place and what to do.
 *
 *     npx tsx infra/deploy/check.ts [s.yaml]
 *
 * Checked against the repository: each file of `functions/` is deployed exactly once, and queues and schedules bear
 * the names that `append.config.ts` routes by, since a trigger under another name would deliver what nobody takes. Its
 * targets rely on no trigger that lets anyone in, the secrets that it names are there, preflights get to its `cors`, and
 * its targets take what the timers bring. Timers of functions/aggregate.ts name jobs that there are, and the SQL of those
 * can be run.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { z } from 'zod';
import config from '../../append.config.ts';
import type { Config, Target } from '../../lib/config.ts';
import { InvalidJobCall, jobTasks, type Known } from '../../lib/invoke/event.ts';
import { type AccessRules, accessProblems, accessRules } from './access.ts';
import { corsProblems } from './cors.ts';
import { jobMistakes } from './jobs.ts';
import { payloadProblems } from './payloads.ts';
import { type CheckedTemplate, template } from './schema.ts';
import { type Problem, pathText, readTemplate } from './template.ts';

/** Of `functions/`: its timers run jobs, those of others append records. */
const JOBS_FUNCTION = 'aggregate';

const ROOT = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));

/** What s.yaml has to agree with. */
export interface Surroundings {
  /** Names of `functions/*.ts`, without the extension. */
  readonly functions: readonly string[];
  /** Queues and schedules that append.config.ts routes, null where there is no such file. */
  readonly routes:
    | ({
        readonly queues: readonly string[];
        readonly schedules: readonly string[];
      } & Known)
    | null;
  /** Who may write over HTTP. */
  readonly access: AccessRules;
  /** Whether append.config.ts lets pages of other origins in. */
  readonly cors: boolean;
  /** The target of each schedule. */
  readonly scheduled: ReadonlyMap<string, Target>;
}

/** All that is wrong with the text of an s.yaml; nothing if it can be deployed. */
export function checkTemplate(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
  surroundings: Surroundings,
): readonly Problem[] {
  const { value, problems } = readTemplate(text, environment);
  if (problems.length > 0) return problems;
  const parsed = template.safeParse(value);
  return parsed.success
    ? disagreements(parsed.data, surroundings)
    : parsed.error.issues.flatMap((issue) => explain(issue));
}

/** One problem for each place: unknown keys at the key, a union at the alternative that was meant. */
function explain(issue: z.core.$ZodIssue, above: readonly PropertyKey[] = []): readonly Problem[] {
  const place = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: pathText([...place, key]), message: 'is not known here' }));
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const depth = (issues: readonly z.core.$ZodIssue[]) => Math.max(...issues.map((one) => one.path.length));
    const meant = issue.errors.reduce((best, one) => (depth(one) > depth(best) ? one : best));
    return meant.flatMap((inner) => explain(inner, place));
  }
  return [{ path: pathText(place), message: issue.message }];
}

function disagreements(
  checked: CheckedTemplate,
  { functions, routes, access, cors, scheduled }: Surroundings,
): readonly Problem[] {
  return [
    ...deployment(checked, functions),
    ...(routes === null ? [] : routing(checked, routes)),
    ...accessProblems(checked, access),
    ...corsProblems(checked, cors),
    ...payloadProblems(checked, scheduled),
  ];
}

function deployment({ resources }: CheckedTemplate, functions: readonly string[]): readonly Problem[] {
  const problems: Problem[] = [];
  const seen = { code: new Map<string, string>(), functionName: new Map<string, string>() };
  for (const [name, { props }] of Object.entries(resources)) {
    const at = (key: string) => `resources.${name}.props.${key}`;
    for (const key of ['code', 'functionName'] as const) {
      const first = seen[key].get(props[key]);
      if (first !== undefined)
        problems.push({ path: at(key), message: `repeats that of resources.${first}` });
      seen[key].set(props[key], name);
    }
    const source = path.posix.basename(props.code);
    if (!functions.includes(source))
      problems.push({ path: at('code'), message: `there is no functions/${source}.ts` });
  }
  for (const name of functions) {
    if (!seen.code.has(`./dist/${name}`)) {
      problems.push({
        path: 'resources',
        message: `functions/${name}.ts is not deployed (code: ./dist/${name})`,
      });
    }
  }
  return problems;
}

function routing(
  { resources }: CheckedTemplate,
  routes: NonNullable<Surroundings['routes']>,
): readonly Problem[] {
  const problems: Problem[] = [];
  const expect = (known: readonly string[], name: string, place: string, kind: string) => {
    if (known.includes(name)) return;
    problems.push({
      path: place,
      message: `append.config.ts has no ${kind} "${name}" (it has ${known.join(', ')})`,
    });
  };
  for (const [name, { props }] of Object.entries(resources)) {
    const runsJobs = path.posix.basename(props.code) === JOBS_FUNCTION;
    for (const [index, { triggerType, triggerName, triggerConfig }] of props.triggers.entries()) {
      const at = `resources.${name}.props.triggers[${index}]`;
      if (triggerType === 'timer' && runsJobs)
        problems.push(...jobProblems(triggerConfig.payload, routes, at));
      else if (triggerType === 'timer')
        expect(routes.schedules, triggerName, `${at}.triggerName`, 'schedule');
      if (triggerType !== 'eventbridge') continue;
      const { eventSourceConfig: source } = triggerConfig;
      const queue = Object.entries(source.eventSourceParameters)[0];
      if (queue === undefined || typeof queue[1]['QueueName'] !== 'string') continue;
      const place = `${at}.triggerConfig.eventSourceConfig.eventSourceParameters.${queue[0]}.QueueName`;
      expect(routes.queues, queue[1]['QueueName'], place, 'queue');
    }
  }
  return problems;
}

/** A timer of the function that runs jobs says in its payload which. */
function jobProblems(payload: string | undefined, known: Known, at: string): readonly Problem[] {
  try {
    jobTasks(payload ?? '', known);
    return [];
  } catch (error) {
    if (!(error instanceof InvalidJobCall)) throw error;
    return [{ path: `${at}.triggerConfig.payload`, message: error.message }];
  }
}

/** The repository's own functions and routes. */
export async function surroundings(root: string = ROOT): Promise<Surroundings> {
  const files = await readdir(path.join(root, 'functions')).catch(() => []);
  const functions = files
    .filter((file) => /^[^.]+\.ts$/.test(file))
    .map((file) => file.slice(0, -'.ts'.length));
  const config = path.join(root, 'append.config.ts');
  if (!existsSync(config)) {
    return { functions, routes: null, access: accessRules(undefined), cors: false, scheduled: new Map() };
  }
  const loaded: { readonly default: Config } = await import(pathToFileURL(config).href);
  const { targets, queues, schedules, jobs, cors } = loaded.default;
  return {
    functions,
    routes: {
      queues: [...queues.keys()],
      schedules: [...schedules.keys()],
      jobs: [...jobs.keys()],
      logs: [...targets.values()].filter(({ format }) => format === 'log').map(({ name }) => name),
      retained: [...targets.values()].filter(({ retention }) => retention !== null).map(({ name }) => name),
    },
    access: accessRules(targets),
    cors: cors !== null,
    scheduled: schedules,
  };
}

async function main(): Promise<number> {
  const file = process.argv[2] ?? path.join(ROOT, 's.yaml');
  if (file.startsWith('-')) {
    process.stdout.write('Usage: npx tsx infra/deploy/check.ts [s.yaml]\n');
    return file === '--help' ? 0 : 1;
  }
  try {
    const problems = [
      ...checkTemplate(await readFile(file, 'utf8'), process.env, await surroundings()),
      ...(await jobMistakes(config.jobs.values())).map((message) => ({ path: 'append.config.ts', message })),
    ];
    for (const problem of problems) process.stderr.write(`${problem.path}: ${problem.message}\n`);
    process.stdout.write(
      problems.length === 0 ? `${file} can be deployed\n` : `${file}: ${problems.length} to mend\n`,
    );
    return problems.length === 0 ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${file}: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main();
