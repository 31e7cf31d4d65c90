/**
 * ApsaraMQ for MQTT through EventBridge (documentation: "ApsaraMQ for MQTT triggers"). The documented batches have no
 * envelope, and then messages have no id and no time.
 */
import { isObject } from '../fields.ts';
import type { QueueDecoder } from './record.ts';

export const mqtt: QueueDecoder = {
  trigger: 'mqtt',
  eventSource: 'acs:mqtt',
  ownsType: (type) => type.startsWith('mqtt:'),
  ownsData: (data) => isObject(data['props']) && 'firstTopic' in data['props'] && 'body' in data,
  decode(fields, envelope) {
    const props = fields.object('props');
    return {
      id: envelope?.id ?? '',
      payload: fields.payload('body'),
      attributes: {
        topic: props.string('firstTopic'),
        secondTopic: props.stringOrEmpty('secondTopic'),
        clientId: props.stringOrEmpty('clientId'),
      },
    };
  },
};
