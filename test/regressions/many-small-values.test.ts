/**
 * A record was checked by building its tree, which for 32 MB of small values takes 1 GB: one request ended the instance,
 * with the calls of everybody else in it.
 */
import { expect, it } from 'vitest';
import { run } from '../e2e/stack.ts';

it.each([
  ['objects', "'[' + '{},'.repeat(1e7) + '{}]'"],
  ['deep arrays', "'['.repeat(1e6) + ']'.repeat(1e6)"],
])('checks a large record of %s without the memory of its tree', async (_, text) => {
  const program = `
    import { jsonLine } from './lib/append/record.ts';
    const bytes = Buffer.from(${text});
    if (jsonLine(bytes).length !== bytes.length) throw new Error('changed');
    console.log('checked');`;
  const flags = ['--max-old-space-size=192', '--import', 'tsx', '--input-type=module', '-e', program];
  const { stdout, stderr } = await run(process.execPath, flags);
  expect(stdout.toString(), stderr.slice(-500)).toBe('checked\n');
});
