import { connectAsync } from 'mqtt';
import { describe, expect, it, onTestFinished } from 'vitest';
import { clientIdOf, mqtt } from '../../../../infra/local/brokers/mqtt.ts';
import type { MessageSource } from '../../../../infra/local/fc/queue/source.ts';
import { until } from '../fc/support.ts';
import {
  feedContext,
  MQTT_URL,
  mqttAvailability,
  mqttTester,
  relay,
  takeAll,
  uniqueName,
} from './support.ts';

const { missing, note } = await mqttAvailability();
const bodiesOf = (messages: readonly { body: Buffer }[]) => messages.map(({ body }) => String(body));

/** Consumes a topic of the test's own; its session is gone after the test. */
async function open(topic: string, context = feedContext(), url = MQTT_URL): Promise<MessageSource> {
  const feed = { from: topic, queue: 'devices' };
  const source = mqtt(new URL(url), [feed], 'test').open(feed, context);
  onTestFinished(async () => {
    await source.close();
    const cleaner = await connectAsync(MQTT_URL, { clientId: clientIdOf('test', topic), clean: true });
    await cleaner.endAsync();
  });
  source.start();
  await until(() => context.events.some(({ type }) => type === 'broker-connected'));
  return source;
}

const items = (source: MessageSource, messages: Awaited<ReturnType<typeof takeAll>>) =>
  messages.map((message) => source.describe(message, { region: 'r', accountId: '1' }));

describe.skipIf(missing)(`an MQTT topic${note}`, () => {
  it('brings its messages and those of topics below it, in the form of EventBridge', async () => {
    const topic = uniqueName();
    const source = await open(topic);
    const publisher = await mqttTester();
    await publisher.publishAsync(topic, '21.5', { qos: 1 });
    await publisher.publishAsync(`${topic}/d-7/up`, '{ "t": 1e400 }', { qos: 1 });
    await publisher.publishAsync(`${topic}/d-8`, Buffer.of(0xff), { qos: 0 });
    const messages = await takeAll(source, 3);
    expect(items(source, messages)).toEqual([
      {
        envelope: null,
        dataText: '{"props":{"firstTopic":"devices","secondTopic":"","clientId":""},"body":"21.5"}',
      },
      {
        envelope: null,
        dataText:
          '{"props":{"firstTopic":"devices","secondTopic":"/d-7/up","clientId":""},"body":{ "t": 1e400 }}',
      },
      {
        envelope: null,
        dataText: '{"props":{"firstTopic":"devices","secondTopic":"/d-8","clientId":""},"body":"/w=="}',
      },
    ]);
    await source.remove(messages);
  });

  it('gets again what it had not acknowledged, and what was sent while it was away', async () => {
    const topic = uniqueName();
    const publisher = await mqttTester();
    const first = await open(topic);
    for (const body of ['a', 'b', 'c']) await publisher.publishAsync(topic, body, { qos: 1 });
    const [a, b, c] = await takeAll(first, 3);
    if (!a || !b || !c) throw new Error('three messages were expected');
    // Out of turn: each is acknowledged by itself.
    await first.remove([b]);
    first.giveBack([a, c]);
    await first.close();
    await publisher.publishAsync(topic, 'd', { qos: 1 });
    const second = await open(topic);
    const left = await takeAll(second, 3);
    expect(bodiesOf(left)).toEqual(['a', 'c', 'd']);
    await second.remove(left);
    await second.close();
    const third = await open(topic);
    await publisher.publishAsync(topic, 'e', { qos: 1 });
    const last = await takeAll(third, 1);
    expect(bodiesOf(last)).toEqual(['e']);
    await third.remove(last);
  });

  it('connects again when the connection breaks, and gets what it had not acknowledged once more', async () => {
    const topic = uniqueName();
    const between = await relay(1883);
    const context = feedContext();
    const source = await open(topic, context, `mqtt://127.0.0.1:${between.port}`);
    const publisher = await mqttTester();
    await publisher.publishAsync(topic, 'a', { qos: 1 });
    const stale = await takeAll(source, 1);
    between.cut();
    const fresh = await takeAll(source, 1);
    expect(bodiesOf(fresh)).toEqual(['a']);
    await source.remove(stale);
    expect(source.depth).toBe(1);
    await source.remove(fresh);
    expect(context.events.map(({ type }) => type)).toEqual([
      'broker-connected',
      'broker-unreachable',
      'broker-connected',
    ]);
  });

  it('does not get what is retained again with every connection', async () => {
    const topic = uniqueName();
    const publisher = await mqttTester();
    await publisher.publishAsync(topic, 'kept', { qos: 1, retain: true });
    onTestFinished(async () => {
      const cleaner = await connectAsync(MQTT_URL);
      await cleaner.publishAsync(topic, '', { qos: 1, retain: true });
      await cleaner.endAsync();
    });
    const first = await open(topic);
    await first.remove(await takeAll(first, 1));
    await first.close();
    const second = await open(topic);
    await publisher.publishAsync(topic, 'next', { qos: 1 });
    const messages = await takeAll(second, 1);
    expect(bodiesOf(messages)).toEqual(['next']);
    await second.remove(messages);
  });
});
