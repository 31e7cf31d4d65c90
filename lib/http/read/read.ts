/** Answers GET and HEAD with what is asked for of a target: bytes of an object, or records of a log. */
import { laterSegment, segmentKey } from '../../append/segment.ts';
import type { Target } from '../../config.ts';
import { APPEND } from '../route.ts';
import type { ObjectReader, ReadRequest } from './answer.ts';
import { readObject } from './object.ts';
import type { ReadPlace } from './place.ts';
import { type Next, readRecord, readRecords } from './records.ts';

/** Throws `IntakeError`, and `StoreError` where the store does not give the object. */
export function readTarget(
  store: ObjectReader,
  target: Target,
  { key, object, records }: ReadPlace,
  call: Omit<ReadRequest, 'object' | 'contentType'>,
): Promise<Response> {
  const request = { ...call, object, contentType: target.contentType };
  if (records === null) return readObject(store, request);
  if (records.isOne) return readRecord(store, request, records);
  const nextObject = segmentKey(key, (laterSegment(object)?.segment ?? 0) + 1);
  const linkTo = (next: Next) => linkFrom(target, next);
  return readRecords(store, { ...request, from: records, nextObject, linkTo });
}

/** `Link` (RFC 8288). It names the object, since at another time the same query asks for another. */
function linkFrom({ name, fields }: Target, { object, start, record }: Next): Record<string, string> {
  // There the parameter is the target's own.
  if (fields.includes('object')) return {};
  const query = new URLSearchParams({ object, records: `${start}:${record}` });
  return { link: `<${APPEND}${encodeURIComponent(name)}?${query}>; rel="next"` };
}
