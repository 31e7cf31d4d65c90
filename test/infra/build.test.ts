import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BUNDLE_BYTES_MAX, BuildError, build } from '../../infra/build.ts';

const run = promisify(execFile);
const REPOSITORY = path.join(import.meta.dirname, '../..');

const HANDLER = `
  import { shout } from './shared/shout.ts';
  export class TooLoud extends Error {}
  export const handler = async (event: Uint8Array): Promise<string> => {
    if (event.length > 10) throw new TooLoud('sssh');
    return shout(Buffer.from(event).toString());
  };`;

let root: string;
let functionsDir: string;
let outDir: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'oss-append-build-'));
  functionsDir = path.join(root, 'functions');
  outDir = path.join(root, 'dist');
  await write('shared/shout.ts', 'export const shout = (text: string): string => text.toUpperCase();');
});

afterEach(() => rm(root, { recursive: true }));

async function write(file: string, text: string): Promise<void> {
  const whole = path.join(functionsDir, file);
  await mkdir(path.dirname(whole), { recursive: true });
  await writeFile(whole, text);
}

const failure = () =>
  build({ functionsDir, outDir }).then(
    () => null,
    (error: unknown) => error,
  );

describe('build', () => {
  it('makes of each function a CommonJS module that loads without the repository', async () => {
    await write('echo.ts', HANDLER);
    const [bundle, ...others] = await build({ functionsDir, outDir });
    expect(others).toEqual([]);
    expect(bundle).toMatchObject({ name: 'echo', file: path.join(outDir, 'echo/index.js') });
    const loaded = createRequire(import.meta.url)(path.join(outDir, 'echo'));
    expect(await loaded.handler(Buffer.from('hello'), {})).toBe('HELLO');
  });

  it('uploads the bundle and nothing else; its source map stays outside', async () => {
    await write('echo.ts', HANDLER);
    await build({ functionsDir, outDir });
    expect(await readdir(path.join(outDir, 'echo'))).toEqual(['index.js', 'package.json']);
    const map: unknown = JSON.parse(await readFile(path.join(outDir, 'maps/echo.js.map'), 'utf8'));
    expect(map).toMatchObject({
      sources: expect.arrayContaining([expect.stringContaining('shared/shout.ts')]),
    });
  });

  it('keeps the names of error classes, which callers tell errors apart by', async () => {
    await write('echo.ts', HANDLER);
    await build({ functionsDir, outDir });
    const { handler } = createRequire(import.meta.url)(path.join(outDir, 'echo'));
    const error: unknown = await handler(Buffer.from('much too loud')).catch((caught: unknown) => caught);
    expect(error instanceof Error && error.constructor.name).toBe('TooLoud');
  });

  it('replaces what an earlier build left in the function', async () => {
    await write('echo.ts', HANDLER);
    await build({ functionsDir, outDir });
    await writeFile(path.join(outDir, 'echo/stale.js'), '');
    await build({ functionsDir, outDir });
    expect(existsSync(path.join(outDir, 'echo/stale.js'))).toBe(false);
  });

  it('puts packages with machine code beside the one function that may have them', async () => {
    const text = `
      import { DuckDBInstance } from '@duckdb/node-api';
      export const handler = async () => {
        const connection = await (await DuckDBInstance.create()).connect();
        return (await connection.runAndReadAll('SELECT 6 * 7')).getRows();
      };`;
    await write('aggregate.ts', text);
    // Where the repository resolves its packages from.
    await symlink(path.join(REPOSITORY, 'node_modules'), path.join(root, 'node_modules'));
    const [bundle] = await build({ functionsDir, outDir });
    expect(bundle?.packagesBytes).toBeGreaterThan(10_000_000);
    const dir = path.join(outDir, 'aggregate');
    const here = `node-bindings-${process.platform}-${process.arch}`;
    expect(await readdir(path.join(dir, 'node_modules/@duckdb'))).toEqual(
      expect.arrayContaining(['node-api', 'node-bindings', here]),
    );
    await rm(path.join(root, 'node_modules'));
    const code = `require('${dir}').handler().then((rows) => console.log(JSON.stringify(rows)))`;
    expect((await run(process.execPath, ['-e', code], { cwd: dir })).stdout).toBe('[[42]]\n');

    await rm(path.join(functionsDir, 'aggregate.ts'));
    await write('http.ts', text);
    await symlink(path.join(REPOSITORY, 'node_modules'), path.join(root, 'node_modules'));
    expect(await failure()).toBeInstanceOf(BuildError);
  });

  it('reports the sizes of what it wrote', async () => {
    await write('echo.ts', HANDLER);
    const [bundle] = await build({ functionsDir, outDir });
    const bytes = (await readFile(path.join(outDir, 'echo/index.js'))).length;
    expect(bundle?.bytes).toBe(bytes);
    expect(bundle?.gzipBytes).toBeLessThan(bytes);
  });

  it.each([
    [
      'a bundle over the bound',
      `export const handler = () => "${'x'.repeat(BUNDLE_BYTES_MAX)}";`,
      /broken: .*more than 400000/,
    ],
    ['a package that is not there', "import 'no-such-package-9c1';", /broken\.ts:1:\d+: Could not resolve/],
    [
      'a package it would look up when it runs',
      "try { require('no-such-package-9c1'); } catch {}",
      /needs "no-such-package-9c1" when it runs/,
    ],
    [
      'code that reads import.meta, which is empty in CommonJS',
      'export const at = import.meta.url;',
      /broken\.ts:1:\d+: "import\.meta"/,
    ],
    [
      'a top-level await, which CommonJS lacks',
      'export const at = await fetch("x");',
      /broken\.ts:1:\d+: Top-level await/,
    ],
    ['a syntax error', 'export const = 1;', /broken\.ts:1:\d+: Expected identifier/],
  ])('refuses %s, and writes none of the functions', async (_, text, message) => {
    await write('echo.ts', HANDLER);
    await write('broken.ts', text);
    const error = await failure();
    expect(error).toBeInstanceOf(BuildError);
    expect(error).toMatchObject({ message: expect.stringMatching(message) });
    expect(existsSync(outDir)).toBe(false);
  });

  it('names every function that is wrong, not just the first', async () => {
    const huge = `export const handler = () => "${'x'.repeat(BUNDLE_BYTES_MAX)}";`;
    await write('one.ts', huge);
    await write('two.ts', huge);
    expect(await failure()).toMatchObject({ message: expect.stringMatching(/^one: .*\ntwo: /) });
  });

  it('refuses a directory without functions', async () => {
    expect(await failure()).toMatchObject({ message: expect.stringContaining('holds no function') });
    functionsDir = path.join(root, 'nowhere');
    expect(await failure()).toMatchObject({ message: expect.stringContaining('no such directory') });
  });
});

describe('npm run build', () => {
  const cli = (...args: string[]) =>
    run(process.execPath, ['--import', 'tsx', 'infra/build.ts', ...args], { cwd: REPOSITORY });

  it('prints each bundle, its size, its gzip size and its bound', async () => {
    await write('echo.ts', HANDLER);
    const { stdout } = await cli('--functions', functionsDir, '--out', outDir, '--metafile');
    expect(stdout).toMatch(/^echo +[\d,]+ +[\d,]+ +400,000$/m);
    expect(existsSync(path.join(outDir, 'maps/echo.meta.json'))).toBe(true);
  });

  it('says plainly what is wrong, and fails', async () => {
    await expect(cli('--functions', path.join(root, 'nowhere'))).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^build failed\n.*nowhere: there is no such directory\n$/),
    });
    await expect(cli('--fast')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining("'--fast'"),
    });
  });

  it('--help says how to use it', async () => {
    expect((await cli('--help')).stdout).toContain('--metafile');
  });
});
