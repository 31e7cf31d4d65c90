/** Functions with schemas in their configuration, as they are built and loaded. */
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BuildError, build } from '../../../infra/build.ts';
import type { Config } from '../../../lib/config.ts';
import { CASES } from '../../lib/schema/cases.ts';

const ROOT = path.join(import.meta.dirname, '../../..');

let root: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'oss-append-schemas-'));
  for (const name of ['lib', 'node_modules']) await symlink(path.join(ROOT, name), path.join(root, name));
  await mkdir(path.join(root, 'functions'));
});

afterEach(() => rm(root, { recursive: true }));

/** Builds a function that hands out its configuration, with these schemas by target (as source text), and loads it. */
async function built(schemas: Readonly<Record<string, string>>, before = '') {
  const targets = Object.entries(schemas).map(
    ([name, schema]) => `${name}: { format: 'log', key: '${name}/x', schema: ${schema} }`,
  );
  await writeFile(
    path.join(root, 'append.config.ts'),
    `import { defineConfig } from './lib/config.ts';
    ${before}
    export default defineConfig({ targets: { free: { format: 'log', key: 'free/x' }, ${targets.join(', ')} } });`,
  );
  await writeFile(
    path.join(root, 'functions/f.ts'),
    `import config from '../append.config.ts'; export { config };`,
  );
  const outDir = path.join(root, 'dist');
  const [bundle] = await build({ functionsDir: path.join(root, 'functions'), outDir, metafile: true });
  const meta: { inputs: object } = JSON.parse(await readFile(path.join(outDir, 'maps/f.meta.json'), 'utf8'));
  const load = (): Config => createRequire(import.meta.url)(bundle?.file ?? '').config;
  const ofAjv = Object.keys(meta.inputs).filter((file) => /node_modules\/(ajv|fast-)/.test(file));
  return { load, ofAjv, bytes: bundle?.bytes ?? 0 };
}

describe('a bundle', () => {
  it('has the validators of its schemas, which say what Ajv says, and not Ajv', async () => {
    const named = CASES.map(({ schema }, at) => [`t${at}`, JSON.stringify(schema)] as const);
    const { load, ofAjv } = await built(Object.fromEntries(named));
    const { targets } = load();
    for (const [at, { name, fits, misfits }] of CASES.entries()) {
      const schema = targets.get(`t${at}`)?.schema;
      const told = (json: string) =>
        schema?.check(JSON.parse(json)).map(({ pointer, keyword }) => [pointer, keyword]);
      for (const json of fits) expect([name, json, told(json)]).toEqual([name, json, []]);
      for (const [json, ...places] of misfits) expect([name, json, told(json)]).toEqual([name, json, places]);
    }
    // Counting characters, and comparing values.
    expect(ofAjv.filter((file) => !/ajv\/dist\/runtime\/|fast-deep-equal/.test(file))).toEqual([]);
  });

  it('has the validator of a schema in a file of its own', async () => {
    await writeFile(path.join(root, 'order.schema.json'), '{"type":"object","required":["order"]}');
    const { load } = await built(
      { orders: 'order' },
      "import order from './order.schema.json' with { type: 'json' };",
    );
    expect(load().targets.get('orders')?.schema?.check({})).toEqual([
      { pointer: '/order', keyword: 'required' },
    ]);
  });

  it('has nothing of them without a schema', async () => {
    const { load, ofAjv } = await built({});
    expect(load().targets.get('free')?.schema).toBeNull();
    expect(ofAjv).toEqual([]);
  });

  it('is not built of a configuration with mistakes, which are told', async () => {
    const failure = built({ orders: '{ type: "strng" }' });
    await expect(failure).rejects.toBeInstanceOf(BuildError);
    await expect(failure).rejects.toThrow(/targets\.orders\.schema\.type: must be equal to one of/);
  });

  it('does not load with another schema than it was built with', async () => {
    const { load } = await built({ orders: '{ maximum: Object(globalThis).ordersMax ?? 1 }' });
    Object.assign(globalThis, { ordersMax: 2 });
    try {
      expect(load).toThrow(
        /targets\.orders\.schema: is another than when the function was built; build it again/,
      );
    } finally {
      Reflect.deleteProperty(globalThis, 'ordersMax');
    }
    expect(load().targets.get('orders')?.schema?.check(2)).toHaveLength(1);
  });
});
