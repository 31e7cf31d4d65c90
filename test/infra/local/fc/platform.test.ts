import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startFc } from '../../../../infra/local/fc/platform.ts';
import {
  fcOptions,
  isAlive,
  KEY,
  queue,
  send,
  start,
  tempDir,
  timer,
  until,
  writeTemplate,
} from './support.ts';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

/** Writes the event's texts to `$OUT`; hangs instead while `$OUT.hang` is there. */
const source = `const fs = require('node:fs');
exports.handler = async (event) => {
  fs.appendFileSync(process.env.OUT + '.pids', process.pid + '\\n');
  if (fs.existsSync(process.env.OUT + '.hang')) await new Promise((resolve) => setTimeout(resolve, 15000));
  const items = JSON.parse(event);
  for (const item of [items].flat()) fs.appendFileSync(process.env.OUT, (item.data?.messageBody ?? item.text) + '\\n');
};`;

/** A platform in a process of its own, which can be killed. */
async function startChild(
  dir: string,
  template: string,
  out: string,
): Promise<{ child: ChildProcess; apiUrl: string }> {
  const program = join(dir, 'child.mts');
  writeFileSync(
    program,
    `import { startFc } from ${JSON.stringify(join(ROOT, 'infra/local/fc/platform.ts'))};
    const credentials = () => ({ accessKeyId: 'a', accessKeySecret: 'b', securityToken: 'c' });
    const fc = await startFc({ template: ${JSON.stringify(template)}, dataDir: ${JSON.stringify(join(dir, 'data'))},
      env: { OUT: ${JSON.stringify(out)} }, credentials, apiCredentials: ${JSON.stringify(KEY)} });
    await fc.invokeAsync('f', Buffer.from(JSON.stringify({ text: 'async' })));
    console.log(fc.apiUrl);`,
  );
  const child = spawn(process.execPath, ['--import', 'tsx', program], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [line] = await once(child.stdout, 'data');
  return { child, apiUrl: String(line).trim() };
}

describe('a platform that is killed', () => {
  it('leaves no instance process behind, and loses no message and no asynchronous call it has accepted', async () => {
    const dir = tempDir();
    const out = join(dir, 'out');
    const batchWindow = { CountBasedWindow: 10, TimeBasedWindow: 0 };
    const functions = { f: { source, timeout: 20, triggers: [queue('q', { batchWindow })] } };
    const template = writeTemplate(dir, functions);
    writeFileSync(`${out}.hang`, '');
    const { child, apiUrl } = await startChild(dir, template, out);
    const sent = ['0', '1', '2', '3', '4'];
    for (const body of sent)
      expect((await send(apiUrl, { method: 'POST', path: '/queues/q/messages', body })).status).toBe(201);
    const pids = () =>
      existsSync(`${out}.pids`) ? readFileSync(`${out}.pids`, 'utf8').trim().split('\n').map(Number) : [];
    await until(() => pids().length === 2);
    // One instance is frozen, the other in the middle of a call: both must go.
    process.kill(pids()[0] ?? 0, 'SIGSTOP');
    child.kill('SIGKILL');
    await until(() => !pids().some(isAlive));

    const fc = await startFc({ ...fcOptions(dir, template), env: { OUT: `${out}.again` } });
    onTestFinished(() => fc.close());
    await fc.idle();
    const delivered = readFileSync(`${out}.again`, 'utf8').trim().split('\n');
    expect(delivered.filter((text) => text !== 'async')).toEqual(sent);
    expect(delivered).toContain('async');
  });
});

describe('starting the platform', () => {
  it('names a port that is taken, and leaves nothing running', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const address = server.address();
    const apiPort = typeof address === 'object' && address !== null ? address.port : 0;
    const dir = tempDir();
    const options = fcOptions(dir, writeTemplate(dir, { f: { source } }));
    const failure = { name: 'PortTakenError', message: expect.stringContaining(String(apiPort)) };
    await expect(startFc({ ...options, apiPort })).rejects.toMatchObject(failure);
    // The lock on the data directory is free again.
    await (await startFc(options)).close();
  });

  it('refuses a data directory that another platform uses', async () => {
    const dir = tempDir();
    await start({ f: { source } }, {}, dir);
    await expect(startFc(fcOptions(dir, join(dir, 's.yaml')))).rejects.toMatchObject({
      code: 'DataDirInUse',
    });
  });

  it('refuses overrides of FC’s own variables', async () => {
    const dir = tempDir();
    const options = fcOptions(dir, writeTemplate(dir, { f: { source } }));
    const failure = { code: 'InvalidTemplate', message: expect.stringContaining('FC_REGION') };
    await expect(startFc({ ...options, env: { FC_REGION: 'x' } })).rejects.toMatchObject(failure);
  });
});

describe('closing the platform', () => {
  it('keeps asynchronous calls that it broke off for the next start', async () => {
    const dir = tempDir();
    const out = join(dir, 'out');
    const functions = { f: { source, asyncInvokeConfig: { maxAsyncRetryAttempts: 0 } } };
    writeFileSync(`${out}.hang`, '');
    const first = await start(functions, { env: { OUT: out }, closeGraceMs: 10 }, dir);
    await first.invokeAsync('f', Buffer.from('{"text":"kept"}'));
    await until(() => existsSync(`${out}.pids`));
    await first.close();
    const second = await start(functions, { env: { OUT: `${out}.again` } }, dir);
    await second.idle();
    expect(readFileSync(`${out}.again`, 'utf8')).toBe('kept\n');
  });

  it('does not wait for an instance that never gets ready', async () => {
    const dir = tempDir();
    const source = `require('node:fs').writeFileSync(process.env.OUT, String(process.pid)); setInterval(() => {}, 1000);`;
    const custom = { runtime: 'custom', customRuntimeConfig: { command: ['node', 'index.cjs'] } };
    const fc = await start(
      { f: { source, ...custom } },
      { env: { OUT: join(dir, 'pid') }, closeGraceMs: 0 },
      dir,
    );
    const call = fc.invoke('f', Buffer.alloc(0));
    call.catch(() => undefined);
    await until(() => existsSync(join(dir, 'pid')) && readFileSync(join(dir, 'pid'), 'utf8') !== '');
    await fc.close();
    expect(isAlive(Number(readFileSync(join(dir, 'pid'), 'utf8')))).toBe(false);
    await expect(call).rejects.toMatchObject({ code: 'Closed' });
  });

  it('can be done twice, and refuses what comes later', async () => {
    const fc = await start({ f: { source, triggers: [queue('q')] } });
    await Promise.all([fc.close(), fc.close()]);
    await expect(fc.publish('q', Buffer.from('x'))).rejects.toMatchObject({ status: 503 });
    await expect(fc.invokeAsync('f', Buffer.from('x'))).rejects.toMatchObject({ status: 503 });
    await expect(fc.invoke('f', Buffer.from('x'))).rejects.toMatchObject({ code: 'Closed' });
  });
});

describe('timers', () => {
  const printing = 'exports.handler = async (event) => console.log(event.toString());';

  it('fire on demand with FC’s event', async () => {
    const lines: string[] = [];
    const fc = await start(
      { f: { source: printing, triggers: [timer('0 5 * * * *', '{"task":"rotate"}')] } },
      { onLog: ({ line }) => lines.push(line) },
    );
    await fc.fireTimer('f', 'tick', new Date('2026-11-22T20:05:00.123Z'));
    await fc.idle();
    expect(lines).toEqual([
      '{"triggerTime":"2026-11-22T20:05:00Z","triggerName":"tick","payload":"{\\"task\\":\\"rotate\\"}"}',
    ]);
    await expect(fc.fireTimer('f', 'tock')).rejects.toMatchObject({ code: 'TriggerNotFound' });
  });

  it('fire by the clock if they are enabled', async () => {
    const lines: string[] = [];
    const fc = await start(
      {
        on: { source: printing, triggers: [timer('@every 1s')] },
        off: { source: printing, triggers: [timer('@every 1s', '', false)] },
      },
      { timers: true, onLog: ({ functionName }) => lines.push(functionName) },
    );
    expect(fc.timers).toMatchObject([
      { functionName: 'on', enable: true, nextMs: expect.any(Number) },
      { functionName: 'off', enable: false, nextMs: null },
    ]);
    await until(() => lines.length === 2);
    expect(lines).toEqual(['on', 'on']);
  });
});
