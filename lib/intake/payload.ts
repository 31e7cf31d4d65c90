/** What a door brings, and its two forms: bytes for a `raw` object, a record for a `log` (PROTOCOL.md §3). */

import { InvalidRecord } from '../append/errors.ts';
import { bytesLine, jsonLine, logRecord, textLine } from '../append/record.ts';
import type { DataLine, LogRecord, NamedBody, RecordNumber } from '../append/types.ts';
import { IntakeError } from './errors.ts';

export interface Payload {
  readonly content: Content;
  /** Who numbers the ids, such as `queue/orders`. */
  readonly source: string;
  /** Names the payload within its source. Without one it gets an id, and a repeat of it cannot be recognised. */
  readonly id?: string | undefined;
  /** Set where the source numbers its payloads one after the other; `id` is then the number in decimal. */
  readonly numbered?: RecordNumber | undefined;
  /** Set where the caller named all that came together. */
  readonly body?: NamedBody | undefined;
  /** The payload's own time, epoch milliseconds. */
  readonly timeMs?: number | undefined;
  /** For the key, see `key.ts`. */
  readonly path?: string | undefined;
  readonly queue?: string | undefined;
  readonly fields?: ReadonlyMap<string, string>;
}

export type Content =
  /** One JSON value. Bytes are UTF-8. */
  | { readonly kind: 'json'; readonly json: string | Uint8Array }
  | { readonly kind: 'text'; readonly text: string }
  /** JSON if it happens to be, text otherwise: for sources that do not say. */
  | { readonly kind: 'json-or-text'; readonly text: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array };

/** The payload byte for byte. Throws `IntakeError`. */
export function rawBytes(content: Content): Uint8Array {
  const bytes = verbatim(content);
  if (bytes.length > 0) return bytes;
  throw new IntakeError('EmptyPayload', 'The payload is empty, so there is nothing to append.');
}

/** The payload as a record of a log. Throws `IntakeError` `MalformedPayload`. */
export function recordOf(
  content: Content,
  { id, source, timeMs, numbered, body }: Omit<LogRecord, 'line'>,
): LogRecord {
  try {
    // Spelt out: a copy with more to it takes V8 far longer.
    return logRecord({ line: line(content), id, source, timeMs, numbered, body });
  } catch (cause) {
    if (!(cause instanceof InvalidRecord)) throw cause;
    throw new IntakeError('MalformedPayload', cause.message, { cause });
  }
}

function verbatim(content: Content): Uint8Array {
  switch (content.kind) {
    case 'bytes':
      return content.bytes;
    case 'json':
      return typeof content.json === 'string' ? encoded(content.json) : content.json;
    default:
      return encoded(content.text);
  }
}

/** Half of a surrogate pair would be replaced in silence. */
function encoded(text: string): Uint8Array {
  if (text.isWellFormed()) return Buffer.from(text);
  throw new IntakeError(
    'MalformedPayload',
    'The payload has half of a surrogate pair, so it has no UTF-8 form.',
  );
}

function line(content: Content): DataLine {
  switch (content.kind) {
    case 'bytes':
      return bytesLine(content.bytes);
    case 'json':
      return jsonLine(content.json);
    case 'text':
      return textLine(content.text);
    case 'json-or-text':
      return jsonOrTextLine(content.text);
  }
}

function jsonOrTextLine(text: string): DataLine {
  try {
    return jsonLine(text);
  } catch (error) {
    if (error instanceof InvalidRecord) return textLine(text);
    throw error;
  }
}
