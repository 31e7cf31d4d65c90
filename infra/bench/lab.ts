/**
 * Where measurements happen: programs in processes of their own, and a directory for what they write. Both are gone
 * when the lab is closed, also in the middle of a measurement.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import * as esbuild from 'esbuild';
import { type Bundle, build } from '../build.ts';
import { aliOssSlim } from '../bundle/ali-oss-slim.ts';
import { Child } from './child.ts';
import type { AggregateMethods } from './programs/aggregate.ts';
import type { BatchMethods } from './programs/batch.ts';
import type { HttpLoadMethods } from './programs/http-load.ts';
import type { OssMethods, StartOss } from './programs/oss.ts';
import type { OurMethods } from './programs/ours.ts';
import type { RecipeMethods } from './programs/recipe.ts';

interface Programs {
  readonly oss: OssMethods;
  readonly ours: OurMethods;
  readonly recipe: RecipeMethods;
  readonly batch: BatchMethods;
  readonly 'http-load': HttpLoadMethods;
  readonly aggregate: AggregateMethods;
}

export interface LabOss {
  readonly url: string;
  readonly child: Child<OssMethods>;
}

/** As the functions are built: what is compared is what is deployed. */
const BUNDLING = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  minify: true,
  keepNames: true,
  logLevel: 'silent',
} as const satisfies esbuild.BuildOptions;

export const ALI_OSS = createRequire(import.meta.url).resolve('ali-oss');

export class Lab {
  readonly #dir: string;
  readonly #running = new Set<ChildProcess>();
  #functions: Promise<readonly Bundle[]> | undefined;
  #dataDirs = 0;
  #closed = false;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  static async open(): Promise<Lab> {
    const lab = new Lab(await mkdtemp(path.join(os.tmpdir(), 'oss-append-bench-')));
    try {
      await Promise.all([
        lab.#bundle(['oss', 'cold-start', 'batch'], []),
        lab.#bundle(['ours'], [aliOssSlim()]),
        lab.#bundle(['recipe', 'ali-oss-web', 'http-load'], [installed('ali-oss'), installed('autocannon')]),
        lab.#bundle(['aggregate'], [installed('@duckdb/node-api')]),
      ]);
      return lab;
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  async #bundle(names: readonly string[], plugins: esbuild.Plugin[]): Promise<void> {
    const entryPoints = names.map((name) => path.join(import.meta.dirname, 'programs', `${name}.ts`));
    await esbuild.build({ ...BUNDLING, entryPoints, outdir: this.#dir, plugins });
  }

  program(name: keyof Programs | 'cold-start' | 'ali-oss-web'): string {
    return path.join(this.#dir, `${name}.cjs`);
  }

  /** The functions as they are deployed, built on first use. */
  async functions(): Promise<ReadonlyMap<string, string>> {
    this.#functions ??= build({ outDir: path.join(this.#dir, 'dist') });
    return new Map((await this.#functions).map(({ name, file }) => [name, file]));
  }

  start<Name extends keyof Programs>(name: Name, env: NodeJS.ProcessEnv = {}): Child<Programs[Name]> {
    this.#check();
    const child = new Child<Programs[Name]>(this.program(name), { ...environment(), ...env });
    this.#track(child.process);
    return child;
  }

  /** Any process of Node. */
  spawn(args: readonly string[], env: NodeJS.ProcessEnv, stdio: SpawnOptions['stdio']): ChildProcess {
    this.#check();
    const child = spawn(process.execPath, args, { stdio, env: { ...environment(), ...env } });
    this.#track(child);
    return child;
  }

  /** An OSS with nothing in it. */
  async oss(options: Omit<StartOss, 'dataDir'>): Promise<LabOss> {
    const child = this.start('oss');
    const dataDir = path.join(this.#dir, `data-${++this.#dataDirs}`);
    child.process.once('exit', () => void rm(dataDir, { recursive: true, force: true }));
    return { child, url: await child.call('start', { ...options, dataDir }) };
  }

  /** A directory, gone when `work` has ended. */
  async withDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
    const directory = await mkdtemp(path.join(this.#dir, 'work-'));
    try {
      return await work(directory);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  /** Ends every process that runs, and waits for it. */
  async clear(): Promise<void> {
    await Promise.all(
      [...this.#running].map(async (child) => {
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
      }),
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.clear();
    await rm(this.#dir, { recursive: true, force: true, maxRetries: 3 });
  }

  #check(): void {
    if (this.#closed) throw new Error('The bench was stopped.');
  }

  #track(child: ChildProcess): void {
    if (child.pid === undefined) return;
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
  }
}

/** A package as users have it: installed, not bundled. */
function installed(name: string): esbuild.Plugin {
  const path = createRequire(import.meta.url).resolve(name);
  return {
    name: `installed ${name}`,
    setup: (build) => {
      build.onResolve({ filter: new RegExp(`^${name}$`) }, () => ({ path, external: true }));
    },
  };
}

/** What a program needs to run; nothing of the caller's settings. */
function environment(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env;
  return { PATH, HOME, TMPDIR, TZ: 'UTC' };
}
