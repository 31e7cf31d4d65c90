/** ApsaraMQ for RabbitMQ through EventBridge (documentation: "ApsaraMQ for RabbitMQ event source"). */
import { isObject } from '../fields.ts';
import type { QueueDecoder } from './record.ts';

/** A producer need not set `messageId`. The CloudEvent's id stands in: it covers the stream's retries, not requeueing. */
export const rabbitmq: QueueDecoder = {
  trigger: 'rabbitmq',
  eventSource: 'acs:amqp',
  ownsType: (type) => type === 'amqp:Queue:SendMessage',
  ownsData: (data) => isObject(data['envelope']) && isObject(data['props']) && 'body' in data,
  decode(fields, envelope) {
    const delivery = fields.object('envelope');
    return {
      id: fields.object('props').stringOrEmpty('messageId') || (envelope?.id ?? ''),
      payload: fields.payload('body'),
      redelivered: delivery.booleanOrFalse('redeliver'),
      attributes: {
        exchange: delivery.stringOrEmpty('exchange'),
        routingKey: delivery.stringOrEmpty('routingKey'),
      },
    };
  },
};
