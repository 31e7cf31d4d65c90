import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOCAL_BUCKET, LOCAL_KEY, LOCAL_REGION } from '../../infra/cli/stack.ts';
import { createAppender } from '../../lib/appender.ts';
import { createRetirer } from '../../lib/retirer.ts';
import { systemRuntime } from '../../lib/runtime.ts';
import { ossStore } from '../../lib/store/oss.ts';
import { ossBucket } from '../../lib/store/oss-bucket.ts';
import { readLog } from '../lib/append/reference.ts';
import { entombLog } from '../lib/entomb.ts';
import { cli, localOss, ROOT, run } from './stack.ts';

let local: Awaited<ReturnType<typeof localOss>>;
let port: string[];

beforeAll(async () => {
  local = await localOss();
  port = local.port;
});
afterAll(() => local.end());

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const where = path.join(local.dir, name);
  await writeFile(where, content);
  return where;
}

const cat = async (key: string): Promise<Buffer> => (await cli('cat', [key, ...port])).stdout;

/** The log that `append` writes to now, wherever the hour ends. */
const events = async (object: string) => readLog(await cat(object)).flatMap(({ records }) => records);
const objectIn = (said: Buffer): string => /in (\S+),/.exec(said.toString())?.[1] ?? '';

describe('npm run append', () => {
  it('puts a file of any bytes at the end of a raw object, and cat gives them back', async () => {
    const bytes = Buffer.from(Array.from({ length: 3000 }, (_, n) => (n * 7) % 256));
    const name = await file('bytes.bin', bytes);
    for (let n = 0; n < 2; n++)
      expect((await cli('append', ['notes/bytes.bin', name, ...port])).code).toBe(0);
    expect(await cat('notes/bytes.bin')).toEqual(Buffer.concat([bytes, bytes]));
  });

  it('takes standard input', async () => {
    const { code, stdout } = await cli('append', ['notes/stdin.txt', '-', ...port], 'from a pipe');
    expect([code, stdout.toString()]).toEqual([0, '11 B in notes/stdin.txt, which is 11 bytes long now\n']);
    expect((await cat('notes/stdin.txt')).toString()).toBe('from a pipe');
  });

  it('takes a file much larger than its memory, byte for byte', async () => {
    const name = path.join(local.dir, 'large.bin');
    const hash = createHash('sha256');
    const handle = await open(name, 'w');
    const piece = Buffer.alloc(1024 * 1024);
    for (let n = 0; n < 256; n++) {
      piece.writeUInt32LE(n, n);
      hash.update(piece);
      await handle.write(piece);
    }
    await handle.close();
    // What the process held at most, told by itself when it ends.
    const peak = await file(
      'peak.mjs',
      "process.on('exit', () => console.error('peak', process.resourceUsage().maxRSS));",
    );
    const flags = ['--import', peak, '--import', 'tsx'];
    const told = (stderr: string) => Number(/peak (\d+)/.exec(stderr)?.[1] ?? Number.NaN) * 1024;
    const appended = await run(process.execPath, [
      ...flags,
      'infra/cli/append.ts',
      'notes/large.bin',
      name,
      ...port,
    ]);
    expect(appended.code, appended.stderr).toBe(0);
    const read = await run(process.execPath, [...flags, 'infra/cli/cat.ts', 'notes/large.bin', ...port]);
    expect(createHash('sha256').update(read.stdout).digest('hex')).toBe(hash.digest('hex'));
    for (const stderr of [appended.stderr, read.stderr]) expect(told(stderr)).toBeLessThan(256 * 1024 * 1024);
  });

  it('appends the lines of a file to a log, each a record', async () => {
    const lines = Array.from({ length: 12_000 }, (_, n) => `{"n":${n}}`);
    const name = await file('lines.ndjson', `${lines.join('\n\n')}\n`);
    const { code, stdout, stderr } = await cli('append', ['events', name, ...port]);
    expect(code, stderr).toBe(0);
    expect((await events(objectIn(stdout))).map(({ line }) => line)).toEqual(lines);
  });

  it('stops on Ctrl-C and says how much is in', async () => {
    const name = await file('long.bin', Buffer.alloc(64 * 1024 * 1024, 'x'));
    const before = local.oss.stats()['append']?.['200'] ?? 0;
    local.oss.setRttMs(500);
    try {
      const args = ['--import', 'tsx', 'infra/cli/append.ts', 'notes/long.bin', name, ...port];
      const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe'] });
      let said = '';
      child.stderr.on('data', (chunk: Buffer) => {
        said += chunk;
      });
      const ended = once(child, 'close');
      await expect
        .poll(() => local.oss.stats()['append']?.['200'] ?? 0, { timeout: 30_000 })
        .toBeGreaterThan(before);
      child.kill('SIGINT');
      expect(await ended).toEqual([1, null]);
      const { length } = await cat('notes/long.bin');
      expect(length).toBeLessThan(64 * 1024 * 1024);
      expect(said).toContain(`The first ${(length / 1e6).toFixed(1)} MB are in notes/long.bin.`);
    } finally {
      local.oss.setRttMs(0);
    }
  });

  it('goes in once when answers are lost on the way', async () => {
    const bytes = Buffer.alloc(9 * 1024 * 1024, 'abcdefg');
    const name = await file('faulty.bin', bytes);
    local.oss.faults.add({
      fault: 'answer-lost',
      match: { operation: 'append', key: 'notes/faulty' },
      times: 4,
    });
    const { code, stderr } = await cli('append', ['notes/faulty.bin', name, ...port]);
    expect(code, stderr).toBe(0);
    expect((await cat('notes/faulty.bin')).equals(bytes)).toBe(true);
  });

  it.each([
    [['nowhere/x', 'FILE'], 'no target "nowhere"'],
    [['notes/../../x', 'FILE'], '".."'],
    [['notes', 'FILE'], 'path'],
    [['notes/x'], '--help'],
    [['notes/x', '/no/such/file'], '/no/such/file cannot be read'],
    [['notes/x', 'DIR'], 'directory'],
    [['notes/x', 'EMPTY'], 'empty'],
    [['events', 'BAD'], 'line 3'],
    [['/notes', 'FILE'], 'no target ""'],
    [['notes/x', 'FILE', '--no-such-flag'], '--no-such-flag'],
  ])('says what is wrong with %j in a line, and leaves nothing behind', async (args, message) => {
    const names: Record<string, string> = {
      FILE: await file('some.txt', 'x'),
      EMPTY: await file('empty.txt', ''),
      BAD: await file('bad.ndjson', '{"a":1}\n{"a":2}\n{"a":\n'),
      DIR: local.dir,
    };
    const before = local.oss.stats()['append'];
    const { code, stderr } = await cli('append', [...args.map((arg) => names[arg] ?? arg), ...port]);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^ {4}at /m);
    expect(code).toBeGreaterThan(0);
    expect(local.oss.stats()['append']).toEqual(before);
  });
});

describe('npm run cat', () => {
  it('writes a log to the end of its last segment, and anything else by itself', async () => {
    const client = ossStore({
      endpoint: local.oss.url,
      region: LOCAL_REGION,
      bucket: LOCAL_BUCKET,
      credentials: () => LOCAL_KEY,
      runtime: systemRuntime(),
    });
    for (const place of ['events/2001/x', 'notes/x']) {
      for (const mark of ['', '~00001', '~00002', '~00004']) {
        const bytes = Buffer.from(`${place}${mark}\n`);
        expect(await client.append(`${place}${mark}.ndjson`, 0, bytes, { timeoutMs: 10_000 })).toMatchObject({
          kind: 'appended',
        });
      }
    }
    const said = async (key: string) => (await cat(key)).toString();
    expect(await said('events/2001/x.ndjson')).toBe(
      'events/2001/x\nevents/2001/x~00001\nevents/2001/x~00002\n',
    );
    expect(await said('events/2001/x~00001.ndjson')).toBe('events/2001/x~00001\n');
    expect(await said('notes/x.ndjson')).toBe('notes/x\n');
  });

  it('tells on standard error what is left of a segment that retention has removed, and goes on', async () => {
    const runtime = systemRuntime();
    const bucket = ossBucket({
      endpoint: local.oss.url,
      region: LOCAL_REGION,
      bucket: LOCAL_BUCKET,
      credentials: () => LOCAL_KEY,
      runtime,
    });
    const appender = createAppender({ store: bucket, runtime, writer: 'test' });
    const key = 'events/2002/x.ndjson';
    const append = (id: string) =>
      appender.appendRecords(key, [{ line: Buffer.from(`"${id}"`), id, source: 's', timeMs: 0 }], {
        remainingMs: () => 10_000,
      });
    await append('old');
    await entombLog(bucket, createRetirer({ store: bucket, runtime, writer: 'retirer' }), key);
    await append('new');
    const { stdout, stderr } = await cli('cat', [key, ...port]);
    expect(stdout.toString()).toMatch(/^"new"\n\{"\$commit":/);
    expect(stderr).toMatch(
      /^events\/2002\/x\.ndjson was removed at .*; it had \d+ bytes\. Its records are in tables\/rows\/ \(rows\)\.\n$/,
    );
  });
});

describe('npm run cat and send', () => {
  it('say what is wrong, in a line', async () => {
    const none = path.join(local.dir, 'none');
    await mkdir(none);
    for (const [name, args, message] of [
      ['cat', ['no/such/key', ...port], 'no object no/such/key'],
      ['cat', [], '--help'],
      ['cat', ['a', '--data-dir', none], 'npm start'],
      ['cat', ['a', '--oss-port', 'x'], '--oss-port'],
      ['cat', ['a', '--oss-port', '1'], 'No OSS answers on port 1'],
      ['append', ['notes/x', 'README.md', '--oss-port', '1'], 'No OSS answers on port 1'],
      ['send', ['events', 'x', '--data-dir', none], 'npm start'],
      ['send', ['events'], '--help'],
      ['send', ['events', '@/no/such/file', '--fc-port', '1'], 'cannot be read'],
    ] as const) {
      const { code, stderr } = await cli(name, args);
      expect(stderr).toContain(message);
      expect(stderr).not.toMatch(/^ {4}at /m);
      expect(code).toBe(2);
    }
  });

  it('have a help each, as append and start do', async () => {
    for (const name of ['cli/cat', 'cli/send', 'cli/append', 'local/main']) {
      const { code, stdout } = await run(process.execPath, ['--import', 'tsx', `infra/${name}.ts`, '--help']);
      expect(code).toBe(0);
      expect(stdout.toString()).toContain('npm ');
    }
  });

  it('are what package.json runs', async () => {
    const { scripts } = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8'));
    expect(scripts).toMatchObject({
      cat: 'tsx infra/cli/cat.ts',
      send: 'tsx infra/cli/send.ts',
      append: 'tsx infra/cli/append.ts',
    });
  });
});
