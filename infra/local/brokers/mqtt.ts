/**
 * Topics of a real MQTT broker, with all topics below them. QoS 1 and a persistent session: the broker keeps what it has
 * for us while we are away, and a message is acknowledged once the function has succeeded on its batch. What is not
 * acknowledged when the connection ends, the broker delivers again.
 *
 * EventBridge's messages of MQTT have neither an envelope nor an id, so a message that comes again is not recognised.
 */
import { createHash, randomUUID } from 'node:crypto';
import { connect, type MqttClient } from 'mqtt';
import type { Broker, EventItem, Feed, FeedContext, Message } from '../fc/queue/source.ts';
import { bodyText } from './body.ts';
import { Ending, reasonOf, type Session } from './link.ts';
import { BrokerSource } from './source.ts';

const CONNECT_MS_MAX = 10_000;
/** MQTT 3.1.1, which every broker speaks, promises a client that many characters for its id. */
const CLIENT_ID_LENGTH = 23;
const PUBACK = 0x40;

/** `sessionName` tells this consumer from others at the broker; its session goes on under the same name. */
export function mqtt(url: URL, feeds: readonly Feed[], sessionName: string): Broker {
  const where = `${url.protocol}//${url.host}`;
  return {
    kind: 'MQTT',
    where,
    feeds,
    open: (feed, context) => new MqttTopic(url, where, sessionName, feed, context),
  };
}

/** The name of the session that the broker keeps for us. */
export function clientIdOf(sessionName: string, topic: string): string {
  const name = createHash('sha256').update(`${sessionName}\n${topic}`).digest('hex');
  return `append${name}`.slice(0, CLIENT_ID_LENGTH);
}

interface MqttMessage extends Message {
  readonly topic: string;
}

class MqttTopic extends BrokerSource<MqttMessage> {
  readonly kind = 'MQTT';
  readonly #url: URL;
  readonly #from: string;
  readonly #clientId: string;

  constructor(url: URL, where: string, sessionName: string, { from, queue }: Feed, context: FeedContext) {
    super(queue, `MQTT topic ${from}`, where, context);
    this.#url = url;
    this.#from = from;
    this.#clientId = clientIdOf(sessionName, from);
  }

  /** MQTT does not say who published. */
  describe({ topic, body }: MqttMessage): EventItem {
    const props = {
      firstTopic: this.queueName,
      secondTopic: topic.slice(this.#from.length),
      clientId: '',
    };
    return { envelope: null, dataText: `{"props":${JSON.stringify(props)},"body":${bodyText(body)}}` };
  }

  protected async open(): Promise<Session> {
    const client = connect(this.#url.href, {
      protocolVersion: 4,
      clientId: this.#clientId,
      clean: false,
      resubscribe: false,
      reconnectPeriod: 0,
      connectTimeout: CONNECT_MS_MAX,
    });
    const ending = new Ending(() => this.held.forget());
    client.on('error', (error) => ending.end(reasonOf(error)));
    client.on('close', () => ending.end('the connection was closed'));
    this.#receive(client, ending);
    try {
      const connected = new Promise<boolean>((resolve) => {
        client.once('connect', ({ sessionPresent }) => resolve(sessionPresent));
      });
      const hasSession = await Promise.race([connected, ending.promise.then(fail)]);
      // A session has its subscription, and a second one would bring what is retained once more.
      if (!hasSession) await this.#subscribe(client);
    } catch (error) {
      client.end(true);
      throw error;
    }
    return { ended: ending.promise, close: () => client.endAsync() };
  }

  async #subscribe(client: MqttClient): Promise<void> {
    // The topic itself is among them.
    const [granted] = await client.subscribeAsync(`${this.#from}/#`, { qos: 1 });
    if (granted?.qos !== 1) fail('the broker grants no QoS 1');
  }

  /** The client acknowledges what it has handed on, too early for us: it is stopped there, and we do it later. */
  #receive(client: MqttClient, ending: Ending): void {
    client.handleMessage = (packet, done) => {
      const { topic, payload, messageId, qos } = packet;
      const body = Buffer.from(payload);
      const message = { id: randomUUID(), body, sentMs: this.context.clock.now(), topic };
      const acknowledge = () => {
        if (qos !== 1 || messageId === undefined) return;
        client.stream.write(Buffer.of(PUBACK, 2, messageId >> 8, messageId & 0xff));
      };
      if (!ending.over) this.held.add(message, acknowledge);
      done(new Error('not acknowledged yet'));
    };
  }
}

function fail(reason: string): never {
  throw new Error(reason);
}
