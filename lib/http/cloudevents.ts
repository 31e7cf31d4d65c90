/**
 * CloudEvents 1.0 over HTTP (CloudEvents specification, "HTTP Protocol Binding" and "JSON Event Format"): structured,
 * batched and binary mode.
 *
 * An event is named by its id and source, and its time is the record's time. The record is its data, or the whole event
 * as it came (binary mode: as its JSON form), whichever the target asks for.
 */

import { checkJson, JsonError, parseJson, sliceElements, sliceMember } from '../append/json.ts';
import { IntakeError } from '../intake/errors.ts';
import type { Content, Payload } from '../intake/payload.ts';
import { bodyKindOf } from './media-type.ts';
import { utf8Text } from './text.ts';
import { timeMsOf } from './time.ts';

export type EventPart = 'data' | 'event';

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
/** The sources that the doors of this project give (PROTOCOL.md §3): an event that took one could pass for a message. */
const OURS = /^(?:(?:http|job)$|queue\/|schedule\/|producer\/|webhook\/|job\/)/;
/** Far above the 64 KB that the CloudEvents specification asks everyone to take. */
const EVENT_CHARS_MAX = 1024 * 1024;
const ATTRIBUTE = /^ce-([a-z0-9]+)$/;

/** One event in structured mode. Throws `IntakeError`. */
export function structuredEvent(body: Uint8Array, part: EventPart): Payload {
  const text = utf8Text(body);
  return eventPayload(text, jsonOf(text), part);
}

/** A batch of events. Throws `IntakeError`. */
export function eventBatch(body: Uint8Array, part: EventPart): Payload[] {
  const text = utf8Text(body);
  asMalformed(() => checkJson(text));
  if (!/^\s*\[/.test(text)) throw malformed('A batch of CloudEvents is a JSON array.');
  return sliceElements(text).map((slice) => eventPayload(slice, jsonOf(slice), part));
}

/** Whether the headers carry an event in binary mode. */
export function isBinaryEvent(headers: Headers): boolean {
  return ['ce-specversion', 'ce-id', 'ce-source', 'ce-type'].some((name) => headers.has(name));
}

/** One event in binary mode: attributes in the headers, data in the body. Throws `IntakeError`. */
export function binaryEvent(headers: Headers, body: Uint8Array, part: EventPart): Payload {
  const attributes: Record<string, string> = {};
  for (const [header, value] of headers) {
    const [, name] = ATTRIBUTE.exec(header) ?? [];
    if (name !== undefined) attributes[name] = percentDecoded(value);
  }
  const name = nameOf(attributes);
  const contentType = headers.get('content-type');
  if (part === 'event')
    return { content: { kind: 'json', json: jsonForm(attributes, contentType, body) }, ...name };
  if (body.length === 0) throw noData();
  return { content: binaryData(contentType, body), ...name };
}

function eventPayload(text: string, event: unknown, part: EventPart): Payload {
  if (!isObject(event)) throw malformed('A CloudEvent is a JSON object.');
  const name = nameOf(event);
  const { data_base64: base64 } = event;
  if (base64 !== undefined && (typeof base64 !== 'string' || !BASE64.test(base64))) {
    throw malformed('The data_base64 of a CloudEvent is base64.');
  }
  const data = sliceMember(text, 'data');
  if (base64 !== undefined && data !== undefined)
    throw malformed('A CloudEvent has data or data_base64, not both.');
  if (part === 'event') return { content: { kind: 'json', json: text }, ...name };
  if (base64 !== undefined)
    return { content: { kind: 'bytes', bytes: Buffer.from(base64, 'base64') }, ...name };
  if (data === undefined) throw noData();
  return { content: { kind: 'json', json: data }, ...name };
}

function nameOf(event: Readonly<Record<string, unknown>>): Pick<Payload, 'id' | 'source' | 'timeMs'> {
  const { specversion, id, source, type, time } = event;
  if (specversion !== '1.0') throw malformed('The specversion of a CloudEvent is "1.0".');
  if (!isFilled(id) || !isFilled(source) || !isFilled(type)) {
    throw malformed('A CloudEvent has an id, a source and a type, each a string that is not empty.');
  }
  if (OURS.test(source)) throw malformed('The source of the event is one of our own. Use a URI of yours.');
  return { id, source, timeMs: time === undefined || time === null ? undefined : eventTimeMs(time) };
}

function eventTimeMs(time: unknown): number {
  const timeMs = typeof time === 'string' ? timeMsOf(time) : null;
  if (timeMs !== null) return timeMs;
  throw malformed('The time of a CloudEvent is in the form of RFC 3339: 2026-11-22T20:30:00Z.');
}

/** The data of an event in binary mode, as its content type says. */
function binaryData(contentType: string | null, body: Uint8Array): Content {
  const kind = bodyKindOf(contentType);
  if (kind === 'json') return { kind, json: body };
  if (kind === 'text') return { kind, text: utf8Text(body) };
  if (kind === 'bytes') return { kind, bytes: body };
  throw new IntakeError(
    'UnsupportedMediaType',
    'One event in binary mode is one record. Leave out the ce- headers, or send a batch of events.',
  );
}

/** The JSON form of an event in binary mode. JSON data is spliced in as it came: parsing would change its numbers. */
function jsonForm(attributes: Record<string, string>, contentType: string | null, body: Uint8Array): string {
  const event = JSON.stringify({
    ...attributes,
    ...(contentType !== null && { datacontenttype: contentType }),
  });
  if (body.length === 0) return event;
  const data = binaryData(contentType, body);
  const member =
    data.kind === 'bytes'
      ? `"data_base64":"${Buffer.from(data.bytes).toString('base64')}"`
      : `"data":${jsonText(data)}`;
  return `${event.slice(0, -1)},${member}}`;
}

function jsonText(data: Exclude<Content, { kind: 'bytes' }>): string {
  if (data.kind !== 'json') return JSON.stringify(data.text);
  const text = typeof data.json === 'string' ? data.json : utf8Text(data.json);
  jsonOf(text);
  return text;
}

/** Header values are percent-encoded outside of printable ASCII. */
function percentDecoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch (cause) {
    throw malformed('The ce- headers are percent-encoded UTF-8.', cause);
  }
}

/** The event as a tree, whose memory is many times that of its text. */
function jsonOf(text: string): unknown {
  if (text.length > EVENT_CHARS_MAX) {
    throw new IntakeError(
      'PayloadTooLarge',
      `A CloudEvent in JSON has at most ${EVENT_CHARS_MAX} characters. Send a larger one in binary mode (ce- headers).`,
    );
  }
  return asMalformed(() => parseJson(text));
}

function asMalformed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (cause instanceof JsonError)
      throw malformed(`The body is not JSON, from offset ${cause.offset} on.`, cause);
    throw cause;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isFilled(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function noData(): IntakeError {
  return malformed(
    'The event has no data. Set cloudEvents: "event" on the target to keep events without data.',
  );
}

function malformed(message: string, cause?: unknown): IntakeError {
  return new IntakeError('MalformedPayload', message, cause === undefined ? undefined : { cause });
}
