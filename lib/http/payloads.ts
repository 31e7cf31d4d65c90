/** What the body of an append holds: one payload for a `raw` target, one or more records for a `log`. */
import type { Target } from '../config.ts';
import { IntakeError } from '../intake/errors.ts';
import { timeOfId } from '../intake/id-time.ts';
import type { Content, Payload } from '../intake/payload.ts';
import type { Delivery } from './access/types.ts';
import { binaryEvent, eventBatch, isBinaryEvent, structuredEvent } from './cloudevents.ts';
import { idempotencyKeyOf } from './conditions.ts';
import { type BodyKind, bodyKindOf } from './media-type.ts';
import { assertTakesProducers, invalidProducer, numbered, producerOf } from './producer.ts';
import { filledLines, utf8Text } from './text.ts';

/** Source of the records that are named by the caller, or not at all. */
const SOURCE = 'http';
/** Records of one call. The answer has a receipt for each, and a synchronous answer may not be much longer than this. */
const RECORDS_MAX = 10_000;

/** Makes payloads of a body. Throws `IntakeError`. */
export type BodyReader = (body: Uint8Array) => Payload[];

/**
 * How to read the body of a request, of which all that its headers can be refused for is checked here, before the body is
 * read. `delivery` is what a signature covers, where there is one. Throws `IntakeError`.
 */
export function payloadsOf(target: Target, headers: Headers, delivery: Delivery | null = null): BodyReader {
  if (delivery === null) return sentPayloads(target, headers);
  assertNoOtherName(headers);
  const sent = sentPayloads(target, headers);
  return (body) => delivered(delivery, sent(body));
}

function sentPayloads(target: Target, headers: Headers): BodyReader {
  const key = idempotencyKeyOf(headers);
  const producer = producerOf(headers);
  if (producer) assertTakesProducers(target);
  if (producer && key !== undefined)
    throw invalidProducer("A producer's records are named by their numbers. Leave out the Idempotency-Key.");
  if (target.format === 'raw') {
    if (key !== undefined) {
      throw new IntakeError(
        'InvalidIdempotencyKey',
        'A raw object has no room for an Idempotency-Key, so a repeat could not be recognised. Leave it out and send If-Match, or use a log target.',
      );
    }
    return (body) => [{ content: { kind: 'bytes', bytes: atLeastOne(body) }, source: SOURCE }];
  }
  if (headers.has('content-encoding')) {
    throw new IntakeError(
      'UnsupportedMediaType',
      'A log takes no encoded bodies. Leave out Content-Encoding.',
    );
  }
  const events = eventsOf(target, headers);
  if (events === null) {
    const kind = bodyKindOf(headers.get('content-type'));
    return (body) => {
      const contents = contentsOf(kind, atLeastOne(body));
      return producer ? numbered(producer, contents) : named(key, contents);
    };
  }
  if (producer)
    throw invalidProducer('A CloudEvent is named by its id and source. Leave out the Producer headers.');
  if (key === undefined) return events;
  throw new IntakeError(
    'InvalidIdempotencyKey',
    'A CloudEvent is named by its id and source. Leave out the Idempotency-Key.',
  );
}

/** Null if the request carries no CloudEvents. */
function eventsOf({ cloudEvents }: Target, headers: Headers): BodyReader | null {
  const isBinary = isBinaryEvent(headers);
  const contentType = headers.get('content-type');
  const isStructured = /^\s*application\/cloudevents/i.test(contentType ?? '');
  if (isBinary && !isStructured) return (body) => [binaryEvent(headers, body, cloudEvents)];
  if (!isStructured) return null;
  const kind = bodyKindOf(contentType);
  if (kind === 'event') return (body) => [structuredEvent(atLeastOne(body), cloudEvents)];
  return (body) => atLeastOne(notTooMany(eventBatch(atLeastOne(body), cloudEvents)));
}

function contentsOf(kind: BodyKind, body: Uint8Array): Content[] {
  switch (kind) {
    case 'ndjson':
      return atLeastOne(notTooMany(filledLines(body))).map((json) => ({ kind: 'json', json }));
    case 'text':
      return [{ kind, text: utf8Text(body) }];
    case 'bytes':
      return [{ kind, bytes: body }];
    default:
      return [{ kind: 'json', json: body }];
  }
}

/** The caller's key names the record, or with `/0`, `/1`, … each of several. */
function named(key: string | undefined, contents: readonly Content[]): Payload[] {
  if (key === undefined) return contents.map((content) => ({ content, source: SOURCE }));
  const timeMs = timeOfId(key);
  const { length } = contents;
  // What a body of one record, or of more than these, would have.
  const body = { strangers: length === 1 ? [`${key}/0`] : [key, `${key}/${length}`] };
  return contents.map((content, index) => ({
    content,
    source: SOURCE,
    id: length === 1 ? key : `${key}/${index}`,
    timeMs,
    body,
  }));
}

/**
 * The records of a signed delivery go by its name, whatever else they are called: that is signed, or at least the same
 * whenever the delivery comes again.
 */
function delivered({ source, id, timeMs }: Delivery, payloads: readonly Payload[]): Payload[] {
  return payloads.map(({ id: _, ...payload }, index) => ({
    ...payload,
    source,
    ...(id !== undefined && { id: payloads.length === 1 ? id : `${id}/${index}` }),
    timeMs: payload.timeMs ?? timeMs,
  }));
}

/** No signature covers these headers: a copy of a delivery with others of them would pass for a new one. */
function assertNoOtherName(headers: Headers): void {
  if (producerOf(headers) === undefined && !headers.has('idempotency-key') && !isBinaryEvent(headers)) return;
  throw new IntakeError(
    'InvalidIdempotencyKey',
    'The records of a signed delivery are named by the delivery. Leave out Idempotency-Key, the Producer headers and the ce- headers.',
  );
}

function atLeastOne<T extends { readonly length: number }>(list: T): T {
  if (list.length > 0) return list;
  throw new IntakeError('EmptyPayload', 'The body holds nothing to append.');
}

function notTooMany<T>(records: Iterable<T>): T[] {
  const kept: T[] = [];
  for (const record of records) {
    if (kept.length === RECORDS_MAX) {
      throw new IntakeError(
        'PayloadTooLarge',
        `The body holds more than ${RECORDS_MAX} records. Send them in several calls.`,
      );
    }
    kept.push(record);
  }
  return kept;
}
