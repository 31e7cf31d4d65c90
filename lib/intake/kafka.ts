/**
 * How Kafka numbers messages: one after the other in each partition of a topic, by offset. A log keeps such numbers as
 * ranges (PROTOCOL.md §3.4), so it knows a repeat however far back it is.
 */
import type { SQSRecord } from 'aws-lambda';
import { NAME_LENGTH_MAX } from '../append/record.ts';
import type { Payload } from './payload.ts';

/** The shim's name for the source. The attributes read here are the source's own: a producer cannot set them. */
const EVENT_SOURCE = 'acs:alikafka';

/** A message's name in a log, if it is one of Kafka's; null if it is not, or its numbers are too large to count with. */
export function kafkaName(
  queue: string,
  { eventSource, messageAttributes }: SQSRecord,
): Pick<Payload, 'source' | 'id' | 'numbered'> | null {
  if (eventSource !== EVENT_SOURCE) return null;
  const text = (name: string) => messageAttributes[name]?.stringValue ?? '';
  const partition = numberOf(text('partition'));
  const number = numberOf(text('offset'));
  const source = `queue/${queue}/${text('topic')}-${partition}`;
  // A topic's name may be so long that the two of them are longer than a source may be.
  if (partition === null || number === null || source.length > NAME_LENGTH_MAX) return null;
  return { source, id: String(number), numbered: { number, epoch: null } };
}

function numberOf(digits: string): number | null {
  const number = Number(digits);
  // A log takes numbers up to 2^53 - 2 (PROTOCOL.md §3.4).
  return digits !== '' && number < Number.MAX_SAFE_INTEGER ? number : null;
}
