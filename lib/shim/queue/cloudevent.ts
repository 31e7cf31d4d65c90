/**
 * The CloudEvents 1.0 envelope that EventBridge puts around a queue's message (documentation: "Event overview", and the
 * event formats of each event source).
 */
import type { Fields } from '../fields.ts';

export interface CloudEvent {
  /** Repeats with the event stream's retries of a batch; not known to survive a redelivery by the queue itself. */
  readonly id: string;
  readonly type: string;
  /** The queue's or topic's resource name; '' if the source gives none. */
  readonly subject: string;
  /** When the source took the message in, in epoch milliseconds. */
  readonly timeMs: number | undefined;
  /** When EventBridge took it in, in epoch milliseconds. */
  readonly publishTimeMs: number | undefined;
  readonly accountId: string;
  readonly region: string;
}

/** Null if the fields are no CloudEvent's; throws `MalformedEventError` if they are a broken one's. */
export function cloudEventOf(fields: Fields): CloudEvent | null {
  if (fields.value['specversion'] === undefined) return null;
  return {
    id: fields.string('id'),
    type: fields.string('type'),
    subject: fields.stringOrEmpty('subject'),
    timeMs: fields.timeMs('time'),
    publishTimeMs: fields.timeMs('aliyunpublishtime'),
    accountId: fields.stringOrEmpty('aliyunoriginalaccountid') || fields.stringOrEmpty('aliyunaccountid'),
    region: fields.stringOrEmpty('aliyunregionid'),
  };
}
