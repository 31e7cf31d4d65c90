/** Simple Message Queue (formerly MNS) queues through EventBridge (documentation: "SMQ event source"). */
import type { QueueDecoder } from './record.ts';

/**
 * The source's option `IsBase64Decode` (default true) decides whether `messageBody` is what the producer sent or is
 * still encoded as it was stored; the event does not tell which.
 */
export const smq: QueueDecoder = {
  trigger: 'smq',
  eventSource: 'acs:mns',
  ownsType: (type) => type === 'mns:Queue:SendMessage',
  ownsData: (data) => 'messageId' in data && 'messageBody' in data,
  decode(fields) {
    return { id: fields.string('messageId'), payload: fields.payload('messageBody') };
  },
};
