/** The real brokers that tests use if they answer on this machine, and their own view of them. */
import { randomUUID } from 'node:crypto';
import { createConnection } from 'node:net';
import { type ConfirmChannel, connect, type Options } from 'amqplib';
import { connectAsync, type MqttClient } from 'mqtt';
import { onTestFinished } from 'vitest';
import type { PlatformEvent } from '../../../../infra/local/fc/platform.ts';
import type { FeedContext, Message, MessageSource } from '../../../../infra/local/fc/queue/source.ts';
import { VirtualClock } from '../fc/virtual.ts';

export const AMQP_URL = 'amqp://guest:guest@127.0.0.1:5672';
export const MQTT_URL = 'mqtt://127.0.0.1:1883';

export interface Availability {
  readonly missing: boolean;
  /** Stands in the titles of the tests. */
  readonly note: string;
}

/** Asked once a file, when it is loaded. What is missing is said on the terminal, and in the titles. */
async function availability(name: string, port: number): Promise<Availability> {
  const missing = !(await answers(port));
  if (!missing) return { missing, note: '' };
  const note = `SKIPPED: no ${name} answers on 127.0.0.1:${port}`;
  process.stderr.write(`${note}\n`);
  return { missing, note: ` (${note})` };
}
export const rabbitAvailability = (): Promise<Availability> => availability('RabbitMQ', 5672);
export const mqttAvailability = (): Promise<Availability> => availability('MQTT broker', 1883);

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    const done = (is: boolean) => {
      socket.destroy();
      resolve(is);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}

export const uniqueName = (): string => `oss-append-test-${randomUUID()}`;

export interface RabbitTester {
  readonly queue: string;
  readonly channel: ConfirmChannel;
  /** Resolves when the broker has them. */
  send(bodies: readonly (string | Buffer)[], options?: (n: number) => Options.Publish): Promise<void>;
  /** Messages that are ready to be delivered. */
  readyCount(): Promise<number>;
  close(): Promise<void>;
}

/** A queue of the test's own. `close` deletes it. */
export async function rabbitTester(queue = uniqueName()): Promise<RabbitTester> {
  const connection = await connect(AMQP_URL);
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue(queue, { durable: true });
  return {
    queue,
    channel,
    async send(bodies, options = () => ({})) {
      for (const [n, body] of bodies.entries()) {
        channel.sendToQueue(queue, Buffer.from(body), { persistent: true, ...options(n) });
      }
      await channel.waitForConfirms();
    },
    readyCount: async () => (await channel.checkQueue(queue)).messageCount,
    async close() {
      await channel.deleteQueue(queue);
      await connection.close();
    },
  };
}

/** A publisher. What it publishes is with the broker when the promise resolves. */
export async function mqttTester(): Promise<MqttClient> {
  const client = await connectAsync(MQTT_URL);
  onTestFinished(async () => {
    await client.endAsync();
  });
  return client;
}

/** What a source is opened with; connections are tried again at once. */
export function feedContext(prefetch = 100): FeedContext & { readonly events: PlatformEvent[] } {
  const events: PlatformEvent[] = [];
  return {
    prefetch,
    clock: new VirtualClock(),
    report: (type, message) => events.push({ type, message }),
    events,
  };
}

/** Takes messages as they come, until there are `count`. */
export async function takeAll(source: MessageSource, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  const never = new AbortController().signal;
  while (messages.length < count) {
    await source.untilWaiting(never);
    const message = source.take();
    if (message) messages.push(message);
  }
  return messages;
}

/** A port that passes bytes on to another, and can cut every connection. */
export async function relay(port: number): Promise<{ port: number; cut(): void; count(): number }> {
  const { createServer } = await import('node:net');
  const pairs = new Set<() => void>();
  const server = createServer((near) => {
    const far = createConnection({ host: '127.0.0.1', port });
    const cut = () => {
      near.destroy();
      far.destroy();
      pairs.delete(cut);
    };
    pairs.add(cut);
    near.pipe(far).pipe(near);
    for (const side of [near, far]) side.on('error', cut).on('close', cut);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const cut of pairs) cut();
    server.close();
  });
  const cutAll = () => {
    for (const cut of [...pairs]) cut();
  };
  return { port: (server.address() as { port: number }).port, cut: cutAll, count: () => pairs.size };
}
