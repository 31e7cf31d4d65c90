/** The real brokers that `npm start` is told of, by flags or the environment. */
import { hostname } from 'node:os';
import { UsageError } from '../../cli/command.ts';
import type { Broker, Feed } from '../fc/queue/source.ts';
import { mqtt } from './mqtt.ts';
import { rabbitmq } from './rabbitmq.ts';

export const BROKER_FLAGS = {
  'amqp-url': { type: 'string' },
  'amqp-queue': { type: 'string' },
  'mqtt-url': { type: 'string' },
  'mqtt-topic': { type: 'string' },
} as const;

type Values = Readonly<Partial<Record<keyof typeof BROKER_FLAGS, string>>>;

interface Setting {
  readonly values: Values;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Names under `queues` in append.config.ts. */
  readonly queues: readonly string[];
  /** Absolute path: the data directory is one consumer, whenever it runs. */
  readonly dataDir: string;
}

/** Throws `UsageError`. */
export function brokersOf({ values, env, queues, dataDir }: Setting): readonly Broker[] {
  const amqpUrl = urlOf('amqp-url', values['amqp-url'] ?? env['AMQP_URL'], ['amqp:', 'amqps:']);
  const mqttUrl = urlOf('mqtt-url', values['mqtt-url'] ?? env['MQTT_URL'], ['mqtt:', 'mqtts:']);
  const feeds = (flag: 'amqp-queue' | 'mqtt-topic', url: URL | undefined) => {
    if (url === undefined && values[flag] !== undefined)
      throw new UsageError(`--${flag} needs --${flag.slice(0, 4)}-url, the broker's address.`);
    return feedsOf(flag, values[flag], queues);
  };
  const amqpFeeds = feeds('amqp-queue', amqpUrl);
  const mqttFeeds = feeds('mqtt-topic', mqttUrl);
  const wild = mqttFeeds.find(({ from }) => /[+#]/.test(from));
  if (wild) throw new UsageError(`--mqtt-topic ${wild.from}: name a topic; all below it are consumed too.`);
  return [
    ...(amqpUrl ? [rabbitmq(amqpUrl, amqpFeeds)] : []),
    ...(mqttUrl ? [mqtt(mqttUrl, mqttFeeds, sessionNameOf(dataDir))] : []),
  ];
}

/** Tells this consumer from others at an MQTT broker. */
export const sessionNameOf = (dataDir: string): string => `${hostname()} ${dataDir}`;

/** The address may hold a password: no error shows it. */
function urlOf(flag: string, text: string | undefined, protocols: readonly string[]): URL | undefined {
  if (text === undefined || text === '') return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && url.hostname !== '' && protocols.includes(url.protocol)) return url;
  throw new UsageError(`--${flag}: give an address such as ${protocols[0]}//user:password@127.0.0.1.`);
}

/** `name[=queue][,…]`; without the flag, everything under `queues` by its own name. */
function feedsOf(flag: string, text: string | undefined, queues: readonly string[]): readonly Feed[] {
  if (text === undefined) return queues.map((queue) => ({ from: queue, queue }));
  return text.split(',').map((part) => {
    const [from = '', queue = from, ...more] = part.trim().split('=');
    if (from === '' || more.length > 0) throw new UsageError(`--${flag} ${text}: give name[=queue][,…].`);
    if (queues.includes(queue)) return { from, queue };
    throw new UsageError(
      `--${flag} ${part.trim()}: append.config.ts has no queue "${queue}" (it has ${queues.join(', ') || 'none'}). To consume it as one of those, write ${from}=${queues[0] ?? 'queue'}.`,
    );
  });
}
