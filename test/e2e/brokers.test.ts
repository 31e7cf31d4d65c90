/**
 * Real brokers on the one side, the local stack on the other: what was published is in its log once, whatever dies in
 * between. Many at once, and those that cannot be appended at all, are in rabbitmq.test.ts.
 */
import { once } from 'node:events';
import type OSS from 'ali-oss';
import { connectAsync } from 'mqtt';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sessionNameOf } from '../../infra/local/brokers/flags.ts';
import { clientIdOf } from '../../infra/local/brokers/mqtt.ts';
import type { FaultRule } from '../../infra/local/oss/faults.ts';
import {
  AMQP_URL,
  MQTT_URL,
  mqttAvailability,
  mqttTester,
  rabbitAvailability,
  rabbitTester,
  uniqueName,
} from '../infra/local/brokers/support.ts';
import { until } from '../infra/local/fc/support.ts';
import { readLog } from '../lib/append/reference.ts';
import { newDataDir, type Running, removeDataDir, startProcess, startStack } from './stack.ts';

const rabbit = await rabbitAvailability();
const mosquitto = await mqttAvailability();

/** All messages are of this moment, so that all are in one object. */
const SENT_S = 1_790_000_000;
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

const sent = (n: number) => ({ messageId: `m-${n}`, timestamp: SENT_S });

/** What of the log there is, in the objects of these keys. */
async function records(client: OSS, ...keys: readonly string[]) {
  const found: { source: string; id: string; line: string }[] = [];
  for (const key of keys) {
    try {
      const { content } = await client.get(key);
      found.push(...readLog(content as Buffer).flatMap((commit) => commit.records));
    } catch (error) {
      if ((error as { code?: string }).code !== 'NoSuchKey') throw error;
    }
  }
  return found;
}

const keyOf = (ms: number) =>
  `events/${new Date(ms).toISOString().slice(0, 13).replace(/[-T]/g, '/')}.ndjson`;

/** Where the messages of `sent` go. */
const KEY = keyOf(SENT_S * 1000);

describe.skipIf(rabbit.missing)(`RabbitMQ to the log${rabbit.note}`, () => {
  it('goes on after Ctrl-C and after a kill -9 with what was not acknowledged', async () => {
    const dataDir = await newDataDir();
    onTestFinished(() => removeDataDir(dataDir));
    const tester = await rabbitTester();
    onTestFinished(() => tester.close());
    const flags = ['--amqp-url', AMQP_URL, '--amqp-queue', `${tester.queue}=events`];
    for (const [round, signal] of (['SIGINT', 'SIGKILL', 'SIGTERM'] as const).entries()) {
      const stack = await startFor(dataDir, ...flags);
      expect(stack.output()).toContain(`queue ${tester.queue}, as events, to append-queue`);
      expect(stack.output()).not.toContain('guest:guest');
      await stack.printed('broker-connected');
      // With slow answers, some messages are being appended and some wait when the signal comes.
      await setFaults(stack, [{ fault: 'slow', delayMs: 300 }]);
      await tester.send(
        numbers(150).map((n) => `{"round":${round},"n":${n}}`),
        (n) => sent(round * 1000 + n),
      );
      await until(async () => (await records(stack.client(), KEY)).length > round * 150);
      const code = await stack.end(signal);
      expect(code).toBe(signal === 'SIGKILL' ? null : 0);
    }
    const stack = await startFor(dataDir, ...flags);
    await until(async () => (await records(stack.client(), KEY)).length >= 450);
    await stack.end('SIGINT');
    expect(await tester.readyCount()).toBe(0);
    const last = await startFor(dataDir);
    const ids = (await records(last.client(), KEY)).map(({ id }) => id);
    await last.end('SIGINT');
    expect([ids.length, new Set(ids).size]).toEqual([450, 450]);
  }, 240_000);
});

describe.skipIf(mosquitto.missing)(`MQTT to the log${mosquitto.note}`, () => {
  it('has what was published while the stack ran, and while it did not', async () => {
    const dataDir = await newDataDir();
    onTestFinished(() => removeDataDir(dataDir));
    const topic = uniqueName();
    onTestFinished(() => endSession(dataDir, topic));
    const flags = ['--mqtt-url', MQTT_URL, '--mqtt-topic', `${topic}=events`];
    const publisher = await mqttTester();
    const startMs = Date.now();
    const lines = async (stack: Running) => {
      const keys = new Set([keyOf(startMs), keyOf(Date.now())]);
      const found = await records(stack.client(), ...keys);
      return found.filter(({ source }) => source === 'queue/events').map(({ line }) => line);
    };
    const first = await startFor(dataDir, ...flags);
    await first.printed('broker-connected');
    await publisher.publishAsync(`${topic}/d-7`, '{"t":21.50}', { qos: 1 });
    await until(async () => (await lines(first)).length === 1);
    expect(await first.end('SIGINT')).toBe(0);
    await publisher.publishAsync(topic, 'meanwhile', { qos: 1 });
    const second = await startFor(dataDir, ...flags);
    await until(async () => (await lines(second)).length === 2);
    expect(await lines(second)).toEqual(['{"t":21.50}', '"meanwhile"']);
    await second.end('SIGINT');
  }, 120_000);
});

describe('a broker that is out of reach', () => {
  it('is told of in one line, and holds up nothing else', async () => {
    const dataDir = await newDataDir();
    onTestFinished(() => removeDataDir(dataDir));
    // Nothing listens on port 1.
    const stack = await startFor(dataDir, '--amqp-url', 'amqp://me:password@127.0.0.1:1');
    await stack.printed('broker-unreachable');
    const response = await stack.http('/append/notes/a.txt', { method: 'POST', body: 'a' });
    expect(response.status).toBe(200);
    expect(await stack.end('SIGINT')).toBe(0);
    const told = stack.output().split('\n');
    expect(told.filter((line) => line.includes('broker-'))).toEqual([
      'fc  broker-unreachable: RabbitMQ queue events at amqp://127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1. It is tried again until it answers.',
    ]);
    expect(stack.output()).not.toContain('password');
  });

  it('has to have an address that is one', async () => {
    const dataDir = await newDataDir();
    onTestFinished(() => removeDataDir(dataDir));
    const child = startProcess(dataDir, '--amqp-url', 'me:password');
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk;
    });
    const [code] = await once(child, 'close');
    expect([code, said]).toEqual([
      2,
      '--amqp-url: give an address such as amqp://user:password@127.0.0.1.\n',
    ]);
  });
});

/** A stack that does not outlive its test, however the test ends. */
async function startFor(dataDir: string, ...flags: string[]): Promise<Running> {
  const stack = await startStack(dataDir, ...flags);
  onTestFinished(() => {
    stack.child.kill('SIGKILL');
  });
  return stack;
}

async function setFaults(stack: Running, rules: readonly FaultRule[]): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${stack.ossPort}/-/faults`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(rules),
  });
  expect(response.status, await response.text()).toBe(200);
}

/** Ends the session that the broker keeps for the stack. */
async function endSession(dataDir: string, topic: string): Promise<void> {
  const clientId = clientIdOf(sessionNameOf(dataDir), topic);
  const cleaner = await connectAsync(MQTT_URL, { clientId, clean: true });
  await cleaner.endAsync();
}
