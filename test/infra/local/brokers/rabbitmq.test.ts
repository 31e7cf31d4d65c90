import { describe, expect, it, onTestFinished } from 'vitest';
import { rabbitmq } from '../../../../infra/local/brokers/rabbitmq.ts';
import type { MessageSource } from '../../../../infra/local/fc/queue/source.ts';
import { until } from '../fc/support.ts';
import {
  AMQP_URL,
  feedContext,
  type RabbitTester,
  rabbitAvailability,
  rabbitTester,
  relay,
  takeAll,
  uniqueName,
} from './support.ts';

const { missing, note } = await rabbitAvailability();
const owner = { region: 'cn-hangzhou', accountId: '42' };
const bodiesOf = (messages: readonly { body: Buffer }[]) => messages.map(({ body }) => String(body));

async function tester(queue?: string): Promise<RabbitTester> {
  const rabbit = await rabbitTester(queue);
  onTestFinished(() => rabbit.close());
  return rabbit;
}

function open(queue: string, context = feedContext(), url = AMQP_URL): MessageSource {
  const broker = rabbitmq(new URL(url), [{ from: queue, queue: 'events' }]);
  const source = broker.open({ from: queue, queue: 'events' }, context);
  onTestFinished(() => source.close());
  source.start();
  return source;
}

const at = (source: MessageSource, messages: Awaited<ReturnType<typeof takeAll>>) =>
  messages.map((message) => {
    const { envelope, dataText } = source.describe(message, owner);
    return { envelope, data: JSON.parse(dataText), dataText };
  });

describe.skipIf(missing)(`a RabbitMQ queue${note}`, () => {
  it('brings messages in order, in the form of EventBridge', async () => {
    const rabbit = await tester();
    await rabbit.send(['{"n":9007199254740993}', 'plain'], (n) =>
      n === 0 ? { messageId: 'm-0', contentEncoding: 'UTF-8', timestamp: 1_700_000_000 } : {},
    );
    const source = open(rabbit.queue);
    const messages = await takeAll(source, 2);
    const [json, text] = at(source, messages);
    expect(json?.envelope).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      type: 'amqp:Queue:SendMessage',
      subject: 'acs:amqp:cn-hangzhou:42:/instances/local/vhosts///queues/events',
      timeMs: 1_700_000_000_000,
    });
    expect(json?.dataText).toContain('"body":{"n":9007199254740993}');
    expect(json?.data).toMatchObject({
      envelope: { deliveryTag: 1, exchange: '', redeliver: false, routingKey: rabbit.queue },
      props: { contentEncoding: 'UTF-8', messageId: 'm-0' },
    });
    expect(text?.data).toMatchObject({ body: 'plain', props: {} });
  });

  it('has acknowledged what was removed, and nothing else, when it is closed', async () => {
    const rabbit = await tester();
    await rabbit.send(['a', 'b', 'c', 'd']);
    const source = open(rabbit.queue);
    const [a, b, c] = await takeAll(source, 3);
    if (!a || !b || !c) throw new Error('three messages were expected');
    await source.remove([a, c]);
    source.giveBack([b]);
    expect(source.depth).toBe(2);
    await source.close();
    await until(async () => (await rabbit.readyCount()) === 2);
    const again = open(rabbit.queue);
    const left = await takeAll(again, 2);
    expect(bodiesOf(left)).toEqual(['b', 'd']);
    expect(at(again, left)[0]?.data.envelope.redeliver).toBe(true);
  });

  it('takes no more than its prefetch before it acknowledges', async () => {
    const rabbit = await tester();
    await rabbit.send(['a', 'b', 'c']);
    const source = open(rabbit.queue, feedContext(2));
    const first = await takeAll(source, 2);
    expect(await rabbit.readyCount()).toBe(1);
    await source.remove(first);
    expect(bodiesOf(await takeAll(source, 1))).toEqual(['c']);
  });

  it('connects again when the connection breaks, and gets what it had not acknowledged once more', async () => {
    const rabbit = await tester();
    await rabbit.send(['a', 'b', 'c']);
    const between = await relay(5672);
    const context = feedContext();
    const source = open(rabbit.queue, context, `amqp://guest:guest@127.0.0.1:${between.port}`);
    // One of them waits when the connection breaks.
    const stale = await takeAll(source, 2);
    await until(() => source.depth === 3);
    between.cut();
    await until(() => context.events.some(({ type }) => type === 'broker-unreachable'));
    const fresh = await takeAll(source, 3);
    expect(bodiesOf(fresh)).toEqual(['a', 'b', 'c']);
    // Deliveries of the broken connection: neither acknowledged on the new one, nor brought twice.
    await source.remove(stale.slice(0, 1));
    source.giveBack(stale.slice(1));
    expect(source.depth).toBe(3);
    await source.remove(fresh);
    await source.close();
    expect(await rabbit.readyCount()).toBe(0);
    expect(context.events.map(({ type }) => type)).toEqual([
      'broker-connected',
      'broker-unreachable',
      'broker-connected',
    ]);
    expect(JSON.stringify(context.events)).not.toContain('guest');
  });

  it('declares a queue that is not there, and leaves one that is as it is', async () => {
    const queue = uniqueName();
    const source = open(queue);
    const rabbit = await tester(queue);
    await rabbit.send(['a']);
    expect(bodiesOf(await takeAll(source, 1))).toEqual(['a']);
    const limited = uniqueName();
    await rabbit.channel.assertQueue(limited, { durable: false, maxLength: 5 });
    onTestFinished(async () => {
      await rabbit.channel.deleteQueue(limited);
    });
    const other = open(limited);
    rabbit.channel.sendToQueue(limited, Buffer.from('b'));
    expect(bodiesOf(await takeAll(other, 1))).toEqual(['b']);
    await Promise.all([source.close(), other.close()]);
  });

  it('says when its queue is deleted, and goes on when there is one again', async () => {
    const rabbit = await tester();
    const context = feedContext();
    const source = open(rabbit.queue, context);
    await until(() => context.events.length === 1);
    await rabbit.channel.deleteQueue(rabbit.queue);
    await until(() => context.events.length === 3);
    expect(context.events[1]?.message).toContain('the queue was deleted');
    await rabbit.send(['a']);
    expect(bodiesOf(await takeAll(source, 1))).toEqual(['a']);
    await source.close();
  });

  it('says once that the broker refuses, without the password', async () => {
    const context = feedContext();
    const source = open('q', context, 'amqp://guest:wrong-pass@127.0.0.1:5672');
    await until(() => context.clock.now() > 60_000);
    await source.close();
    expect(context.events.map(({ type }) => type)).toEqual(['broker-unreachable']);
    expect(context.events[0]?.message).not.toContain('wrong-pass');
  });
});
