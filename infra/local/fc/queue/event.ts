/**
 * What an event stream gives to a function: one JSON array of CloudEvents, also for a single message (help pages
 * "Formats of event for different triggers", "Event overview").
 */
import type { StreamTrigger } from '../template/function.ts';
import type { Message, MessageSource, Owner } from './source.ts';

export interface EventFacts extends Owner {
  readonly functionName: string;
  /** Items as JSON strings, which the function parses a second time; documented for some sources. */
  readonly itemsAsStrings: boolean;
}

/** In the `source` of events, SMQ goes by its former name. */
const SOURCE_NAME = { SMQ: 'MNS', RabbitMQ: 'RabbitMQ', MQTT: 'MQTT' } as const;

/** One item of the array, as JSON text. The same for every delivery of the message by its stream. */
export function itemText(
  message: Message,
  origin: MessageSource,
  trigger: StreamTrigger,
  { functionName, region, accountId, itemsAsStrings }: EventFacts,
): string {
  const { envelope, dataText } = origin.describe(message, { region, accountId });
  if (envelope === null || trigger.eventSchema === 'RawData')
    return itemsAsStrings ? JSON.stringify(dataText) : dataText;
  const source = `${SOURCE_NAME[origin.kind]}-${functionName}-${trigger.triggerName}`;
  const time = new Date(envelope.timeMs).toISOString();
  const head = JSON.stringify({
    id: envelope.id,
    source,
    specversion: '1.0',
    type: envelope.type,
    datacontenttype: 'application/json;charset=utf-8',
    subject: envelope.subject,
    time,
    aliyunaccountid: accountId,
    aliyunpublishtime: time,
    aliyunoriginalaccountid: accountId,
    aliyuneventbusname: source,
    aliyunregionid: region,
    aliyunpublishaddr: '127.0.0.1',
  });
  const text = `${head.slice(0, -1)},"data":${dataText}}`;
  return itemsAsStrings ? JSON.stringify(text) : text;
}

export const streamEvent = (items: readonly string[]): Buffer => Buffer.from(`[${items.join(',')}]`);
