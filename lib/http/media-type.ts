/** The content type of a request, and what the body of a `log` target may be. */
import { IntakeError, quote } from '../intake/errors.ts';

/** What a `log` target takes, as an `Accept` header says it. */
export const ACCEPTED =
  'application/json, application/x-ndjson, text/*, application/octet-stream, application/cloudevents+json, application/cloudevents-batch+json';

export type BodyKind = 'json' | 'ndjson' | 'text' | 'bytes' | 'event' | 'event-batch';

const NDJSON = new Set(['application/x-ndjson', 'application/ndjson', 'application/jsonl']);
const CHARSET = /;\s*charset\s*=\s*"?([^";\s]*)/i;
const UTF8 = /^utf-?8$/i;

/** Throws `IntakeError` `UnsupportedMediaType`. `contentType` is null where the request has none. */
export function bodyKindOf(contentType: string | null): BodyKind {
  if (contentType === null || contentType.trim() === '') {
    throw unsupported('The request has no Content-Type, so it is not clear what a record is.');
  }
  const kind = kindOf(contentType.replace(/;.*$/s, '').trim().toLowerCase());
  if (kind === null) throw unsupported(`A log does not take ${quote(contentType)}.`);
  const [, charset] = CHARSET.exec(contentType) ?? [];
  if (charset !== undefined && kind !== 'bytes' && !UTF8.test(charset)) {
    throw unsupported(
      `The text is in ${quote(charset)}, and a log is UTF-8. Convert it, or send it as bytes.`,
    );
  }
  return kind;
}

function kindOf(type: string): BodyKind | null {
  if (type === 'application/cloudevents+json') return 'event';
  if (type === 'application/cloudevents-batch+json') return 'event-batch';
  // Other formats of events (XML, Avro) would need decoders of their own.
  if (type.startsWith('application/cloudevents')) return null;
  if (NDJSON.has(type)) return 'ndjson';
  if (type === 'application/json' || /^application\/[^/,]+\+json$/.test(type)) return 'json';
  if (/^text\/[^/,]+$/.test(type)) return 'text';
  return type === 'application/octet-stream' ? 'bytes' : null;
}

function unsupported(message: string): IntakeError {
  return new IntakeError('UnsupportedMediaType', `${message} Set Content-Type to one of: ${ACCEPTED}.`);
}
