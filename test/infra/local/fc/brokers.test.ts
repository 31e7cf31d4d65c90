/** Event streams fed by a broker; the broker here is one in memory. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type {
  Broker,
  EventItem,
  Feed,
  Message,
  SourceKind,
} from '../../../../infra/local/fc/queue/source.ts';
import { queue, start, tempDir } from './support.ts';
import { MemorySource } from './virtual.ts';

/** Appends each event to `$OUT` as a line, and fails on those with the text `bad`. */
const recorder = `exports.handler = async (event) => {
  require('node:fs').appendFileSync(process.env.OUT, process.env.FC_FUNCTION_NAME + ' ' + event + '\\n');
  if (String(event).includes('bad')) throw new Error('bad');
};`;

class FakeSource extends MemorySource {
  override readonly kind: SourceKind;
  override readonly queueName: string;
  readonly prefetch: number;

  constructor(kind: SourceKind, { queue: name }: Feed, prefetch: number) {
    super();
    this.kind = kind;
    this.queueName = name;
    this.prefetch = prefetch;
  }

  override describe({ id, body, sentMs }: Message): EventItem {
    if (this.kind === 'MQTT') return { envelope: null, dataText: `{"body":${body}}` };
    const envelope = { id, type: 'amqp:Queue:SendMessage', subject: `s/${this.queueName}`, timeMs: sentMs };
    return { envelope, dataText: `{"body":${body}}` };
  }
}

function fakeBroker(kind: 'RabbitMQ' | 'MQTT', feeds: readonly Feed[]) {
  const sources: FakeSource[] = [];
  const broker: Broker = {
    kind,
    where: 'fake://broker',
    feeds,
    open: (feed, { prefetch }) => {
      const source = new FakeSource(kind, feed, prefetch);
      sources.push(source);
      return source;
    },
  };
  return { broker, sources };
}

function declared(QueueName: string, runOptions: Record<string, unknown> = {}) {
  const { triggerConfig, ...trigger } = queue(QueueName, runOptions);
  const eventSourceConfig = {
    eventSourceType: 'RabbitMQ',
    eventSourceParameters: { sourceRabbitMQParameters: { QueueName, InstanceId: 'i', VirtualHostName: 'v' } },
  };
  return { ...trigger, triggerConfig: { ...triggerConfig, eventSourceConfig } };
}

function setUp() {
  const dir = tempDir();
  const OUT = join(dir, 'out');
  return { dir, options: { env: { OUT } }, lines: () => readFileSync(OUT, 'utf8').trim().split('\n') };
}

describe('a broker', () => {
  it('feeds the first event stream there is, in the envelope of EventBridge, as the queue it stands for', async () => {
    const { dir, options, lines } = setUp();
    const { broker, sources } = fakeBroker('RabbitMQ', [{ from: 'q-1', queue: 'orders' }]);
    const batchWindow = { CountBasedWindow: 2, TimeBasedWindow: 0 };
    const fc = await start(
      { f: { source: recorder, triggers: [queue('local', { batchWindow })] } },
      { ...options, brokers: [broker] },
      dir,
    );
    sources[0]?.publish('{"n":9007199254740993}', '2');
    await fc.idle();
    const [name, text = ''] = lines()[0]?.split(/ (.*)/) ?? [];
    expect([lines().length, name]).toEqual([1, 'f']);
    expect(text).toContain('"data":{"body":{"n":9007199254740993}}');
    expect(JSON.parse(text)).toHaveLength(2);
    expect(JSON.parse(text)[1]).toEqual({
      id: '2',
      source: 'RabbitMQ-f-stream',
      specversion: '1.0',
      type: 'amqp:Queue:SendMessage',
      datacontenttype: 'application/json;charset=utf-8',
      subject: 's/orders',
      time: '1970-01-01T00:00:00.000Z',
      aliyunaccountid: '1234567890123456',
      aliyunpublishtime: '1970-01-01T00:00:00.000Z',
      aliyunoriginalaccountid: '1234567890123456',
      aliyuneventbusname: 'RabbitMQ-f-stream',
      aliyunregionid: 'cn-hangzhou',
      aliyunpublishaddr: '127.0.0.1',
      data: { body: 2 },
    });
    expect(sources[0]?.removed).toHaveLength(2);
    expect(sources[0]?.prefetch).toBe(4);
    expect(fc.feeds).toEqual([
      { kind: 'RabbitMQ', where: 'fake://broker', from: 'q-1', queue: 'orders', functionName: 'f' },
    ]);
    expect(fc.queues.map(({ name: queueName, source }) => [queueName, source])).toEqual([
      ['local', 'SMQ'],
      ['orders', 'RabbitMQ'],
    ]);
  });

  it('feeds the stream that s.yaml declares for its queue, where there is one', async () => {
    const { dir, options, lines } = setUp();
    const { broker, sources } = fakeBroker('RabbitMQ', [
      { from: 'a', queue: 'a' },
      { from: 'b', queue: 'b' },
    ]);
    const fc = await start(
      {
        first: { source: recorder, triggers: [queue('local')] },
        second: { source: recorder, triggers: [declared('b'), { ...declared('c'), triggerName: 'c' }] },
      },
      { ...options, brokers: [broker] },
      dir,
    );
    for (const source of sources) source.publish(`"${source.queueName}"`);
    await fc.idle();
    expect(
      lines()
        .map((line) => [line.split(' ')[0], /"body":"(.)"/.exec(line)?.[1]])
        .toSorted(),
    ).toEqual([
      ['first', 'a'],
      ['second', 'b'],
    ]);
    expect(fc.unserved).toEqual([
      {
        functionName: 'second',
        triggerName: 'c',
        reason: 'RabbitMQ: no broker is given whose c could be consumed',
      },
    ]);
  });

  it('brings messages without an envelope as they are', async () => {
    const { dir, options, lines } = setUp();
    const { broker, sources } = fakeBroker('MQTT', [{ from: 't', queue: 't' }]);
    const functions = { f: { source: recorder, triggers: [queue('local')] } };
    const fc = await start(functions, { ...options, brokers: [broker] }, dir);
    sources[0]?.publish('21.50');
    await fc.idle();
    expect(lines()).toEqual(['f [{"body":21.50}]']);
  });

  it('has its dead letters on disk before they are acknowledged', async () => {
    const { dir, options } = setUp();
    const { broker, sources } = fakeBroker('RabbitMQ', [{ from: 'in/a', queue: 'a' }]);
    const deadLetterQueue = { Arn: 'acs:mns:cn-hangzhou:1:/queues/dead' };
    const functions = { f: { source: recorder, triggers: [queue('local', { deadLetterQueue })] } };
    const fc = await start(functions, { ...options, brokers: [broker] }, dir);
    sources[0]?.publish('"bad"');
    await fc.idle();
    expect(sources[0]?.removed).toEqual(['"bad"']);
    expect(fc.queues[1]).toMatchObject({ name: 'a', depth: 0, deadLetters: 1 });
    const file = join(dir, 'data', 'queues', 'rabbitmq-in%2Fa.dead');
    expect(readdirSync(join(dir, 'data', 'queues'))).toContain('rabbitmq-in%2Fa.dead');
    expect(readFileSync(file, 'utf8')).toContain(Buffer.from('"bad"').toString('base64'));
  });

  it('needs a function that takes events', async () => {
    const { broker } = fakeBroker('MQTT', [{ from: 't', queue: 't' }]);
    await expect(start({ f: { source: recorder } }, { brokers: [broker] })).rejects.toMatchObject({
      code: 'InvalidTemplate',
    });
  });
});
