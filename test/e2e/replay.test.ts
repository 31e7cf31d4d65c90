import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import FcClient from '@alicloud/fc2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOCAL_BUCKET, LOCAL_KEY, LOCAL_REGION } from '../../infra/cli/stack.ts';
import { readLog } from '../lib/append/reference.ts';
import { cli, newDataDir, ROOT, type Running, removeDataDir, startStack } from './stack.ts';

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

/** The records of a log's first segment; none if it is not there. */
async function records(key: string): Promise<{ source: string; id: string; line: string }[]> {
  try {
    const { content } = await stack.client().get(key);
    return readLog(content as Buffer).flatMap(({ records }) => records);
  } catch (error) {
    if ((error as { code?: string }).code === 'NoSuchKey') return [];
    throw error;
  }
}

const ids = async (key: string) => (await records(key)).map(({ id }) => id);

/** A message as an event stream brings it, of a day in the past that no other test writes to. */
const message = (
  day: string,
  queue: string,
  messageId: string,
  data: object = { messageBody: messageId },
) => ({
  id: `event-${messageId}`,
  source: 'MNS',
  specversion: '1.0',
  type: 'mns:Queue:SendMessage',
  subject: `acs:mns:cn-hangzhou:1:queues/${queue}`,
  time: `2026-11-${day}T05:00:00.000Z`,
  data: { requestId: 'r', messageId, ...data },
});

async function deliver(items: readonly unknown[]): Promise<void> {
  const client = new FcClient('1234567890123456', {
    accessKeyID: LOCAL_KEY.accessKeyId,
    accessKeySecret: LOCAL_KEY.accessKeySecret,
    region: LOCAL_REGION,
    endpoint: `http://127.0.0.1:${stack.fcPort}`,
  });
  const { data } = await client.invokeFunction('oss-append', 'append-queue', JSON.stringify(items));
  expect(JSON.parse(String(data))).toEqual({ batchItemFailures: [] });
}

/** A configuration with more queues than the shipped one. */
async function mended(name: string, queues: readonly string[]): Promise<string> {
  const file = path.join(dataDir, `${name}.config.ts`);
  const routes = Object.fromEntries(queues.map((queue) => [queue, { target: 'events' }]));
  await writeFile(
    file,
    `import { defineConfig } from ${JSON.stringify(pathToFileURL(path.join(ROOT, 'lib/config.ts')).href)};
export default defineConfig({
  targets: { events: { format: 'log', key: 'events/{time:yyyy/MM/dd/HH}.ndjson' } },
  queues: ${JSON.stringify(routes)},
});
`,
  );
  return file;
}

const replay = (...args: readonly string[]) => cli('replay', ['--data-dir', dataDir, ...args]);

describe('npm run replay', () => {
  it('adds what a mended configuration can take, once, and leaves the rest', async () => {
    const target = 'events/2026/11/20/05.ndjson';
    const batch = [
      message('20', 'events', 'good-1'),
      message('20', 'orders', 'lost-1', { messageBody: '{"n":9007199254740993}' }),
      message('20', 'events', 'broken', { secret: 4711 }),
      message('20', 'strangers', 'lost-2'),
      null,
      message('20', 'events', 'good-2'),
    ];
    await deliver(batch);
    await deliver(batch);
    expect(await ids(target)).toEqual(['good-1', 'good-2']);
    const parked = (await records('dead-letters/orders/2026/11/20.ndjson')).map(({ line }) =>
      JSON.parse(line),
    );
    expect(parked).toEqual([
      {
        queue: 'orders',
        source: 'queue/orders',
        id: 'lost-1',
        time: '2026-11-20T05:00:00.000Z',
        form: 'message',
        from: 'acs:mns',
        reason: { code: 'UnknownQueue', message: expect.stringContaining('"orders"') },
        attributes: {},
        body: '{"n":9007199254740993}',
      },
    ]);
    const [broken, ...more] = await records('dead-letters/events/2026/11/20.ndjson');
    expect(more).toEqual([]);
    expect(JSON.parse(JSON.parse(broken?.line ?? '').body)).toEqual(batch[2]);

    const config = await mended('orders', ['events', 'orders']);
    const dry = await replay('--config', config, '--until', '2026-11-21', '--dry-run');
    expect(dry.stderr).toBe('');
    expect(dry.stdout.toString()).toContain(`would go to  "orders" "lost-1" 2026-11-20T05:00:00.000Z`);
    expect(dry.stdout.toString()).toContain(`1 letter would be sent again, 2 still cannot be appended`);
    expect(await ids(target)).toEqual(['good-1', 'good-2']);

    const first = await replay('--config', config, '--until', '2026-11-21');
    expect(first.code, first.stderr).toBe(0);
    expect(first.stdout.toString()).toContain(
      '1 letter sent again, 0 were in already, 2 still cannot be appended, 0 were sent again before.',
    );
    expect(first.stdout.toString()).toMatch(
      /still bad +"strangers" "lost-2".*UnknownQueue: No target is set/,
    );
    expect(first.stdout.toString()).toMatch(/still bad +"events" "event-broken\/.*Malformed smq event/);
    expect(first.stdout.toString()).not.toContain('4711');
    expect((await records(target)).map(({ source, id, line }) => [source, id, line])).toEqual([
      ['queue/events', 'good-1', '"good-1"'],
      ['queue/events', 'good-2', '"good-2"'],
      ['queue/orders', 'lost-1', '{"n":9007199254740993}'],
    ]);

    const all = await records(target);
    const again = await replay('--config', config, '--queue', 'orders', '--all');
    expect(again.stdout.toString()).toContain('sent before  "orders" "lost-1"');
    expect(again.stdout.toString()).toContain('0 letters sent again, 0 were in already');
    expect(again.stdout.toString()).toContain('1 were sent again before.');
    expect(await records(target)).toEqual(all);
    const log = await records('dead-letters/orders/2026/11/20.ndjson');
    expect(log.map(({ source, id }) => [source, id])).toEqual([
      ['dead/orders', 'lost-1'],
      ['replay/orders', 'lost-1'],
    ]);
  });

  it('knows what is in without a mark, and marks it', async () => {
    await deliver([message('19', 'returns', 'r-1')]);
    const config = await mended('returns', ['returns']);
    const flags = ['--config', config, '--queue', 'returns'];
    expect((await replay(...flags)).stdout.toString()).toContain('1 letter sent again, 0 were in');
    // The log as it was when the letter was in and not marked yet: the run was killed in between.
    const { content } = await stack.client().get('dead-letters/returns/2026/11/19.ndjson');
    const [parked] = readLog(content as Buffer);
    const copy = 'dead-letters/returns/2026/11/copy.ndjson';
    await stack.client().append(copy, (content as Buffer).subarray(0, parked?.appendEnd));
    for (const [wasIn, before] of [
      [1, 0],
      [0, 1],
    ]) {
      const { stdout } = await replay(...flags, '--key', copy);
      expect(stdout.toString()).toContain(`0 letters sent again, ${wasIn} were in already`);
      expect(stdout.toString()).toContain(`${before} were sent again before`);
    }
    expect(await ids('events/2026/11/19/05.ndjson')).toEqual(['r-1']);
  });

  it('is safe to stop with Ctrl-C, and goes on', async () => {
    const names = Array.from({ length: 1200 }, (_, n) => `many-${n}`);
    await deliver(names.map((name) => message('18', 'many', name)));
    const config = await mended('many', ['many']);
    const flags = ['--data-dir', dataDir, '--config', config, '--queue', 'many'];
    const target = 'events/2026/11/18/05.ndjson';
    const slow = (rttMs: number) =>
      fetch(`http://127.0.0.1:${stack.ossPort}/-/rtt`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ rttMs }),
      });
    await slow(300);
    const args = ['--import', 'tsx', 'infra/cli/replay.ts', ...flags];
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        said += chunk;
      });
    }
    const ended = once(child, 'close');
    await expect.poll(() => ids(target), { timeout: 60_000 }).not.toEqual([]);
    child.kill('SIGINT');
    expect(await ended).toEqual([1, null]);
    await slow(0);
    expect(said).toContain('Stopped. What is done is marked.');
    const done = (await ids(target)).length;
    expect(done).toBeLessThan(names.length);
    expect(said).toContain(`${done} letters sent again`);

    const second = await cli('replay', flags);
    expect(second.stdout.toString()).toContain(
      `${names.length - done} letters sent again, 0 were in already, 0 still cannot be appended, ${done} were sent again before.`,
    );
    expect(await ids(target)).toEqual(names);
  });

  it('reaches the OSS that the environment names', async () => {
    const env = {
      PATH: process.env['PATH'],
      OSS_ENDPOINT: `http://127.0.0.1:${stack.ossPort}`,
      OSS_REGION: LOCAL_REGION,
      OSS_BUCKET: LOCAL_BUCKET,
    };
    const keys = {
      ALIBABA_CLOUD_ACCESS_KEY_ID: LOCAL_KEY.accessKeyId,
      ALIBABA_CLOUD_ACCESS_KEY_SECRET: LOCAL_KEY.accessKeySecret,
    };
    const said = async (more: NodeJS.ProcessEnv) => {
      const args = ['--import', 'tsx', 'infra/cli/replay.ts', '--dry-run', '--queue', 'nowhere'];
      const child = spawn(process.execPath, args, { cwd: ROOT, env: { ...env, ...more } });
      const chunks: Buffer[] = [];
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => chunks.push(chunk));
      await once(child, 'close');
      return Buffer.concat(chunks).toString();
    };
    expect(await said(keys)).toContain('0 letters would be sent again');
    expect(await said({})).toContain('Set ALIBABA_CLOUD_ACCESS_KEY_ID');
  });

  it.each([
    [['orders'], 'with flags'],
    [['--since', 'yesterday'], '--since yesterday'],
    [['--until', '2026-13-01'], '--until 2026-13-01'],
    [['--config', '/no/such/file.ts'], 'no configuration'],
    [['--no-such-flag'], '--no-such-flag'],
    [['--oss-port', '1'], 'No OSS answers on port 1'],
  ])('says what is wrong with %j in a line', async (args, text) => {
    const { code, stderr } = await replay(...args);
    expect(stderr).toContain(text);
    expect(stderr).not.toMatch(/^ {4}at /m);
    expect(code).toBe(2);
  });

  it('has a help, and is what package.json runs', async () => {
    const { code, stdout } = await replay('--help');
    expect([code, stdout.toString()]).toEqual([0, expect.stringContaining('npm run replay')]);
    const { scripts } = await import('../../package.json', { with: { type: 'json' } }).then((m) => m.default);
    expect(scripts.replay).toBe('tsx infra/cli/replay.ts');
  });
});
