import { spawn } from 'node:child_process';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';

const ROOT = path.join(import.meta.dirname, '../..');

async function torture(...args: string[]) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'infra/torture/main.ts', ...args], { cwd: ROOT });
  const [code, out, err] = await Promise.all([
    new Promise<number | null>((resolve) => child.once('close', resolve)),
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code, out, err };
}

describe('npm run torture', () => {
  it('runs the seeds it is given and says that every promise was kept', async () => {
    const { code, out } = await torture('--seed', '300', '--seeds', '20');
    expect(out).toMatch(
      /^20 seeds, \d+ calls, \d+ faults, \d+ seeds\/s, from seed 300 on: every promise was kept\n$/,
    );
    expect(code).toBe(0);
  });

  it('runs seeds of jobs', async () => {
    const { code, out } = await torture('--aggregate', '--seed', '300', '--seeds', '5');
    expect(out).toMatch(
      /^5 seeds, \d+ calls, \d+ faults, \d+ seeds\/s, from seed 300 on: every promise was kept\n$/,
    );
    expect(code).toBe(0);
  });

  it('says how it is used, and what is wrong with a flag', async () => {
    expect((await torture('--help')).out).toContain('npm run torture -- --seed 4711 --seeds 1');
    const { code, err } = await torture('--seeds', 'many');
    expect(err).toContain('--seeds many: give a whole number');
    expect(code).toBe(2);
  });
});
