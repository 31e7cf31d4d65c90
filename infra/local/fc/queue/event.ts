/**
 * What an event stream gives to a function for messages of an SMQ queue: one JSON array of CloudEvents, also for a
 * single message (help pages "Formats of event for different triggers", "SMQ triggers").
 *
 * `messageBody` is the text that was published. On EventBridge, `IsBase64Decode: true` decodes what the producer's SDK
 * has encoded; `publish` takes the bytes as they are, so there is nothing to decode, and bytes that are not UTF-8 are
 * given as base64 either way.
 */
import { utf8 } from '../http/event.ts';
import type { StreamTrigger } from '../template/function.ts';

export interface Message {
  readonly id: string;
  readonly body: Buffer;
  readonly publishedMs: number;
}

export interface EventFacts {
  readonly functionName: string;
  readonly region: string;
  readonly accountId: string;
  /** Items as JSON strings, which the function parses a second time; documented for some sources. */
  readonly itemsAsStrings: boolean;
}

export function toStreamEvent(
  messages: readonly Message[],
  stream: StreamTrigger,
  facts: EventFacts,
): Buffer {
  const items = messages.map((message) => {
    const event = toCloudEvent(message, stream, facts);
    return stream.eventSchema === 'RawData' ? event.data : event;
  });
  return Buffer.from(
    JSON.stringify(facts.itemsAsStrings ? items.map((item) => JSON.stringify(item)) : items),
  );
}

/** The same for every delivery of the message: ids and times are the message's own. */
function toCloudEvent(
  message: Message,
  stream: StreamTrigger,
  { functionName, region, accountId }: EventFacts,
) {
  const source = `MNS-${functionName}-${stream.triggerName}`;
  const time = new Date(message.publishedMs).toISOString();
  return {
    id: message.id.toLowerCase(),
    source,
    specversion: '1.0',
    type: 'mns:Queue:SendMessage',
    datacontenttype: 'application/json;charset=utf-8',
    subject: `acs:mns:${region}:${accountId}:queues/${stream.queueName}`,
    time,
    aliyunaccountid: accountId,
    aliyunpublishtime: time,
    aliyunoriginalaccountid: accountId,
    aliyuneventbusname: source,
    aliyunregionid: region,
    aliyunpublishaddr: '127.0.0.1',
    data: {
      requestId: message.id.slice(0, 24),
      messageId: message.id,
      messageBody: utf8(message.body) ?? message.body.toString('base64'),
    },
  };
}
