/** The rules of the tree, each a pure function from sources to what breaks it. */
import path from 'node:path';
import type { Found, Source } from './source.ts';

/** One line that breaks a rule: `lib/a.ts:12: imports ali-oss`. */
export type Violation = string;

export interface Rule {
  readonly name: string;
  readonly check: (sources: readonly Source[]) => readonly Violation[];
}

const isRelative = (specifier: string) => specifier.startsWith('.');
const isIn = (directory: string, file: string) =>
  file === `${directory}.ts` || file.startsWith(`${directory}/`);
/** Code that runs in the cloud. */
const isDeployed = ({ file }: Source) => isIn('lib', file) || isIn('functions', file);
/** lib/config.ts and lib/config/deployment.ts are all of the kind lib/config. */
const isKindOf = (kind: string, file: string) =>
  file.startsWith(kind) && /^[-./]/.test(file.slice(kind.length));
/** The name of the store's adapter that the file belongs to: `oss` for lib/store/oss.ts and lib/store/oss-client.ts. */
const adapterOf = (file: string): string | null =>
  /^lib\/store\/(oss|memory)(?=[-./])/.exec(file)?.[1] ?? null;

/** The file that a relative specifier means, or the package as it stands. */
function target(file: string, specifier: string): string {
  return isRelative(specifier) ? path.posix.join(path.posix.dirname(file), specifier) : specifier;
}

/** A rule about which imports may stand in which file. */
function imports(
  name: string,
  applies: (file: string) => boolean,
  forbids: (target: string, file: string) => boolean,
): Rule {
  const check = (sources: readonly Source[]) =>
    sources
      .filter(({ file }) => applies(file))
      .flatMap(({ file, imports: found }) =>
        found
          .map(({ text, line }) => ({ to: target(file, text), line }))
          .filter(({ to }) => forbids(to, file))
          .map(({ to, line }) => `${file}:${line}: imports ${to}`),
      );
  return { name, check };
}

/** A rule about what deployed code, apart from `<except>*.ts` and what is under `<except>/`, may touch. */
function uses(name: string, except: string | null, pick: (source: Source) => readonly Found[]): Rule {
  const check = (sources: readonly Source[]) =>
    sources
      .filter((source) => isDeployed(source) && !(except !== null && isKindOf(except, source.file)))
      .flatMap((source) => pick(source).map(({ text, line }) => `${source.file}:${line}: uses ${text}`));
  return { name, check };
}

/** Packages whose very purpose is a clock or a timer. */
const CLOCK_MODULES = /^(node:)?(timers|perf_hooks)(\/|$)/;
const CLOCKS = /^(Date\.now|new Date\(\)|Date\(\)|performance\.\w+|process\.(hrtime|uptime))$/;
const TIMERS = /^(setTimeout|setInterval|setImmediate)\b/;
const RANDOM = /^(Math\.random|crypto\.(random\w*|getRandomValues))$/;
const RANDOM_NAMES = /^(node:)?crypto#(random\w*|getRandomValues|webcrypto)$/;
const CONSOLE = /^console\b/;
const ENVIRONMENT = /^process(\.env|\[\])?$|^(node:)?process#env$/;
const LOCAL_TEXT = /localhost|127\.0\.0\.1|\[::1\]|NODE_ENV/;
const LOCAL_NAME = /^is_?(running_?)?local(?!e)|\.NODE_ENV\b/i;

const among = (found: readonly Found[], ...patterns: RegExp[]) =>
  found.filter(({ text }) => patterns.some((pattern) => pattern.test(text)));

export const RULES: readonly Rule[] = [
  imports(
    'lib/append imports nothing but lib/append: no other part, no package, no module of Node but a hash',
    (file) => isIn('lib/append', file),
    (to, file) => !isIn('lib/append', to) && !(file === 'lib/append/digest.ts' && to === 'node:crypto'),
  ),
  imports(
    'lib/aggregate plans and does nothing: apart from the adapters in its directories it imports itself, lib/append, keys, zod and a hash',
    (file) => /^lib\/aggregate\/[^/]+$/.test(file),
    (to) =>
      !isIn('lib/append', to) &&
      !/^lib\/aggregate\/[^/]+$/.test(to) &&
      !['lib/key.ts', 'lib/key-template.ts', 'zod/mini', 'node:crypto'].includes(to),
  ),
  imports(
    'lib/store never imports append, shim, http or aggregate',
    (file) => isIn('lib/store', file),
    (to) => ['append', 'shim', 'http', 'aggregate'].some((part) => isIn(`lib/${part}`, to)),
  ),
  imports(
    'an adapter of the store is named only by functions, infra/local, infra/cli, infra/bundle, infra/bench, infra/torture, tests and itself',
    (file) =>
      !['functions', 'infra/local', 'infra/cli', 'infra/bundle', 'infra/bench', 'infra/torture', 'test'].some(
        (part) => isIn(part, file),
      ),
    (to, file) => adapterOf(to) !== null && adapterOf(file) === null,
  ),
  imports(
    'an adapter of the store never imports another',
    (file) => adapterOf(file) !== null,
    (to, file) => adapterOf(to) !== null && adapterOf(to) !== adapterOf(file),
  ),
  imports(
    'ali-oss is imported only by its adapter, infra/bundle, the peers of infra/bench and tests',
    (file) =>
      adapterOf(file) !== 'oss' &&
      !['infra/bundle', 'infra/bench/programs', 'test'].some((part) => isIn(part, file)),
    (to) => /^ali-oss(\/|$)/.test(to),
  ),
  imports(
    'the clients of Function Compute are imported only by the adapters in lib/invoke and tests',
    (file) => !/^lib\/invoke\/fc[23]\.ts$/.test(file) && !isIn('test', file),
    (to) => /^@(alicloud|darabonba)\//.test(to),
  ),
  imports(
    'an adapter of the invoker is named only by functions and tests',
    (file) => !isIn('functions', file) && !isIn('test', file),
    (to) => /^lib\/invoke\/fc[23]\.ts$/.test(to),
  ),
  imports(
    'DuckDB is imported only by its adapter, lib/aggregate/duckdb/database.ts, the peers of infra/bench and tests',
    (file) =>
      file !== 'lib/aggregate/duckdb/database.ts' &&
      !['infra/bench/programs', 'test'].some((part) => isIn(part, file)),
    (to) => /^@duckdb(\/|$)/.test(to),
  ),
  imports(
    'lib never imports functions, infra or test',
    (file) => isIn('lib', file),
    (to) => ['functions', 'infra', 'test'].some((part) => isIn(part, to)),
  ),
  {
    name: 'infra/local/oss never reaches lib/append, directly or through others',
    check: (sources) => reaching(sources, 'infra/local/oss', 'lib/append'),
  },
  uses('the environment is read only in lib/config', 'lib/config', ({ globals, names }) =>
    among([...globals, ...names], ENVIRONMENT),
  ),
  uses(
    'clock, timers, randomness and console are used only in lib/runtime',
    'lib/runtime',
    ({ globals, names, imports: all }) => [
      ...among(globals, CLOCKS, TIMERS, RANDOM, CONSOLE),
      ...among(names, RANDOM_NAMES),
      ...among(all, CLOCK_MODULES),
    ],
  ),
  uses('nothing asks whether it runs locally', null, ({ globals, texts }) => [
    ...among(texts, LOCAL_TEXT),
    ...among(globals, LOCAL_NAME),
  ]),
  { name: 'imports never go in a circle', check: cycles },
];

/** The imports between the sources. */
function graph(sources: readonly Source[]): ReadonlyMap<string, readonly string[]> {
  const files = new Set(sources.map(({ file }) => file));
  return new Map(
    sources.map(({ file, imports: found }) => [
      file,
      found.map(({ text }) => target(file, text)).filter((to) => files.has(to)),
    ]),
  );
}

function reaching(sources: readonly Source[], from: string, to: string): readonly Violation[] {
  const edges = graph(sources);
  const starts = [...edges.keys()].filter((file) => isIn(from, file));
  return starts.flatMap((start) => {
    const trail = walk(edges, [start], (file) => isIn(to, file), new Set());
    return trail === null ? [] : [trail.join(' → ')];
  });
}

function cycles(sources: readonly Source[]): readonly Violation[] {
  const edges = graph(sources);
  const known = new Set<string>();
  for (const start of edges.keys()) {
    const trail = walk(edges, [start], (file) => file === start, new Set());
    if (trail === null) continue;
    // The same circle is found from each of its files: it is told from the first of them.
    const circle = trail.slice(0, -1);
    const first = circle.indexOf([...circle].sort()[0] ?? start);
    known.add([...circle.slice(first), ...circle.slice(0, first + 1)].join(' → '));
  }
  return [...known];
}

/** The shortest-found way on from the trail's end to a file that is wanted, or null. */
function walk(
  edges: ReadonlyMap<string, readonly string[]>,
  trail: readonly string[],
  wanted: (file: string) => boolean,
  seen: Set<string>,
): readonly string[] | null {
  for (const next of edges.get(trail.at(-1) ?? '') ?? []) {
    if (wanted(next)) return [...trail, next];
    if (seen.has(next)) continue;
    seen.add(next);
    const found = walk(edges, [...trail, next], wanted, seen);
    if (found !== null) return found;
  }
  return null;
}
