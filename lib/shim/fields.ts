/**
 * Validated reading of an event's JSON: each accessor returns a value of the type it names or throws a
 * `MalformedEventError` that names the field. Where a field holds a payload or a number that may exceed 2^53, the exact
 * source text is read instead of the parsed value.
 */
import { JsonError, parseJson, sliceMember } from '../append/json.ts';
import { MalformedEventError, type Trigger } from './errors.ts';

export type JsonObject = { readonly [name: string]: unknown };

/** A payload inside an event. */
export interface Payload {
  /** The string's characters, or the exact source text of any other JSON value. */
  readonly text: string;
  readonly isString: boolean;
}

/** JSON text and what it parses to. */
export interface Parsed {
  readonly text: string;
  readonly value: unknown;
}

export class Fields {
  readonly value: JsonObject;
  readonly trigger: Trigger;
  readonly #text: () => string;
  readonly #index: number | undefined;
  readonly #path: readonly string[];

  /** @param text JSON text of the event or item, in which `path` leads to `value`; asked for where it is needed. */
  constructor(
    trigger: Trigger,
    text: () => string,
    value: JsonObject,
    index?: number,
    path: readonly string[] = [],
  ) {
    this.trigger = trigger;
    this.value = value;
    this.#text = text;
    this.#index = index;
    this.#path = path;
  }

  /** The same fields, in the name of a trigger that is better known. */
  as(trigger: Trigger): Fields {
    return new Fields(trigger, this.#text, this.value, this.#index, this.#path);
  }

  object(name: string): Fields {
    const value = this.value[name];
    if (!isObject(value)) throw this.malformed(name, 'an object');
    return new Fields(this.trigger, this.#text, value, this.#index, [...this.#path, name]);
  }

  /** A string of one character or more. */
  string(name: string): string {
    const value = this.value[name];
    if (typeof value !== 'string' || value === '') throw this.malformed(name, 'a non-empty string');
    return value;
  }

  /** A string, or '' where the field is absent or null. */
  stringOrEmpty(name: string): string {
    const value = this.value[name] ?? '';
    if (typeof value !== 'string') throw this.malformed(name, 'a string');
    return value;
  }

  booleanOrFalse(name: string): boolean {
    const value = this.value[name] ?? false;
    if (typeof value !== 'boolean') throw this.malformed(name, 'a boolean');
    return value;
  }

  /** The digits of a whole number of any size, given as a number or as a string of digits. */
  digits(name: string): string {
    const value = this.value[name];
    const digits = typeof value === 'string' ? value : this.#slice(name);
    if (digits === undefined || !/^\d+$/.test(digits)) throw this.malformed(name, 'a whole number');
    return digits;
  }

  /** Epoch milliseconds of an RFC 3339 time; undefined where the field is absent. */
  timeMs(name: string): number | undefined {
    const value = this.stringOrEmpty(name);
    if (value === '') return undefined;
    const timeMs = RFC_3339.test(value) ? Date.parse(value) : Number.NaN;
    if (Number.isNaN(timeMs)) throw this.malformed(name, 'an RFC 3339 time');
    return timeMs;
  }

  /**
   * Epoch milliseconds as a number or digits; undefined where the field is absent or negative, which is how Kafka says
   * that a record has no time.
   */
  epochMs(name: string): number | undefined {
    const value = this.value[name] ?? -1;
    const timeMs = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
    if (typeof timeMs !== 'number' || !Number.isInteger(timeMs) || timeMs > EPOCH_MS_MAX) {
      throw this.malformed(name, 'milliseconds since 1970');
    }
    return timeMs < 0 ? undefined : timeMs;
  }

  /** An object of strings as entries; empty where the field is absent. Numbers and booleans become strings. */
  entries(name: string): [string, string][] {
    const value = this.value[name] ?? {};
    if (!isObject(value)) throw this.malformed(name, 'an object of strings');
    return Object.entries(value).map(([key, text]) => {
      if (!isScalar(text)) throw this.malformed(name, 'an object of strings');
      return [key, String(text)];
    });
  }

  /** The fields of other names that are strings, numbers or booleans, as `entries`. */
  entriesBut(names: readonly string[]): [string, string][] {
    return Object.entries(this.value).flatMap(([key, text]) =>
      isScalar(text) && !names.includes(key) ? [[key, String(text)]] : [],
    );
  }

  /** The field must be there; any JSON value is a payload. */
  payload(name: string): Payload {
    const value = this.value[name];
    if (typeof value === 'string') return { text: value, isString: true };
    const text = this.#slice(name);
    if (text === undefined) throw this.malformed(name, 'there');
    return { text, isString: false };
  }

  malformed(name: string, expected: string): MalformedEventError {
    return new MalformedEventError(this.trigger, [...this.#path, name].join('.'), expected, this.#index);
  }

  #slice(name: string): string | undefined {
    return sliceMember(this.#text(), ...this.#path, name);
  }
}

/** The end of the year 9999. */
const EPOCH_MS_MAX = 253_402_300_799_999;
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

/** Fields of an event that is one JSON object. Throws `MalformedEventError`. */
export function readEvent(trigger: Trigger, event: Uint8Array): Fields {
  const { text, value } = parseEvent(event) ?? {};
  if (text === undefined || !isObject(value))
    throw new MalformedEventError(trigger, 'event', 'a JSON object');
  return new Fields(trigger, () => text, value);
}

/** The event as JSON; undefined if it is not UTF-8 or not JSON. */
export function parseEvent(event: Uint8Array): Parsed | undefined {
  const text = decodeUtf8(event);
  return text === undefined ? undefined : parse(text);
}

export function parse(text: string): Parsed | undefined {
  try {
    return { text, value: parseJson(text) };
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}

/** Text, to the last character: a byte order mark is part of it. Undefined if the bytes are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isScalar(value: unknown): value is string | number | boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}
