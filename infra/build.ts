/**
 * The build: one self-contained CommonJS bundle for each file in `functions/`.
 *
 *     dist/<name>/index.js       what Function Compute loads: handler `index.handler`, or `node index.js` for a server
 *     dist/<name>/package.json   says CommonJS, since the repository around it is ESM
 *     dist/maps/<name>.js.map    the source map, outside the directory that is uploaded
 *
 *     dist/<name>/node_modules   packages with machine code, where a function needs some (bundle/native.ts)
 *
 * A bundle carries everything else it needs: whatever would be looked up when it runs, and is not part of Node, fails the
 * build. So does a bundle over its bound, since its size is paid for by every cold start. Nothing is written unless
 * every bundle is sound.
 */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import * as esbuild from 'esbuild';
import { aliOssSlim } from './bundle/ali-oss-slim.ts';
import { alicloudSlim } from './bundle/alicloud-slim.ts';
import { jsonSchemas } from './bundle/json-schemas.ts';
import { type Native, nativeFiles, placeFiles } from './bundle/native.ts';

/**
 * Largest bundle. Loading and compiling this much takes Node a few tens of milliseconds of a cold start. The functions
 * themselves have at most 320,000; the rest is for the validators of a configuration's schemas, a few thousand each.
 */
export const BUNDLE_BYTES_MAX = 400_000;

/**
 * What a function may carry beyond that. A run of a job takes seconds, and the clients of Function Compute, which make up
 * most of the bundle, are loaded by the few that hand work over.
 */
const ALLOWANCES: Readonly<Record<string, Allowance>> = {
  aggregate: { bytesMax: 800_000, packages: ['@duckdb/node-api'] },
};

interface Allowance {
  readonly bytesMax: number;
  /** Packages that lie beside the bundle. */
  readonly packages: readonly string[];
}

const allowance = (name: string): Allowance =>
  ALLOWANCES[name] ?? { bytesMax: BUNDLE_BYTES_MAX, packages: [] };

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const MAPS = 'maps';

export interface BuildOptions {
  /** Directory whose `*.ts` files are the functions, beside `append.config.ts`. Default: `functions/` of this repository. */
  readonly functionsDir?: string;
  /** Where the bundles go. Default: `dist/` of this repository. */
  readonly outDir?: string;
  /** Also write esbuild's metafile, as `maps/<name>.meta.json`, to see what a bundle is made of. */
  readonly metafile?: boolean;
}

export interface Bundle {
  readonly name: string;
  /** The file that Function Compute loads. */
  readonly file: string;
  readonly bytes: number;
  readonly gzipBytes: number;
  readonly bytesMax: number;
  /** Of the packages beside it. */
  readonly packagesBytes: number;
  /** Packages that it needs where it is deployed, and that npm leaves out on this machine. */
  readonly missing: readonly string[];
}

/** What is wrong with the functions, one problem a line. Nothing was written. */
export class BuildError extends Error {
  override readonly name = 'BuildError';
}

/** Builds every function. Throws `BuildError`. */
export async function build(options: BuildOptions = {}): Promise<readonly Bundle[]> {
  const functionsDir = options.functionsDir ?? path.join(ROOT, 'functions');
  const outDir = options.outDir ?? path.join(ROOT, 'dist');
  const plugins = [
    aliOssSlim(),
    alicloudSlim(),
    jsonSchemas(path.join(path.dirname(functionsDir), 'append.config.ts')),
  ];
  const built = await Promise.all(
    (await functionNames(functionsDir)).map((name) =>
      bundle(name, path.join(functionsDir, `${name}.ts`), plugins),
    ),
  );
  const problems = built.flatMap((one) => one.problems);
  if (problems.length > 0) throw new BuildError(problems.join('\n'));
  return Promise.all(built.map((one) => write(one, outDir, options.metafile ?? false)));
}

async function functionNames(functionsDir: string): Promise<readonly string[]> {
  const files = await readdir(functionsDir).catch((cause: unknown) => {
    throw new BuildError(`${functionsDir}: there is no such directory`, { cause });
  });
  const names = files.filter((file) => /^[^.]+\.ts$/.test(file)).map((file) => file.slice(0, -'.ts'.length));
  if (names.length === 0) throw new BuildError(`${functionsDir}: holds no function (no *.ts file)`);
  if (names.includes(MAPS))
    throw new BuildError(`${functionsDir}: "${MAPS}" names the source maps; rename it`);
  return names.sort();
}

interface Built {
  readonly name: string;
  readonly code: Uint8Array;
  readonly map: Uint8Array;
  readonly metafile: esbuild.Metafile;
  readonly native: Native;
  readonly problems: readonly string[];
}

async function bundle(name: string, entry: string, plugins: esbuild.Plugin[]): Promise<Built> {
  const result = await esbuild
    .build({
      entryPoints: [entry],
      absWorkingDir: ROOT,
      outfile: 'index.js',
      bundle: true,
      platform: 'node',
      external: [...allowance(name).packages],
      // The newest runtime that Function Compute offers, and CommonJS, which all of its loaders take.
      target: 'node20',
      format: 'cjs',
      minify: true,
      // Errors are told apart by their class's name, in logs and by Function Compute (`errorType`).
      keepNames: true,
      charset: 'utf8',
      // An uncaught error prints the line it came from: not half the bundle.
      lineLimit: 160,
      legalComments: 'none',
      sourcemap: 'external',
      metafile: true,
      write: false,
      logLevel: 'silent',
      plugins,
      // In CommonJS `import.meta` is an empty object; code that reads it would only break when it runs.
      logOverride: { 'empty-import-meta': 'error' },
    })
    .catch((cause: unknown) => {
      throw new BuildError(failureText(cause), { cause });
    });
  const output = (suffix: string) =>
    result.outputFiles.find((file) => file.path.endsWith(suffix))?.contents ?? new Uint8Array();
  const code = output('index.js');
  const packages = outside(result.metafile).filter((wanted) => allowance(name).packages.includes(wanted));
  return {
    name,
    code,
    map: output('index.js.map'),
    metafile: result.metafile,
    native: await nativeFiles(ROOT, packages),
    problems: [...oversize(name, code.length), ...missing(name, result.metafile)],
  };
}

function oversize(name: string, bytes: number): readonly string[] {
  const { bytesMax } = allowance(name);
  if (bytes <= bytesMax) return [];
  return [`${name}: the bundle has ${bytes} bytes, more than ${bytesMax}; see --metafile for what is in it`];
}

/** Packages the bundle would look up when it runs. */
function outside(metafile: esbuild.Metafile): readonly string[] {
  const imported = Object.values(metafile.outputs)
    .flatMap((output) => output.imports)
    .filter(({ external, path: wanted }) => external === true && !isBuiltin(wanted));
  return [...new Set(imported.map(({ path: wanted }) => wanted))];
}

/** Those that are nowhere to be found in the function. */
function missing(name: string, metafile: esbuild.Metafile): readonly string[] {
  return outside(metafile)
    .filter((wanted) => !allowance(name).packages.includes(wanted))
    .map((wanted) => `${name}: needs "${wanted}" when it runs, and the bundle does not contain it`);
}

async function write(built: Built, outDir: string, metafile: boolean): Promise<Bundle> {
  const dir = path.join(outDir, built.name);
  const file = path.join(dir, 'index.js');
  const maps = path.join(outDir, MAPS);
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true });
  await mkdir(maps, { recursive: true });
  await Promise.all([
    writeFile(file, built.code),
    writeFile(path.join(dir, 'package.json'), '{"type":"commonjs"}\n'),
    writeFile(path.join(maps, `${built.name}.js.map`), built.map),
    metafile && writeFile(path.join(maps, `${built.name}.meta.json`), JSON.stringify(built.metafile)),
    placeFiles(built.native.files, dir),
  ]);
  return {
    name: built.name,
    file,
    bytes: built.code.length,
    gzipBytes: gzipSync(built.code).length,
    bytesMax: allowance(built.name).bytesMax,
    packagesBytes: built.native.files.reduce((sum, { bytes }) => sum + bytes, 0),
    missing: built.native.missing,
  };
}

function failureText(cause: unknown): string {
  if (!(cause instanceof Error && 'errors' in cause && Array.isArray(cause.errors))) return String(cause);
  const messages: esbuild.Message[] = cause.errors;
  return messages
    .map(({ location, text }) =>
      location ? `${location.file}:${location.line}:${location.column}: ${text}` : text,
    )
    .join('\n');
}

const HELP = `Usage: npm run build -- [options]

Bundles each functions/*.ts into dist/<name>/index.js, ready for \`s deploy\`.

  --functions DIR   where the functions are     (default: functions)
  --out DIR         where the bundles go        (default: dist)
  --metafile        also write dist/maps/<name>.meta.json, for esbuild's bundle analyser
  --help            show this
`;

async function main(): Promise<number> {
  try {
    const { values } = parseArgs({
      options: {
        functions: { type: 'string' },
        out: { type: 'string' },
        metafile: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      process.stdout.write(HELP);
      return 0;
    }
    const bundles = await build({
      metafile: values.metafile,
      ...(values.functions !== undefined && { functionsDir: path.resolve(values.functions) }),
      ...(values.out !== undefined && { outDir: path.resolve(values.out) }),
    });
    process.stdout.write(table(bundles));
    const lacking = bundles.filter(({ missing }) => missing.length > 0);
    for (const { name, missing } of lacking) {
      const install = `npm install --no-save --force ${missing.join(' ')}`;
      process.stderr.write(`${name} runs here, but not where it is deployed to, without: ${install}\n`);
    }
    return lacking.length === 0 ? 0 : 1;
  } catch (error) {
    process.stderr.write(`build failed\n${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

function table(bundles: readonly Bundle[]): string {
  const number = (value: number) => value.toLocaleString('en-US').padStart(11);
  const rows = bundles.map(({ name, bytes, gzipBytes, bytesMax, packagesBytes }) => {
    const beside = packagesBytes === 0 ? '' : `   and ${number(packagesBytes).trim()} beside it`;
    return `${name.padEnd(12)}${number(bytes)}${number(gzipBytes)}${number(bytesMax)}${beside}\n`;
  });
  return `${'function'.padEnd(12)}${['bytes', 'gzip', 'bound'].map((title) => title.padStart(11)).join('')}\n${rows.join('')}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main();
