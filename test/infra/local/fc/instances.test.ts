import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { event, isAlive, parse, processState, start, tempDir, until } from './support.ts';

const echo = 'exports.handler = async (event) => event;';
const pidOf = 'exports.handler = async () => process.pid;';

describe('an instance', () => {
  it('gets the event as a Buffer and answers strings and buffers as they are, objects as JSON', async () => {
    const source = `exports.handler = async (event) => {
      if (!Buffer.isBuffer(event)) throw new Error('no Buffer');
      const kind = event.toString();
      return { buffer: Buffer.from([0, 255]), string: 'text', object: { a: 1 }, nothing: undefined }[kind];
    };`;
    const fc = await start({ f: { source } });
    const call = async (kind: string) => (await fc.invoke('f', Buffer.from(kind))).body;
    expect([...(await call('buffer'))]).toEqual([0, 255]);
    expect((await call('string')).toString()).toBe('text');
    expect((await call('object')).toString()).toBe('{"a":1}');
    expect((await call('nothing')).toString()).toBe('');
  });

  it('runs ES modules and the callback form', async () => {
    const fc = await start({
      esm: { source: 'export const handler = async () => import.meta.url;', file: 'index.mjs' },
      callback: { source: 'exports.handler = (event, context, callback) => callback(null, "called");' },
    });
    expect((await fc.invoke('esm', Buffer.alloc(0))).body.toString()).toMatch(/index\.mjs$/);
    expect((await fc.invoke('callback', Buffer.alloc(0))).body.toString()).toBe('called');
  });

  it('says what is missing when the handler is not there', async () => {
    const fc = await start({
      f: { source: 'exports.other = 1;' },
      g: { source: '', handler: 'elsewhere.handler' },
    });
    const errorOf = async (name: string) => parse((await fc.invoke(name, Buffer.alloc(0))).body);
    expect(await errorOf('f')).toMatchObject({
      errorMessage: expect.stringContaining("no function 'handler'"),
    });
    expect(await errorOf('g')).toMatchObject({ errorMessage: expect.stringMatching(/no file .*elsewhere/) });
  });

  it('has a context with the call’s own credentials, and FC’s environment', async () => {
    const source = `exports.handler = async (event, context) => {
      const { logger, ...rest } = context;
      return { ...rest, logger: Object.keys(logger), env: process.env };
    };`;
    let call = 0;
    const fc = await start(
      { f: { source, memorySize: 256, environmentVariables: { A: 'template', B: 2 } } },
      {
        env: { A: 'override' },
        credentials: () => ({ accessKeyId: `STS.${++call}`, accessKeySecret: 's', securityToken: 't' }),
      },
    );
    const first = parse((await fc.invoke('f', Buffer.alloc(0))).body);
    const second = parse((await fc.invoke('f', Buffer.alloc(0))).body);
    expect(first).toMatchObject({
      requestId: expect.stringMatching(/^1-/),
      function: { name: 'f', handler: 'index.handler', memory: 256, timeout: 20 },
      region: 'cn-hangzhou',
      accountId: '1234567890123456',
      retryCount: 0,
      env: { A: 'override', B: '2', FC_FUNCTION_NAME: 'f', FC_REGION: 'cn-hangzhou', TZ: 'UTC' },
    });
    expect(first).not.toHaveProperty('env.NODE_OPTIONS');
    expect(first).not.toHaveProperty('env.VITEST');
    const keyOf = (answer: unknown) => JSON.stringify(answer).match(/"accessKeyId":"(STS\.\d+)"/)?.[1];
    expect(keyOf(second)).not.toBe(keyOf(first));
  });

  it('is frozen between calls: its timers do not run', async () => {
    const ticks = join(tempDir(), 'ticks');
    const source = `let ticks = 0;
      setInterval(() => require('node:fs').writeFileSync(process.env.TICKS, String(++ticks)), 1);
      exports.handler = async () => process.pid;`;
    const fc = await start({ f: { source } }, { env: { TICKS: ticks } });
    await fc.invoke('f', Buffer.alloc(0));
    const [instance] = fc.instances();
    expect(instance?.state).toBe('frozen');
    await until(() => processState(instance?.pid ?? 0) === 'T');
    const read = () => (existsSync(ticks) ? readFileSync(ticks, 'utf8') : '');
    const before = read();
    // Time for a hundred ticks, had it not been stopped.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(read()).toBe(before);
    // Thawed for the next call, it is the same process, and goes on.
    expect(Number((await fc.invoke('f', Buffer.alloc(0))).body.toString())).toBe(instance?.pid);
  });

  it('serves one call at a time; calls beyond the instances wait', async () => {
    // Every call waits until both instances have one.
    const source = `const fs = require('node:fs');
      let running = 0; let most = 0;
      exports.handler = async () => {
        most = Math.max(most, ++running);
        fs.writeFileSync(process.env.DIR + '/' + process.pid, '');
        while (fs.readdirSync(process.env.DIR).length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
        running--;
        return { most, pid: process.pid };
      };`;
    const fc = await start({ f: { source } }, { instancesMax: 2, env: { DIR: tempDir() } });
    const calls = await Promise.all(Array.from({ length: 10 }, () => fc.invoke('f', Buffer.alloc(0))));
    const answers = calls.map(({ body }) => JSON.parse(body.toString()));
    expect(new Set(answers.map(({ pid }) => pid)).size).toBe(2);
    expect(new Set(answers.map(({ most }) => most))).toEqual(new Set([1]));
    expect(fc.instances()).toHaveLength(2);
  });

  it('is scaled in after its idle time, its preStop hook first', async () => {
    const lines: string[] = [];
    const source = `${pidOf} exports.bye = async (context) => console.log('bye ' + context.function.name);`;
    const instanceLifecycleConfig = { preStop: { handler: 'index.bye', timeout: 5 } };
    const fc = await start(
      { f: { source, instanceLifecycleConfig } },
      { idleMs: 1, onLog: ({ line }) => lines.push(line) },
    );
    const pid = Number((await fc.invoke('f', Buffer.alloc(0))).body.toString());
    await until(() => fc.instances().length === 0 && !isAlive(pid));
    expect(lines).toEqual(['bye f']);
  });

  it('is initialized once; a failing initializer fails the call', async () => {
    const source = `let count = 0; exports.init = async () => { count++; };
      exports.broken = async () => { throw new TypeError('cannot'); };
      exports.handler = async () => count;`;
    const hook = (handler: string) => ({ initializer: { handler, timeout: 5 } });
    const fc = await start({
      good: { source, instanceLifecycleConfig: hook('index.init') },
      bad: { source, instanceLifecycleConfig: hook('index.broken') },
    });
    await fc.invoke('good', Buffer.alloc(0));
    expect((await fc.invoke('good', Buffer.alloc(0))).body.toString()).toBe('1');
    const bad = await fc.invoke('bad', Buffer.alloc(0));
    expect(bad.errorType).toBe('UnhandledInvocationError');
    expect(parse(bad.body)).toMatchObject({ errorType: 'TypeError', errorMessage: 'cannot' });
  });

  it('is replaced unnoticed if it died while idle', async () => {
    const fc = await start({ f: { source: pidOf } });
    const before = Number((await fc.invoke('f', Buffer.alloc(0))).body.toString());
    process.kill(before, 'SIGKILL');
    // Immediately, so that the platform has not seen the death yet.
    const result = await fc.invoke('f', Buffer.alloc(0));
    expect(result.errorType).toBeNull();
    expect(Number(result.body.toString())).not.toBe(before);
  });

  it('reports thrown errors as unhandled, errors given to the callback as handled', async () => {
    const fc = await start({
      thrown: { source: 'exports.handler = async () => { throw new RangeError("too far"); };' },
      given: { source: 'exports.handler = (event, context, callback) => callback(new Error("no"));' },
    });
    const thrown = await fc.invoke('thrown', Buffer.alloc(0));
    expect(thrown.errorType).toBe('UnhandledInvocationError');
    expect(parse(thrown.body)).toEqual({
      errorType: 'RangeError',
      errorMessage: 'too far',
      stackTrace: expect.arrayContaining([expect.stringMatching(/^at .*index\.cjs/)]),
    });
    expect((await fc.invoke('given', Buffer.alloc(0))).errorType).toBe('HandledInvocationError');
  });

  it('that exits in a call fails that call, and the next one gets a new instance', async () => {
    const source =
      'exports.handler = async (event) => { if (event.length) process.exit(0); return "well"; };';
    const fc = await start({ f: { source } });
    const crashed = await fc.invoke('f', Buffer.from('x'));
    expect(crashed.errorType).toBe('UnhandledInvocationError');
    expect(parse(crashed.body)).toMatchObject({
      errorMessage: expect.stringContaining('Process exited unexpectedly'),
    });
    expect((await fc.invoke('f', Buffer.alloc(0))).body.toString()).toBe('well');
  });

  it('has no more time than its caller allows, whatever its own time-out', async () => {
    const source = 'exports.handler = () => new Promise(() => {});';
    const fc = await start({ f: { source, timeout: 50 } });
    const { body } = await fc.invoke('f', Buffer.alloc(0), { timeoutMsMax: 200 });
    expect(parse(body)).toMatchObject({
      errorType: 'FunctionTimeoutError',
      errorMessage: expect.stringMatching(/^Function timed out after 0.2 seconds/),
    });
  });

  it('that runs out of time is killed, even when it blocks, and the next call gets a new one', async () => {
    const source = 'exports.handler = async (event) => { while (event.length); return process.pid; };';
    const fc = await start({ f: { source, timeout: 1 } });
    const before = Number((await fc.invoke('f', Buffer.alloc(0))).body.toString());
    const late = await fc.invoke('f', Buffer.from('x'));
    expect(parse(late.body)).toMatchObject({
      errorType: 'FunctionTimeoutError',
      errorMessage: expect.stringMatching(/^Function timed out after 1 seconds/),
    });
    expect(isAlive(before)).toBe(false);
    expect(Number((await fc.invoke('f', Buffer.alloc(0))).body.toString())).not.toBe(before);
  });

  it('that cannot load its code fails the call with the reason', async () => {
    const fc = await start({ f: { source: 'throw new SyntaxError("broken module");' } });
    const result = await fc.invoke('f', Buffer.alloc(0));
    expect(parse(result.body)).toMatchObject({ errorType: 'SyntaxError', errorMessage: 'broken module' });
  });

  it('gives its log line by line, before its answer', async () => {
    const lines: unknown[] = [];
    const source = `exports.handler = async (event) => {
      console.log('out'); console.error('err'); process.stdout.write('a'); process.stdout.write('b\\n');
    };`;
    const fc = await start(
      { f: { source } },
      { onLog: ({ functionName, line }) => lines.push([functionName, line]) },
    );
    const { logTail, requestId } = await fc.invoke('f', Buffer.alloc(0));
    expect(lines).toEqual([
      ['f', 'out'],
      ['f', 'err'],
      ['f', 'ab'],
    ]);
    expect(logTail.split('\n')).toEqual([
      `FC Invoke Start RequestId: ${requestId}`,
      'out',
      'err',
      'ab',
      `FC Invoke End RequestId: ${requestId}`,
      '',
    ]);
  });
});

describe('the platform', () => {
  it('names the functions there are when one is not', async () => {
    const fc = await start({ f: { source: echo } });
    await expect(fc.invoke('g', event({}))).rejects.toMatchObject({ code: 'FunctionNotFound', status: 404 });
  });

  it('leaves no process behind when it is closed, frozen ones included', async () => {
    const fc = await start({ f: { source: pidOf } });
    const calls = await Promise.all(Array.from({ length: 3 }, () => fc.invoke('f', Buffer.alloc(0))));
    const pids = calls.map(({ body }) => Number(body.toString()));
    await fc.close();
    expect(pids.filter(isAlive)).toEqual([]);
  });

  it('lets running calls finish when it is closed', async () => {
    const source = 'exports.handler = () => new Promise((resolve) => setTimeout(resolve, 50, "finished"));';
    const fc = await start({ f: { source } });
    const call = fc.invoke('f', Buffer.alloc(0));
    await fc.close();
    expect((await call).body.toString()).toBe('finished');
  });
});
