import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLog } from '../lib/append/reference.ts';
import { newDataDir, ROOT, type Running, removeDataDir, run, startStack } from './stack.ts';

/** The shell blocks of a section of README.md. */
async function blocksOf(heading: string): Promise<string[]> {
  const text = await readFile(path.join(ROOT, 'README.md'), 'utf8');
  const section = text.split(/^#{2,3} /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block);
}

describe('the README', () => {
  let dataDir: string;
  let stack: Running;
  beforeAll(async () => {
    dataDir = await newDataDir();
    stack = await startStack(dataDir);
  });
  afterAll(async () => {
    await stack.end('SIGINT');
    await removeDataDir(dataDir);
  });

  it('starts and tests with two commands that package.json and CI have', async () => {
    expect(await blocksOf('On your machine')).toEqual(['npm ci && npm start\n', 'npm ci && npm test\n']);
    const { scripts } = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8'));
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(['start', 'test']));
    expect(await readFile(path.join(ROOT, '.ci/run'), 'utf8')).toMatch(/npm ci.* && .*npm test/);
  });

  /** Runs the commands of a section as they are, on the ports and data of this test; gives what they say. */
  async function walked(heading: string): Promise<string> {
    const [walk = ''] = await blocksOf(heading);
    const here = walk
      .replaceAll('http://127.0.0.1:9000', `http://127.0.0.1:${stack.httpPort}`)
      .replaceAll(/npm run --silent (\w+)(?: --)?/g, `npm run --silent $1 -- --data-dir ${dataDir}`);
    expect(here).not.toBe(walk);
    const { code, stdout, stderr } = await run('bash', ['-euo', 'pipefail', '-c', here]);
    expect(code, `${stdout}\n${stderr}`).toBe(0);
    return stdout.toString();
  }

  it('has a first walk that works as it is written', async () => {
    const said = await walked('A first walk');
    // Over HTTP, and by the command line.
    expect(said.split('first line\nsecond line\n')).toHaveLength(3);
    expect(said).toContain('"repeat":false');
    expect(said).toContain('"repeat":true');
    expect(said).toMatch(/"messageId":"\w+"/);
    const lines = said.split('\n');
    expect(lines.filter((line) => line === '{"order":17}')).toHaveLength(1);
    expect(lines.some((line) => line.startsWith('{"$commit":'))).toBe(true);

    const hour = new Date().toISOString().slice(0, 13).replace(/[-T]/g, '/');
    const fromQueue = async () => {
      const { content } = await stack.client().get(`events/${hour}.ndjson`);
      return readLog(content as Buffer).flatMap(({ records }) => records.map(({ line }) => line));
    };
    await expect.poll(fromQueue, { timeout: 30_000 }).toContain('{"order":18}');
  }, 120_000);

  it('makes tables of records, and again of late ones, as it is written', async () => {
    const said = await walked('Jobs');
    const table = /^id +time +amount +data\n(?:.*\n){3}/m.exec(said)?.[0].split('\n').slice(2, 4);
    expect(table?.map((line) => line.split(/ {2,}/))).toEqual([
      ['1', '2026-11-22 20:30:10', '3', '{"amount":3}'],
      ['2', '2026-11-22 20:30:50', '4', '{"amount":4}'],
    ]);
    // Window, revision, row, rows, records, amount. The timer may run the jobs, too, and before there are two records.
    const lines = [...said.matchAll(/^2026-11-22T20:30Z .*$/gm)].map(([line]) => line.split(/ {2,}/));
    const revisionOf = (records: string, amount: string) =>
      Number(lines.find((line) => line[4] === records && line[5] === amount)?.[1]);
    expect(revisionOf('2', '7')).toBeGreaterThanOrEqual(1);
    expect(revisionOf('3', '12')).toBeGreaterThan(revisionOf('2', '7'));
    expect(lines.at(-1)?.[4]).toBe('3');
    expect(said).toMatch(/^events-per-minute +rollup +events +stats /m);
  }, 120_000);

  it('shows the configuration that is shipped', async () => {
    const text = await readFile(path.join(ROOT, 'README.md'), 'utf8');
    const shipped = await readFile(path.join(ROOT, 'append.config.ts'), 'utf8');
    const shown = /^```ts\n(.*?)^```$/ms.exec(text)?.[1];
    /** Without comments, layout and the commas that come with it. */
    const code = (source = '') =>
      source
        .replaceAll(/^\s*(\/\*\*.*?\*\/|\/\/[^\n]*)\n/gms, '')
        .replaceAll(/\s+/g, '')
        .replaceAll(',}', '}');
    expect(code(shown)).toBe(code(shipped));
  });
});
