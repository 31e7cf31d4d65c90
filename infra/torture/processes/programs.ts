/** The programs of a run, bundled once, so that a writer that is killed is replaced in a moment. */
import path from 'node:path';
import * as esbuild from 'esbuild';
import { aliOssSlim } from '../../bundle/ali-oss-slim.ts';

export interface Programs {
  readonly writer: string;
  readonly store: string;
}

/** Bundles them into `dir`. */
export async function bundlePrograms(dir: string): Promise<Programs> {
  const source = (name: string) => path.join(import.meta.dirname, `${name}.ts`);
  await esbuild.build({
    entryPoints: [source('writer'), source('store')],
    outdir: dir,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    // ali-oss is CommonJS, and asks for modules of Node in its way.
    banner: { js: REQUIRE },
    keepNames: true,
    logLevel: 'silent',
    plugins: [aliOssSlim()],
  });
  return { writer: path.join(dir, 'writer.mjs'), store: path.join(dir, 'store.mjs') };
}

const REQUIRE =
  "import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);";
