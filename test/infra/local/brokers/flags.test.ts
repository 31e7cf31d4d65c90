import { describe, expect, it } from 'vitest';
import { bodyText } from '../../../../infra/local/brokers/body.ts';
import { brokersOf } from '../../../../infra/local/brokers/flags.ts';

const AMQP = 'amqp://user:secret@host:5673/relay';
const MQTT = 'mqtt://user:secret@host';

function brokers(values: Parameters<typeof brokersOf>[0]['values'], env = {}) {
  const found = brokersOf({ values, env, queues: ['events', 'orders'], dataDir: '/data' });
  return found.map(({ kind, where, feeds }) => ({
    kind,
    where,
    feeds: feeds.map(({ from, queue }) => `${from}=${queue}`).join(),
  }));
}

describe('the brokers that are given', () => {
  it('are none unless there is an address', () => {
    expect(brokers({})).toEqual([]);
    expect(brokers({}, { AMQP_URL: '' })).toEqual([]);
  });

  it('are those of the flags, else of the environment, shown without password, with all configured queues', () => {
    const rabbit = {
      kind: 'RabbitMQ',
      where: 'amqp://host:5673/relay',
      feeds: 'events=events,orders=orders',
    };
    const topics = { kind: 'MQTT', where: 'mqtt://host', feeds: 'events=events,orders=orders' };
    expect(brokers({ 'amqp-url': AMQP, 'mqtt-url': MQTT })).toEqual([rabbit, topics]);
    expect(brokers({}, { AMQP_URL: AMQP, MQTT_URL: MQTT })).toEqual([rabbit, topics]);
    expect(brokers({ 'amqp-url': AMQP }, { AMQP_URL: 'amqp://other' })).toEqual([rabbit]);
  });

  it('are consumed as the queues that are named', () => {
    expect(brokers({ 'amqp-url': AMQP, 'amqp-queue': 'orders, in.a=events' })[0]?.feeds).toBe(
      'orders=orders,in.a=events',
    );
    expect(brokers({ 'mqtt-url': MQTT, 'mqtt-topic': 'plant/d=events' })[0]?.feeds).toBe('plant/d=events');
  });

  it.each([
    [{ 'amqp-url': 'http://user:secret@host' }, '--amqp-url: give an address such as amqp://'],
    [{ 'mqtt-url': 'secret' }, '--mqtt-url: give an address such as mqtt://'],
    [{ 'amqp-queue': 'events' }, '--amqp-queue needs --amqp-url'],
    [{ 'mqtt-topic': 'events' }, '--mqtt-topic needs --mqtt-url'],
    [{ 'amqp-url': AMQP, 'amqp-queue': 'other' }, 'no queue "other" (it has events, orders)'],
    [{ 'amqp-url': AMQP, 'amqp-queue': 'a=b=c' }, 'name[=queue]'],
    [{ 'amqp-url': AMQP, 'amqp-queue': ',' }, 'name[=queue]'],
    [{ 'mqtt-url': MQTT, 'mqtt-topic': 'plant/+=events' }, 'all below it'],
  ])('say what is wrong with %j', (values, message) => {
    expect(() => brokers(values)).toThrow(message);
    expect(() => brokers(values)).not.toThrow('secret');
  });
});

describe('the body of a message in an event', () => {
  it.each([
    ['{"n":9007199254740993, "n":1}', '{"n":9007199254740993, "n":1}'],
    [' [1]\n', ' [1]\n'],
    ['42', '"42"'],
    ['"text"', '"\\"text\\""'],
    ['{broken', '"{broken"'],
    ['', '""'],
  ])('%j is %j', (body, text) => {
    expect(bodyText(Buffer.from(body))).toBe(text);
  });

  it('is base64 if it is not UTF-8', () => {
    expect(bodyText(Buffer.of(0xff, 0xfe))).toBe('"//4="');
  });
});
