/**
 * Queues of a real RabbitMQ, consumed as EventBridge's RabbitMQ source would: every message is acknowledged once the
 * function has succeeded on its batch, and what is not acknowledged when the connection ends, the broker delivers again.
 * A queue that is not there is declared, durable.
 */
import { randomUUID } from 'node:crypto';
import { type Channel, type ChannelModel, type ConsumeMessage, connect } from 'amqplib';
import type { Broker, EventItem, Feed, FeedContext, Message, Owner } from '../fc/queue/source.ts';
import { bodyText } from './body.ts';
import { Ending, reasonOf, type Session } from './link.ts';
import { BrokerSource } from './source.ts';

const CONNECT_MS_MAX = 10_000;
/** AMQP's reply code for a queue that does not exist. */
const NOT_FOUND = 404;

export function rabbitmq(url: URL, feeds: readonly Feed[]): Broker {
  const where = `${url.protocol}//${url.host}${url.pathname}`;
  return {
    kind: 'RabbitMQ',
    where,
    feeds,
    open: (feed, context) => new RabbitQueue(url, where, feed, context),
  };
}

interface RabbitMessage extends Message {
  readonly delivery: Pick<ConsumeMessage, 'fields' | 'properties'>;
}

class RabbitQueue extends BrokerSource<RabbitMessage> {
  readonly kind = 'RabbitMQ';
  readonly #url: URL;
  readonly #from: string;

  constructor(url: URL, where: string, { from, queue }: Feed, context: FeedContext) {
    super(queue, `RabbitMQ queue ${from}`, where, context);
    this.#url = url;
    this.#from = from;
  }

  describe({ id, sentMs, body, delivery }: RabbitMessage, { region, accountId }: Owner): EventItem {
    const { fields, properties } = delivery;
    const facts = JSON.stringify({
      envelope: {
        deliveryTag: fields.deliveryTag,
        exchange: fields.exchange,
        redeliver: fields.redelivered,
        routingKey: fields.routingKey,
      },
      props: { contentEncoding: properties.contentEncoding, messageId: properties.messageId },
    });
    const virtualHost = decodeURIComponent(this.#url.pathname.slice(1)) || '/';
    return {
      envelope: {
        id,
        type: 'amqp:Queue:SendMessage',
        subject: `acs:amqp:${region}:${accountId}:/instances/local/vhosts/${virtualHost}/queues/${this.queueName}`,
        timeMs: sentMs,
      },
      dataText: `${facts.slice(0, -1)},"body":${bodyText(body)}}`,
    };
  }

  protected async open(): Promise<Session> {
    const connection = await connect(this.#url.href, { timeout: CONNECT_MS_MAX });
    try {
      return await this.#consume(connection);
    } catch (error) {
      await connection.close().catch(() => undefined);
      throw error;
    }
  }

  async #consume(connection: ChannelModel): Promise<Session> {
    const ending = new Ending(() => this.held.forget());
    const watch = (emitter: ChannelModel | Channel) => {
      emitter.on('error', (error: Error) => ending.end(reasonOf(error)));
      emitter.on('close', () => ending.end('the connection was closed'));
    };
    watch(connection);
    await this.#declare(connection);
    const channel = await connection.createChannel();
    watch(channel);
    await channel.prefetch(this.context.prefetch);
    await channel.consume(this.#from, (delivery) => {
      if (delivery === null) return ending.end('the queue was deleted');
      if (!ending.over) this.held.add(this.#messageOf(delivery), () => channel.ack(delivery));
    });
    return {
      ended: ending.promise,
      async close() {
        // Answered after everything that was sent before, the acknowledgements.
        await channel.close().catch(() => undefined);
        await connection.close();
      },
    };
  }

  /** A queue that is there may have any arguments, and is not touched. */
  async #declare(connection: ChannelModel): Promise<void> {
    const probe = await connection.createChannel();
    // The failure of the call says all that this event does.
    probe.on('error', () => undefined);
    try {
      await probe.checkQueue(this.#from);
      await probe.close();
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === NOT_FOUND)) throw error;
      const channel = await connection.createChannel();
      await channel.assertQueue(this.#from, { durable: true });
      await channel.close();
    }
  }

  /** Without a time of its own, a message was sent when it came. AMQP's times are seconds. */
  #messageOf({ content, fields, properties }: ConsumeMessage): RabbitMessage {
    const seconds: unknown = properties.timestamp;
    const sentMs = typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : this.context.clock.now();
    return { id: randomUUID(), body: content, sentMs, delivery: { fields, properties } };
  }
}
