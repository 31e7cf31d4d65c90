/**
 * An esbuild plugin that puts the validators of the configuration's schemas into a bundle, in the place of
 * `lib/schema/compile.ts`: Ajv makes them when the bundle is built, and stays out of it.
 *
 * For this the configuration is loaded, so one with mistakes does not get built. A function that finds another schema in
 * its configuration than was there then, which takes a configuration that is not the same everywhere, does not start.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import { compileFunction } from 'node:vm';
import standaloneCode from 'ajv/dist/standalone/index.js';
import * as esbuild from 'esbuild';
import type { Config } from '../../lib/config.ts';
import { compiled } from '../../lib/schema/ajv.ts';
import { schemaHash } from '../../lib/schema/hash.ts';
import type { JsonSchema } from '../../lib/schema/types.ts';

const COMPILE = /[\\/]lib[\\/]schema[\\/]compile\.ts$/;
const NAMESPACE = 'json-schema';
const LIB = path.join(import.meta.dirname, '../../lib/schema');

/** `configFile` is loaded once, for all bundles, if one of them has use for it. */
export function jsonSchemas(configFile: string): esbuild.Plugin {
  let loading: Promise<ReadonlyMap<string, JsonSchema>> | undefined;
  const schemas = () => {
    loading ??= schemasOf(configFile);
    return loading;
  };
  return {
    name: 'json-schemas',
    setup(build) {
      build.onLoad({ filter: COMPILE }, async () => {
        try {
          return { contents: lookup([...(await schemas()).keys()]), loader: 'ts', resolveDir: LIB };
        } catch (error) {
          return { errors: [{ text: error instanceof Error ? error.message : String(error) }] };
        }
      });
      build.onResolve({ filter: /^json-schema:/ }, ({ path: name }) => ({
        path: name.slice(NAMESPACE.length + 1),
        namespace: NAMESPACE,
      }));
      build.onLoad({ filter: /./, namespace: NAMESPACE }, async ({ path: hash }) => {
        const { ajv, validate } = compiled((await schemas()).get(hash) ?? true, { source: true });
        // What its code needs of Ajv's runtime is looked for from here.
        return {
          contents: standaloneCode.default(ajv, validate),
          loader: 'js',
          resolveDir: import.meta.dirname,
        };
      });
    },
  };
}

/** The module that stands for `lib/schema/compile.ts`. Without a schema there is next to nothing in it. */
function lookup(hashes: readonly string[]): string {
  const imports = hashes.map((hash, index) => `import v${index} from '${NAMESPACE}:${hash}';`);
  const entries = hashes.map((hash, index) => `['${hash}', v${index}]`);
  return `
    import { schemaHash } from './hash.ts';
    import { SchemaMistake } from './types.ts';
    ${imports.join('\n')}
    const built = new Map([${entries.join(', ')}]);
    export function compile(document) {
      const found = built.get(schemaHash(document));
      if (found) return found;
      throw new SchemaMistake([], 'is another than when the function was built; build it again');
    }`;
}

/** Bundled before it is loaded: it may be anywhere, and changed since this process has begun. */
async function schemasOf(file: string): Promise<ReadonlyMap<string, JsonSchema>> {
  const { outputFiles } = await esbuild.build({
    entryPoints: [file],
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    write: false,
    logLevel: 'silent',
  });
  const module: { exports: { default?: Config } } = { exports: {} };
  const code = outputFiles[0]?.text ?? '';
  compileFunction(code, ['module', 'exports', 'require'], { filename: file })(
    module,
    module.exports,
    createRequire(file),
  );
  const targets = [...(module.exports.default?.targets.values() ?? [])];
  const documents = targets.flatMap(({ schema }) => (schema === null ? [] : [schema.document]));
  return new Map(documents.map((document) => [schemaHash(document), document]));
}
