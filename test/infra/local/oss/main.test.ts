import { describe, expect, it } from 'vitest';
import { FAULTS } from '../../../../infra/local/oss/faults.ts';
import { parseOptions, UsageError } from '../../../../infra/local/oss/options.ts';
import { append, BUCKET, client, exchange, KEY, start, tempDir } from './harness.ts';
import { listen, run } from './program.ts';

const REQUIRED = ['--data-dir', 'd', '--access-key-id', 'id', '--access-key-secret', 's'];

describe('the program', () => {
  it('serves, logs requests without secrets, and ends cleanly on SIGTERM', async () => {
    const program = await listen(tempDir(), ['--log']);
    await append(program, 'k', 0, 'the-payload');
    const store = client(program, { endpoint: `http://localhost:${program.port}`, cname: true });
    expect((await store.get('k')).content.toString()).toBe('the-payload');
    program.process.kill('SIGTERM');
    expect(await program.ended).toEqual({ code: 0, signal: null });
    const [, ...lines] = program.output().trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { operation: 'append', bucket: BUCKET, key: 'k', status: 200, bytesIn: 11 },
      { operation: 'get', status: 200, bytesOut: 11 },
    ]);
    expect(program.output()).not.toMatch(new RegExp(`the-payload|${KEY.accessKeySecret}|ignature`));
  });

  it('finishes a request in flight before it ends', async () => {
    const program = await listen(tempDir(), ['--fault', 'slow:append:delayMs=300']);
    const reply = append(program, 'k', 0, 'x');
    for (let faults = ''; !faults.includes('"struck":1'); ) {
      faults = (await exchange(program.port, { method: 'GET', path: '/-/faults' })).body.toString();
    }
    program.process.kill('SIGINT');
    expect((await reply).status).toBe(200);
    expect((await program.ended).code).toBe(0);
  });

  it('says which port is taken, and by exit code that it could not start', async () => {
    const oss = await start();
    const program = run([...REQUIRED, '--data-dir', tempDir(), '--port', String(oss.port)]);
    expect((await program.ended).code).toBe(1);
    expect(program.output()).toContain(`Port ${oss.port} is in use.`);
  });

  it('explains a wrong command line with exit code 2, and itself with --help', async () => {
    const [wrong, help] = [run(['--prot', '1']), run(['--help'])];
    expect([(await wrong.ended).code, (await help.ended).code]).toEqual([2, 0]);
    expect(wrong.output()).toMatch(/--prot[\s\S]*See --help/);
    for (const fault of FAULTS) expect(help.output()).toContain(fault);
  });
});

describe('the command line', () => {
  it('takes the secret from the environment and a default bucket from the first --bucket', () => {
    const args = [...REQUIRED.slice(0, 4), '--bucket', 'first', '--bucket', 'second', '--rtt-ms', '20'];
    expect(parseOptions(args, { OSS_ACCESS_KEY_SECRET: 'secret' })).toMatchObject({
      options: {
        credentials: [{ accessKeyId: 'id', accessKeySecret: 'secret' }],
        buckets: ['first', 'second'],
        defaultBucket: 'first',
        rttMs: 20,
      },
    });
  });

  it('reads fault rules', () => {
    const rules = [
      'answer-lost:append:times=1',
      'throttle:probability=0.1:delayMs=250',
      'slow:get:key=logs/a:after=2:delayMs=5',
    ];
    const parsed = parseOptions([...REQUIRED, ...rules.flatMap((rule) => ['--fault', rule])], {});
    expect(parsed === 'help' ? [] : parsed.options.faults).toEqual([
      { fault: 'answer-lost', match: { operation: 'append' }, times: 1 },
      { fault: 'throttle', match: {}, probability: 0.1, delayMs: 250 },
      { fault: 'slow', match: { operation: 'get', key: 'logs/a' }, after: 2, delayMs: 5 },
    ]);
  });

  it.each([
    ['--unknown'],
    ['--port', '65536'],
    ['--port', 'x'],
    ['--rtt-ms', '-1'],
    ['--seed', '1.5'],
    ['stray'],
    ['--fault', 'nonsense'],
    ['--fault', 'slow:nonsense'],
    ['--fault', 'slow:append:times=0'],
    ['--fault', 'slow:append:times='],
    ['--fault', 'slow:append:wrong=1'],
    ['--fault', 'slow:append:get'],
    ['--data-dir', ''],
  ])('%s %s is refused', (...args) => {
    expect(() => parseOptions([...REQUIRED, ...args.filter((arg) => arg !== undefined)], {})).toThrow(
      UsageError,
    );
  });

  it.each(['--data-dir', '--access-key-id', '--access-key-secret'])('needs %s', (flag) => {
    const args = REQUIRED.filter((_, i) => REQUIRED[i - (i % 2)] !== flag);
    expect(() => parseOptions(args, {})).toThrow(flag);
  });
});
