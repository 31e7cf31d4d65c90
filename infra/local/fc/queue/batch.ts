/**
 * A batch of an event stream, as its window (`batchWindow`) makes it: it opens with the first message and closes when
 * it has enough messages, when the next one would take the event over the size limit, or when its time is up, with
 * whatever waits then.
 */
import type { Clock } from '../clock.ts';
import type { Message, MessageSource } from './source.ts';

export interface Window {
  readonly countMax: number;
  /** Of the whole event. A single message that is larger is a batch of its own. */
  readonly bytesMax: number;
  readonly ms: number;
}

export interface Batch {
  readonly messages: readonly Message[];
  /** Their items in the event, as JSON text. */
  readonly items: readonly string[];
}

/** Null if the signal fired first; the messages are the source's again then. */
export async function collect(
  source: MessageSource,
  window: Window,
  itemOf: (message: Message) => string,
  clock: Clock,
  signal: AbortSignal,
): Promise<Batch | null> {
  await source.untilWaiting(signal);
  const over = new AbortController();
  const end = () => over.abort();
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted || window.ms === 0) end();
  else void clock.sleep(window.ms, over.signal).then(end);
  const messages: Message[] = [];
  const items: string[] = [];
  // The brackets, and a comma an item.
  let bytes = 1;
  while (messages.length < window.countMax && !signal.aborted) {
    const message = source.take();
    if (message === undefined) {
      if (over.signal.aborted) break;
      await source.untilWaiting(over.signal);
      continue;
    }
    const item = itemOf(message);
    bytes += Buffer.byteLength(item) + 1;
    if (messages.length > 0 && bytes > window.bytesMax) {
      source.giveBack([message]);
      break;
    }
    messages.push(message);
    items.push(item);
  }
  signal.removeEventListener('abort', end);
  end();
  if (!signal.aborted) return messages.length > 0 ? { messages, items } : null;
  source.giveBack(messages);
  return null;
}
