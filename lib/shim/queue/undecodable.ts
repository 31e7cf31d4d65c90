/**
 * Items of a batch that no decoder understands, as records: a handler can then keep them, and take the others.
 *
 * Such a record has the item's exact text for its body (base64, and the attribute `encoding`, if the event is not UTF-8),
 * and of its envelope what can be read. Whatever is not there is ''.
 */
import { createHash } from 'node:crypto';
import type { SQSRecord } from 'aws-lambda';
import { JsonError } from '../../append/json.ts';
import { MalformedEventError, type ShimError, UnknownEventShapeError } from '../errors.ts';
import { decodeUtf8, Fields, isObject, parse } from '../fields.ts';
import type { CloudEvent } from './cloudevent.ts';
import { type Delivery, sqsRecord } from './record.ts';

interface UndecodableRecord extends SQSRecord {
  readonly undecodable: ShimError;
}

const EVENT_SOURCE = 'acs:unknown';
/** Of the digest that tells apart what bears one id. */
const DIGEST_CHARS = 16;
/** With the digest, a message's id stays within what a log takes for an id. */
const ID_CHARS_MAX = 200;

/** Why a record could not be decoded; undefined if it was. */
export function undecodableOf(record: SQSRecord): ShimError | undefined {
  return (record as Partial<UndecodableRecord>).undecodable;
}

/** The reason why an item could not be decoded, if that is what `error` says; else throws it on. */
export function undecodable(error: unknown, index?: number): ShimError {
  if (error instanceof MalformedEventError || error instanceof UnknownEventShapeError) return error;
  if (error instanceof JsonError) return new UnknownEventShapeError('JSON that is nested too deeply', index);
  throw error;
}

export function undecodableRecord(
  item: string | Uint8Array,
  reason: ShimError,
  { fc }: Delivery,
): UndecodableRecord {
  const text = typeof item === 'string' ? item : decodeUtf8(item);
  const envelope = readable(text ?? '');
  const body = text ?? Buffer.from(item).toString('base64');
  const message = {
    id: envelope.id && nameOf(envelope.id, body),
    payload: { text: body, isString: true },
    ...(text === undefined && { encoding: 'base64' as const }),
  };
  // The text is the item's, and not the payload that the option is about.
  const record = sqsRecord(EVENT_SOURCE, message, envelope, { fc, bodyEncoding: 'text' });
  return { ...record, undecodable: reason };
}

/** Who sent what is no event may have used an id for several things, so it is not enough to know the item again. */
function nameOf(id: string, body: string): string {
  const digest = createHash('sha256').update(body).digest('hex').slice(0, DIGEST_CHARS);
  return `${id.slice(0, ID_CHARS_MAX)}/${digest}`;
}

function readable(text: string): CloudEvent {
  const outer = parse(text)?.value;
  const value = typeof outer === 'string' ? parse(outer)?.value : outer;
  const fields = new Fields('queue', () => text, isObject(value) ? value : {});
  return {
    id: orElse(() => fields.string('id'), ''),
    type: '',
    subject: orElse(() => fields.stringOrEmpty('subject'), ''),
    timeMs: orElse(() => fields.timeMs('time'), undefined),
    publishTimeMs: undefined,
    accountId: '',
    region: '',
  };
}

function orElse<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedEventError) return otherwise;
    throw error;
  }
}
