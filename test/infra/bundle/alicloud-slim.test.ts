import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { build } from '../../../infra/build.ts';
import { KEY, start, tempDir } from '../local/fc/support.ts';

const run = promisify(execFile);
const REPOSITORY = path.join(import.meta.dirname, '../../..');

/** Calls a function by both clients, and prints how it ended. */
const SOURCE = `
  import { fc2Invoker } from '${REPOSITORY}/lib/invoke/fc2.ts';
  import { fc3Invoker } from '${REPOSITORY}/lib/invoke/fc3.ts';
  import { systemRuntime } from '${REPOSITORY}/lib/runtime.ts';
  export async function main(endpoint: string, functionName: string) {
    const credentials = () => (${JSON.stringify({ ...KEY, securityToken: '' })});
    const options = { endpoint, region: 'cn-hangzhou', accountId: '1', functionName, credentials, runtime: systemRuntime() };
    for (const invoker of [fc2Invoker({ ...options, serviceName: 'demo' }), fc3Invoker(options)]) {
      const ended = await invoker.invoke({ job: 'j', group: null }).then(() => 'taken', ({ code, status, cause }) => [code, status, cause.message]);
      console.log(JSON.stringify(ended));
    }
  }`;

it('the clients of Function Compute work without what is left out of a bundle, and so do their refusals', async () => {
  const dir = tempDir();
  mkdirSync(path.join(dir, 'functions'));
  writeFileSync(path.join(dir, 'functions/aggregate.ts'), SOURCE);
  await build({ functionsDir: path.join(dir, 'functions'), outDir: path.join(dir, 'dist') });
  const fc = await start({ f: { source: 'exports.handler = async () => {};' } });
  const call = async (functionName: string) => {
    const code = `require('${dir}/dist/aggregate').main('${fc.apiUrl}', '${functionName}')`;
    const { stdout } = await run(process.execPath, ['-e', code], { cwd: dir });
    return stdout
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
  };
  expect(await call('f')).toEqual(['taken', 'taken']);
  const refusal = ['FunctionNotFound', 404, expect.stringContaining("no function 'g'")];
  expect(await call('g')).toEqual([refusal, refusal]);
  await fc.idle();
});
