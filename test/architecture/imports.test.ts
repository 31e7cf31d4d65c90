import { describe, expect, it } from 'vitest';
import { RULES } from './rules.ts';
import { parseSources } from './source.ts';
import { tree } from './tree.ts';

const CODE = /^(functions|lib|infra|test)\/.*\.ts$|^append\.config\.ts$/;

type Tree = Readonly<Record<string, string>>;

/** What each rule says about each tree of files; rules that are kept are left out. */
function violations(trees: readonly Tree[]): readonly Readonly<Record<string, readonly string[]>>[] {
  // All in one go, each in a directory of its own: starting the compiler is what takes time.
  const files = trees.flatMap((tree, at) =>
    Object.entries(tree).map(([file, text]) => [`${at}/${file}`, text] as const),
  );
  const parsed = parseSources(new Map(files));
  return trees.map((_, at) => {
    const own = parsed
      .filter(({ file }) => file.startsWith(`${at}/`))
      .map((source) => ({ ...source, file: source.file.slice(`${at}/`.length) }));
    const said = RULES.map(({ name, check }) => [name, check(own)] as const);
    return Object.fromEntries(said.filter(([, found]) => found.length > 0));
  });
}

describe('the repository', () => {
  const sources = parseSources(new Map([...tree()].filter(([file]) => CODE.test(file))));

  it('is read whole', () => {
    expect(sources.length).toBeGreaterThan(50);
    expect(sources.flatMap((source) => source.imports).length).toBeGreaterThan(100);
  });

  it.each(RULES)('$name', ({ check }) => {
    expect(check(sources)).toEqual([]);
  });
});

/** Rule by rule (by the start of its name): trees that break it and nothing else, and what is said about each. */
const BREACHES: Readonly<
  Record<string, readonly (readonly [Readonly<Record<string, string>>, ...string[]])[]>
> = {
  'lib/append imports nothing': [
    [{ 'lib/append/fold.ts': "import { z } from 'zod';" }, 'lib/append/fold.ts:1: imports zod'],
    [{ 'lib/append/fold.ts': "\nimport 'node:fs';" }, 'lib/append/fold.ts:2: imports node:fs'],
    [
      { 'lib/append/fold.ts': "import type { A } from '../runtime.ts';" },
      'lib/append/fold.ts:1: imports lib/runtime.ts',
    ],
    [
      { 'lib/append/fold.ts': "export * from '../appender.ts';" },
      'lib/append/fold.ts:1: imports lib/appender.ts',
    ],
    [{ 'lib/append/fold.ts': "const a = await import('zod');" }, 'lib/append/fold.ts:1: imports zod'],
    [{ 'lib/append/fold.ts': "type A = import('zod').ZodType;" }, 'lib/append/fold.ts:1: imports zod'],
  ],
  'lib/aggregate plans': [
    [{ 'lib/aggregate/plan.ts': "import 'node:fs';" }, 'lib/aggregate/plan.ts:1: imports node:fs'],
    [
      { 'lib/aggregate/plan.ts': "import '../runtime.ts';" },
      'lib/aggregate/plan.ts:1: imports lib/runtime.ts',
    ],
    [
      { 'lib/aggregate/plan.ts': "import './duckdb/engine.ts';" },
      'lib/aggregate/plan.ts:1: imports lib/aggregate/duckdb/engine.ts',
    ],
  ],
  'lib/store never': [
    [{ 'lib/store/port.ts': "import '../append/log.ts';" }, 'lib/store/port.ts:1: imports lib/append/log.ts'],
    [{ 'lib/store/oss.ts': "import '../shim/index.ts';" }, 'lib/store/oss.ts:1: imports lib/shim/index.ts'],
    [{ 'lib/store/oss.ts': "import '../http.ts';" }, 'lib/store/oss.ts:1: imports lib/http.ts'],
    [
      { 'lib/store/oss.ts': "import '../aggregate/plan.ts';" },
      'lib/store/oss.ts:1: imports lib/aggregate/plan.ts',
    ],
  ],
  'an adapter of the store is named only': [
    [{ 'lib/appender.ts': "import './store/oss.ts';" }, 'lib/appender.ts:1: imports lib/store/oss.ts'],
    [{ 'lib/store/port.ts': "import './memory.ts';" }, 'lib/store/port.ts:1: imports lib/store/memory.ts'],
    [
      { 'lib/http/app.ts': "import '../store/oss/sign.ts';" },
      'lib/http/app.ts:1: imports lib/store/oss/sign.ts',
    ],
    [
      { 'infra/build.ts': "import '../lib/store/oss-client.ts';" },
      'infra/build.ts:1: imports lib/store/oss-client.ts',
    ],
  ],
  'an adapter of the store never': [
    [
      { 'lib/store/memory.ts': "import './oss-http.ts';" },
      'lib/store/memory.ts:1: imports lib/store/oss-http.ts',
    ],
  ],
  'ali-oss is imported only': [
    [{ 'lib/appender.ts': "import type OSS from 'ali-oss';" }, 'lib/appender.ts:1: imports ali-oss'],
    [
      { 'infra/cli/cat.ts': "import 'ali-oss/lib/client.js';" },
      'infra/cli/cat.ts:1: imports ali-oss/lib/client.js',
    ],
    [{ 'functions/http.ts': "import 'ali-oss';" }, 'functions/http.ts:1: imports ali-oss'],
  ],
  'the clients of Function Compute': [
    [
      { 'lib/invoke/invoker.ts': "import '@alicloud/fc2';" },
      'lib/invoke/invoker.ts:1: imports @alicloud/fc2',
    ],
    [
      { 'functions/aggregate.ts': "await import('@alicloud/fc20230330');" },
      'functions/aggregate.ts:1: imports @alicloud/fc20230330',
    ],
  ],
  'an adapter of the invoker': [
    [{ 'lib/invoke/fc2.ts': "import './fc3.ts';" }, 'lib/invoke/fc2.ts:1: imports lib/invoke/fc3.ts'],
    [
      { 'lib/aggregator/run.ts': "import '../invoke/fc3.ts';" },
      'lib/aggregator/run.ts:1: imports lib/invoke/fc3.ts',
    ],
  ],
  'DuckDB is imported only': [
    [
      { 'lib/aggregator/run.ts': "import { DuckDBInstance } from '@duckdb/node-api';" },
      'lib/aggregator/run.ts:1: imports @duckdb/node-api',
    ],
    [{ 'functions/http.ts': "import '@duckdb/node-api';" }, 'functions/http.ts:1: imports @duckdb/node-api'],
  ],
  'lib never imports': [
    [{ 'lib/config.ts': "import '../functions/http.ts';" }, 'lib/config.ts:1: imports functions/http.ts'],
    [{ 'lib/config.ts': "import '../infra/build.ts';" }, 'lib/config.ts:1: imports infra/build.ts'],
    [{ 'lib/config.ts': "import '../test/world.ts';" }, 'lib/config.ts:1: imports test/world.ts'],
  ],
  'infra/local/oss never': [
    [
      { 'infra/local/oss/disk/a.ts': "import '../../../../lib/append/b.ts';", 'lib/append/b.ts': '' },
      'infra/local/oss/disk/a.ts → lib/append/b.ts',
    ],
    [
      {
        'infra/local/oss/a.ts': "import '../../../lib/reader.ts';",
        'lib/reader.ts': "import './append/b.ts';",
        'lib/append/b.ts': '',
      },
      'infra/local/oss/a.ts → lib/reader.ts → lib/append/b.ts',
    ],
  ],
  'the environment': [
    [{ 'functions/http.ts': "const a = process.env['B'];" }, 'functions/http.ts:1: uses process.env'],
    [{ 'lib/runtime.ts': "const a = process['env'].B;" }, 'lib/runtime.ts:1: uses process.env'],
    [{ 'lib/a.ts': 'const { env } = process;' }, 'lib/a.ts:1: uses process'],
    [{ 'lib/a.ts': 'const a = globalThis.process.env;' }, 'lib/a.ts:1: uses process.env'],
    [{ 'lib/a.ts': "import { env as e } from 'node:process';" }, 'lib/a.ts:1: uses node:process#env'],
  ],
  'clock, timers': [
    [{ 'lib/runtimes.ts': 'const a = Date.now();' }, 'lib/runtimes.ts:1: uses Date.now'],
    [{ 'lib/a.ts': 'const a = 1;\nconst b = Date.now();' }, 'lib/a.ts:2: uses Date.now'],
    [{ 'functions/web.ts': 'const a = new Date();' }, 'functions/web.ts:1: uses new Date()'],
    [{ 'lib/a.ts': 'const a = new Date;' }, 'lib/a.ts:1: uses new Date()'],
    [{ 'lib/a.ts': 'const a = performance.now();' }, 'lib/a.ts:1: uses performance.now'],
    [{ 'lib/a.ts': 'const a = process.hrtime.bigint();' }, 'lib/a.ts:1: uses process.hrtime'],
    [{ 'lib/a.ts': `const a = \`x\${Math.random()}\`;` }, 'lib/a.ts:1: uses Math.random'],
    [{ 'lib/a.ts': 'const a = crypto.randomUUID();' }, 'lib/a.ts:1: uses crypto.randomUUID'],
    [
      { 'lib/a.ts': "import { randomBytes as r } from 'node:crypto';" },
      'lib/a.ts:1: uses node:crypto#randomBytes',
    ],
    [
      { 'lib/a.ts': "import { setTimeout } from 'node:timers/promises';" },
      'lib/a.ts:1: uses node:timers/promises',
    ],
    [{ 'lib/a.ts': 'setTimeout(() => {}, 5);' }, 'lib/a.ts:1: uses setTimeout()'],
    [{ 'lib/a.ts': 'globalThis.setInterval(f, 5);' }, 'lib/a.ts:1: uses setInterval()'],
    [{ 'lib/a.ts': 'const wait = { setImmediate };' }, 'lib/a.ts:1: uses setImmediate'],
    [{ 'lib/store/oss.ts': "console.log('x');" }, 'lib/store/oss.ts:1: uses console.log'],
    [{ 'lib/a.ts': 'const log = console;' }, 'lib/a.ts:1: uses console'],
  ],
  'nothing asks': [
    [{ 'lib/config.ts': "const a = host === 'localhost';" }, 'lib/config.ts:1: uses localhost'],
    [{ 'lib/a.ts': `const a = \`http://127.0.0.1:\${port}\`;` }, 'lib/a.ts:1: uses http://127.0.0.1:'],
    [{ 'functions/web.ts': 'if (isLocal()) start();' }, 'functions/web.ts:1: uses isLocal()'],
    [
      { 'lib/config.ts': "const a = env['NODE_ENV'];" },
      'lib/config.ts:1: uses NODE_ENV',
      'lib/config.ts:1: uses env.NODE_ENV',
    ],
  ],
  'imports never go': [
    [{ 'lib/a.ts': "import './b.ts';", 'lib/b.ts': "import './a.ts';" }, 'lib/a.ts → lib/b.ts → lib/a.ts'],
    [
      {
        'test/b.ts': "import './c.ts';",
        'test/c.ts': "import type { D } from './d.ts';",
        'test/d.ts': "import './b.ts';",
      },
      'test/b.ts → test/c.ts → test/d.ts → test/b.ts',
    ],
  ],
};

describe('the rules', () => {
  it('each have a breach here that shows them work', () => {
    const begins = Object.keys(BREACHES);
    expect(RULES.map(({ name }) => begins.find((start) => name.startsWith(start)))).toEqual(begins);
  });

  const caught = violations(Object.values(BREACHES).flatMap((breaches) => breaches.map(([tree]) => tree)));

  it.each(Object.entries(BREACHES))('catch: %s …', (start, breaches) => {
    const rule = RULES.find(({ name }) => name.startsWith(start))?.name ?? '';
    for (const [, ...said] of breaches) expect(caught).toContainEqual({ [rule]: said });
    expect(caught.filter((found) => rule in found)).toHaveLength(breaches.length);
  });

  it('take comments, texts, types, members and injected clocks for what they are', () => {
    expect(
      violations([
        {
          'lib/a.ts': `
          // Date.now(), process.env, import 'ali-oss'
          /** localhost */
          const text = 'Date.now() process.env console.log';
          const re = /"Math.random()/;
          const at = new Date(clock.now());
          const parsed = Date.parse(text);
          clock.setTimeout(() => {}, 5);
          const port: { setTimeout(f: () => void): void; console: string } = { setTimeout: f, console: text };
          import { createHash } from 'node:crypto';
          process.on('SIGTERM', stop);
          isLocale(text);`,
          'lib/runtime.ts':
            'export const now = () => Date.now(); console.log(Math.random()); setTimeout(now, 5);',
          'lib/runtime/clock.ts': 'export const now = () => performance.now();',
          'lib/config/deployment.ts': "export const region = process.env['OSS_REGION'];",
          'lib/config.ts': "export const bucket = process.env['OSS_BUCKET'];",
          'lib/store/oss.ts': "import OSS from 'ali-oss'; import './oss-client.ts'; import './port.ts';",
          'lib/append/a.ts': "import './b.ts';",
          'functions/http.ts': "import '../lib/store/oss.ts';",
          'infra/local/main.ts':
            "import '../../lib/store/oss.ts'; console.log(Date.now(), process.env.HOME, 'localhost');",
          'test/a.ts': "import 'ali-oss'; import '../infra/local/main.ts';",
        },
      ]),
    ).toEqual([{}]);
  });
});
