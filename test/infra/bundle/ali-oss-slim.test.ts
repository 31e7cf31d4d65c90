import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aliOssSlim } from '../../../infra/bundle/ali-oss-slim.ts';
import type { ossStore } from '../../../lib/store/oss.ts';
import type { ossBucket } from '../../../lib/store/oss-bucket.ts';
import { bucketContract } from '../../lib/store/bucket-contract.ts';
import { storeContract } from '../../lib/store/contract.ts';
import { openLocalBucket, openLocalOss } from '../../lib/store/local-oss.ts';

const ROOT = path.dirname(path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url)))));
const require = createRequire(import.meta.url);

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'ali-oss-slim-'));
});
afterAll(() => rm(dir, { recursive: true }));

/** Bundles a module's text as a function's bundle is made. Gives the file and what is in it. */
async function bundle(name: string, contents: string, resolveDir = ROOT) {
  const outfile = path.join(dir, name, 'index.cjs');
  const { metafile } = await esbuild.build({
    stdin: { contents, resolveDir },
    absWorkingDir: ROOT,
    outfile,
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    metafile: true,
    plugins: [aliOssSlim()],
    logLevel: 'silent',
  });
  return { outfile, outputs: Object.values(metafile.outputs) };
}

storeContract('OSS, from a slim bundle', async () => {
  const { outfile } = await bundle('store', "export { ossStore } from './lib/store/oss.ts';");
  const bundled: { ossStore: typeof ossStore } = require(outfile);
  return openLocalOss(bundled.ossStore);
});

bucketContract('OSS, from a slim bundle', async () => {
  const { outfile } = await bundle('bucket', "export { ossBucket } from './lib/store/oss-bucket.ts';");
  const bundled: { ossBucket: typeof ossBucket } = require(outfile);
  return openLocalBucket(bundled.ossBucket);
});

describe('a bundle of ali-oss made slim', () => {
  it('is small, and needs nothing but Node when it runs', async () => {
    const { outputs } = await bundle('size', "export { ossStore } from './lib/store/oss.ts';");
    expect(outputs).toHaveLength(1);
    expect(outputs[0]?.bytes).toBeLessThan(75_000);
    const needed = outputs.flatMap((output) => output.imports.map((imported) => imported.path));
    expect(needed.filter((name) => !require('node:module').isBuiltin(name))).toEqual([]);
  });

  it('says so when something is reached that was left out', async () => {
    const { outfile } = await bundle('plain', "export { default as OSS } from 'ali-oss';");
    const { OSS } = require(outfile);
    const keys = { accessKeyId: 'id', accessKeySecret: 'secret', region: 'oss-cn-hangzhou', bucket: 'logs' };
    await expect(new OSS(keys).head('a')).rejects.toThrow(/createRequest .*leaves out/);
    expect(() => new OSS(keys).authorizationV4('GET', {})).toThrow(/signUtils .*leaves out/);
    expect(() => new OSS(keys).checkBrowserAndVersion('x', '1')).toThrow(/bowser .*leaves out/);
  });

  it('is not made from another version of ali-oss than the one it was checked with', async () => {
    const other = path.join(dir, 'node_modules', 'ali-oss');
    await mkdir(path.join(other, 'lib'), { recursive: true });
    await writeFile(path.join(other, 'package.json'), '{"version":"6.99.0","main":"lib/client.js"}');
    await writeFile(path.join(other, 'lib', 'client.js'), 'module.exports = class {};');
    const built = bundle('other', "export { default } from 'ali-oss';", dir);
    await expect(built).rejects.toThrow(/ali-oss is 6\.99\.0/);
  });
});
