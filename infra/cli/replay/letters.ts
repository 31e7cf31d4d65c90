/** Dead letters as they are found in the dead-letter logs, and which of them were sent again. */
import { DEAD_SOURCE, type DeadLetter, parseLetter, REPLAY_SOURCE } from '../../../lib/intake/letter.ts';
import { readValue } from '../../../lib/reader/value.ts';
import { readRecords, type StoredRecord } from '../../../lib/reader.ts';
import type { ObjectStore } from '../../../lib/store/port.ts';

export interface FoundLetter {
  /** The key of its log. */
  readonly log: string;
  /** Its name there. */
  readonly source: string;
  readonly id: string;
  readonly letter: DeadLetter;
  readonly wasReplayed: boolean;
  /** Of its line. */
  readonly bytes: number;
}

/** Which letters are wanted; what is not given does not matter. */
export interface LetterFilter {
  readonly queue?: string | undefined;
  /** Code of the reason. */
  readonly reason?: string | undefined;
  /** The message's id. */
  readonly id?: string | undefined;
  /** Of the message's time, epoch milliseconds: from `sinceMs` on, before `untilMs`. */
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
}

/** The letters of a log that are wanted, in its order. The log is read twice: markers come after what they mark. */
export async function* lettersOf(
  store: Pick<ObjectStore, 'read'>,
  log: string,
  filter: LetterFilter,
): AsyncGenerator<FoundLetter> {
  const replayed = new Set<string>();
  for await (const { source, id } of readRecords(store, log)) {
    if (source.startsWith(REPLAY_SOURCE)) replayed.add(nameOf(source.slice(REPLAY_SOURCE.length), id));
  }
  for await (const record of readRecords(store, log)) {
    const letter = letterOf(record);
    if (letter === null || !isWanted(letter, filter)) continue;
    const { source, id, line } = record;
    const wasReplayed = replayed.has(nameOf(source.slice(DEAD_SOURCE.length), id));
    yield { log, source, id, letter, wasReplayed, bytes: line.length };
  }
}

/** The source of the record that says that a letter was sent again. */
export const markerSource = ({ source }: FoundLetter): string =>
  `${REPLAY_SOURCE}${source.slice(DEAD_SOURCE.length)}`;

const nameOf = (place: string, id: string): string => `${place}\0${id}`;

function letterOf({ source, line }: StoredRecord): DeadLetter | null {
  if (!source.startsWith(DEAD_SOURCE)) return null;
  const value = readValue(line);
  return value.kind === 'json' ? parseLetter(value.json) : null;
}

function isWanted(letter: DeadLetter, { queue, reason, id, sinceMs, untilMs }: LetterFilter): boolean {
  if (queue !== undefined && letter.queue !== queue) return false;
  if (reason !== undefined && letter.reason.code !== reason) return false;
  if (id !== undefined && letter.id !== id && letter.messageId !== id) return false;
  return letter.timeMs >= (sinceMs ?? -Infinity) && letter.timeMs < (untilMs ?? Infinity);
}
