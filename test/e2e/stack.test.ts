import { once } from 'node:events';
import { createServer } from 'node:net';
import FcClient from '@alicloud/fc2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOCAL_KEY, LOCAL_REGION } from '../../infra/cli/stack.ts';
import { readLog } from '../lib/append/reference.ts';
import { newDataDir, type Running, removeDataDir, startProcess, startStack } from './stack.ts';

/** The object that a record of this moment goes to; tests that cross the hour look at both. */
const eventKeys = (): string[] => {
  const hour = (ms: number) => new Date(ms).toISOString().slice(0, 13).replace(/[-T]/g, '/');
  const now = Date.now();
  return [...new Set([hour(now - 600_000), hour(now)])].map((at) => `events/${at}.ndjson`);
};

async function events(stack: Running): Promise<{ source: string; line: string }[]> {
  const found: { source: string; line: string }[] = [];
  for (const key of eventKeys()) {
    try {
      const { content } = await stack.client().get(key);
      found.push(...readLog(content as Buffer).flatMap(({ records }) => records));
    } catch (error) {
      if ((error as { code?: string }).code !== 'NoSuchKey') throw error;
    }
  }
  return found;
}

const publish = (stack: Running, payload: string) =>
  fetch(`http://127.0.0.1:${stack.fcPort}/queues/events/messages`, { method: 'POST', body: payload });

describe('the stack', () => {
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

  it('puts two HTTP bodies into one object, in order, byte for byte', async () => {
    const bodies = [Buffer.from('first line\n'), Buffer.from([0, 255, 10, 13, 128])];
    for (const body of bodies) {
      const response = await stack.http('/append/notes/today.txt', {
        method: 'POST',
        body: new Uint8Array(body),
      });
      expect(response.status, await response.clone().text()).toBe(200);
    }
    const { content } = await stack.client().get('notes/today.txt');
    expect(content).toEqual(Buffer.concat(bodies));
  });

  it('does the same through the web function', async () => {
    for (const body of ['one', 'two']) {
      const response = await fetch(`http://127.0.0.1:${stack.httpPort}/append/notes/web.txt`, {
        method: 'POST',
        body,
        headers: { Host: 'append-web.localhost' },
      });
      expect(response.status, await response.clone().text()).toBe(200);
    }
    expect(String((await stack.client().get('notes/web.txt')).content)).toBe('onetwo');
  });

  it('brings a queue and a timer into the log', async () => {
    const response = await publish(stack, '{"order":12345678901234567890}');
    expect(response.status).toBe(201);
    const invoked = await stack.client().head('notes/today.txt'); // the queue delivers meanwhile
    expect(invoked.status).toBe(200);
    await expect
      .poll(() => events(stack), { timeout: 30_000 })
      .toContainEqual(
        expect.objectContaining({ source: 'queue/events', line: '{"order":12345678901234567890}' }),
      );
    await expect
      .poll(() => events(stack), { timeout: 90_000, interval: 500 })
      .toContainEqual(expect.objectContaining({ source: 'schedule/heartbeat', line: '{"heartbeat":true}' }));
  }, 120_000);

  it('takes a record once however often it is sent under one name', async () => {
    const send = () =>
      stack.http('/append/events', {
        method: 'POST',
        body: '{"once":1}',
        headers: { 'Content-Type': 'application/json', 'Idempotency-Key': 'order-17' },
      });
    const repeats = [];
    for (let n = 0; n < 3; n++) {
      const { receipts } = (await (await send()).json()) as { receipts: { repeat: boolean }[] };
      repeats.push(receipts[0]?.repeat);
    }
    expect(repeats).toEqual([false, true, true]);
    expect((await events(stack)).filter(({ line }) => line === '{"once":1}')).toHaveLength(1);
  });

  it('answers bad input with a problem and leaves nothing behind', async () => {
    const json = { 'Content-Type': 'application/json' };
    const before = (await stack.client().listV2({ 'max-keys': '1000' }, {})).objects?.length;
    const cases: [string, RequestInit, number][] = [
      ['/append/events', { body: '{"order":', headers: json }, 400],
      ['/append/events', { body: 'x', headers: { 'Content-Type': 'image/png' } }, 415],
      ['/append/nowhere/x', { body: 'x' }, 404],
      ['/append/notes/..%2f..%2fsecret', { body: 'x' }, 400],
      ['/append/notes/%252e%252e/secret', { body: 'x' }, 400],
      ['/append/notes/', { body: 'x' }, 400],
      ['/append/notes/empty.txt', {}, 400],
      ['/append/notes/large.txt', { body: new Uint8Array(32 * 1024 * 1024 + 1) }, 413],
    ];
    for (const [where, init, status] of cases) {
      const response = await stack.http(where, { method: 'POST', ...init });
      const text = await response.text();
      expect(response.status, `${where}: ${text}`).toBe(status);
    }
    expect((await stack.client().listV2({ 'max-keys': '1000' }, {})).objects?.length).toBe(before);
  });

  it('fails a malformed event of a timer or a request with its reason, and leaves nothing behind', async () => {
    const client = new FcClient('1234567890123456', {
      accessKeyID: LOCAL_KEY.accessKeyId,
      accessKeySecret: LOCAL_KEY.accessKeySecret,
      region: LOCAL_REGION,
      endpoint: `http://127.0.0.1:${stack.fcPort}`,
    });
    const cases: [string, unknown, string][] = [
      [
        'append-schedule',
        { triggerTime: 'yesterday', triggerName: 'heartbeat', payload: 'bad-1' },
        'MalformedEventError',
      ],
      [
        'append-schedule',
        { triggerTime: '2026-11-22T20:05:00Z', triggerName: 'other', payload: 'bad-1' },
        'UnknownSchedule',
      ],
      ['append-http', { version: 'v1', body: 'bad-1' }, 'MalformedEventError'],
    ];
    for (const [name, event, errorType] of cases) {
      const { headers, data } = await client.invokeFunction('oss-append', name, JSON.stringify(event));
      expect([name, data]).toEqual([name, expect.objectContaining({ errorType })]);
      expect(headers['x-fc-error-type']).toBe('UnhandledInvocationError');
      expect(JSON.stringify(data)).not.toContain('bad-1');
    }
    expect((await events(stack)).filter(({ line }) => line.includes('bad-1'))).toEqual([]);
  });

  it('says which port is taken, and which flag changes it', async () => {
    const other = await newDataDir();
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    for (const flag of ['--port', '--fc-port', '--oss-port']) {
      const ports = ['--port', '--fc-port', '--oss-port'].flatMap((name) => [
        name,
        name === flag ? `${port}` : '0',
      ]);
      const child = startProcess(other, ...ports);
      let said = '';
      child.stderr?.on('data', (chunk: Buffer) => {
        said += chunk;
      });
      const [code] = await once(child, 'close');
      expect(said).toContain(`${port}`);
      expect(said).not.toMatch(/\n {4}at /);
      expect(code).toBe(2);
    }
    server.close();
    await removeDataDir(other);
  });
});

describe('the stack killed in the middle of it', () => {
  it('has everything that was acknowledged after a restart, and each record once', async () => {
    const dataDir = await newDataDir();
    let stack = await startStack(dataDir);
    const acknowledged = { bodies: [] as string[], messages: [] as string[] };
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < 8; n++) {
        const body = `<${round}-${n}>`;
        const response = await stack.http('/append/notes/kill.txt', { method: 'POST', body });
        if (response.ok) acknowledged.bodies.push(body);
        const message = `{"round":${round},"n":${n}}`;
        if ((await publish(stack, message)).ok) acknowledged.messages.push(message);
      }
      // Some messages are delivered by now, some are being delivered, some wait.
      await stack.end('SIGKILL');
      stack = await startStack(dataDir);
    }
    expect(String((await stack.client().get('notes/kill.txt')).content)).toBe(acknowledged.bodies.join(''));
    const fromQueue = async () =>
      (await events(stack)).filter(({ source }) => source === 'queue/events').map(({ line }) => line);
    await expect
      .poll(async () => (await fromQueue()).toSorted(), { timeout: 60_000, interval: 200 })
      .toEqual(acknowledged.messages.toSorted());
    expect(await stack.end('SIGTERM')).toBe(0);
    await removeDataDir(dataDir);
  }, 180_000);

  it('leaves no process behind', async () => {
    const dataDir = await newDataDir();
    const stack = await startStack(dataDir);
    await stack.http('/append/notes/a.txt', { method: 'POST', body: 'a' });
    expect(await stack.end('SIGINT')).toBe(0);
    expect(stack.output()).toContain('Stopping');
    await removeDataDir(dataDir);
  });
});
