/**
 * ApsaraMQ for Kafka through EventBridge (documentation: "ApsaraMQ for Kafka event source").
 *
 * The trigger's `ValueDataType` decides whether `value` is JSON, text or base64, and the event does not say which: JSON
 * keeps its source text, a string is text unless the function declares `bodyEncoding: 'base64'`. A null value (a
 * tombstone) is the text `null`.
 */
import type { QueueDecoder } from './record.ts';

export const kafka: QueueDecoder = {
  trigger: 'kafka',
  eventSource: 'acs:alikafka',
  ownsType: (type) => type === 'alikafka:Topic:Message',
  ownsData: (data) => ['topic', 'partition', 'offset', 'value'].every((name) => name in data),
  decode(fields) {
    const topic = fields.string('topic');
    // Offsets are 64 bits wide.
    const partition = fields.digits('partition');
    const offset = fields.digits('offset');
    return {
      id: `${topic}-${partition}-${offset}`,
      payload: fields.payload('value'),
      sentTimeMs: fields.epochMs('timestamp'),
      attributes: { topic, partition, offset, key: fields.stringOrEmpty('key') },
    };
  },
};
