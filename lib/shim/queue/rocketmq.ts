/**
 * RocketMQ: ApsaraMQ for RocketMQ 4 and 5 through EventBridge (documentation: "ApsaraMQ for RocketMQ event source"), and
 * self-managed clusters, whose messages come without an envelope and with an id of their own.
 */
import { isObject } from '../fields.ts';
import type { QueueDecoder } from './record.ts';

export const rocketmq: QueueDecoder = {
  trigger: 'rocketmq',
  eventSource: 'acs:mq',
  ownsType: (type) => type === 'mq:Topic:SendMessage',
  ownsData: (data) => 'topic' in data && 'body' in data && isObject(data['systemProperties']),
  decode(fields, envelope) {
    const system = fields.object('systemProperties');
    return {
      id: fields.stringOrEmpty('msgId') || system.stringOrEmpty('UNIQ_KEY') || (envelope?.id ?? ''),
      payload: fields.payload('body'),
      attributes: {
        topic: fields.string('topic'),
        tags: system.stringOrEmpty('TAGS'),
        key: system.stringOrEmpty('KEYS'),
      },
      properties: fields.entries('userProperties'),
    };
  },
};
