/**
 * Key templates: which object a payload goes to.
 *
 *     events/{time:yyyy/MM/dd/HH}/{field.tenant}.ndjson
 *
 * - `{path}`          what follows the target in the URL: one segment or more
 * - `{time:FORMAT}`   the record's own time, UTC; FORMAT is made of yyyy MM dd HH mm ss and of - _ . / : T
 * - `{queue}`         the name of the queue or topic
 * - `{field.NAME}`    a query parameter (HTTP) or a message attribute (queue); it may not hold a slash
 *
 * The text before the first placeholder is the target's **prefix**, and every key starts with it, whatever comes in.
 * A key is never repaired: input that would make a bad one is refused with `InvalidKey`.
 */
import { IntakeError } from './intake/errors.ts';
import { keyProblem } from './key-rules.ts';

export interface KeyTemplate {
  /** The template as it was written. */
  readonly text: string;
  /** What every key starts with. If the template has no placeholder, it is the whole key. */
  readonly prefix: string;
  readonly isFixed: boolean;
  readonly usesPath: boolean;
  readonly usesQueue: boolean;
  /** Names of the fields it uses. */
  readonly fields: readonly string[];
  readonly parts: readonly Part[];
}

export type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'time'; readonly format: string }
  | { readonly kind: 'path' }
  | { readonly kind: 'queue' }
  | { readonly kind: 'field'; readonly name: string };

/** What a key is made of. */
export interface KeyInput {
  /** The record's own time, epoch milliseconds. */
  readonly timeMs: number;
  readonly path?: string | undefined;
  readonly queue?: string | undefined;
  readonly fields?: ReadonlyMap<string, string> | undefined;
}

/** A template that makes no keys, or could make bad ones. The message says what to write instead. */
export class InvalidTemplate extends Error {
  override readonly name = 'InvalidTemplate';
}

const TIME_FORMAT = /^(?:yyyy|MM|dd|HH|mm|ss|[-_./:T])+$/;
const TIME_TOKEN = /yyyy|MM|dd|HH|mm|ss/g;
const FIELD = /^field\.([\w-]+)$/;

/** Throws `InvalidTemplate`. */
export function parseTemplate(text: string): KeyTemplate {
  const parts = partsOf(text);
  const [first] = parts;
  if (first?.kind !== 'text') {
    throw new InvalidTemplate(
      'start it with text of its own, such as "events/": that keeps the target in its place',
    );
  }
  for (const [index, part] of parts.entries()) {
    const next = parts[index + 1];
    if (next && isFree(part) && isFree(next)) {
      throw new InvalidTemplate(
        'put a "/" between two placeholders, or different values could give the same key',
      );
    }
  }
  if (parts.filter((part) => part.kind === 'path').length > 1)
    throw new InvalidTemplate('use {path} only once');

  const example = parts
    .map((part) => (part.kind === 'time' ? timeText(part.format, 0) : exampleOf(part)))
    .join('');
  const problem = keyProblem(example);
  if (problem !== null) throw new InvalidTemplate(`its keys would not be allowed: a key ${problem}`);
  return {
    text,
    prefix: first.text,
    isFixed: parts.length === 1,
    usesPath: parts.some((part) => part.kind === 'path'),
    usesQueue: parts.some((part) => part.kind === 'queue'),
    fields: parts.flatMap((part) => (part.kind === 'field' ? [part.name] : [])),
    parts,
  };
}

/** The key for `input`. Throws `IntakeError` `InvalidKey`. */
export function renderKey(template: KeyTemplate, input: KeyInput): string {
  if (input.path !== undefined && !template.usesPath) {
    throw invalidKey('The target takes no path. End the URL with the name of the target.');
  }
  const key = template.parts.map((part) => partValue(part, input)).join('');
  const problem = keyProblem(key);
  if (problem !== null) throw invalidKey(`The call asks for a key that is not allowed: it ${problem}.`);
  return key;
}

/** Why no key could be made of these values and examples for the rest, or null if one could. */
export function tryKey(template: KeyTemplate, values: Omit<KeyInput, 'timeMs'>): string | null {
  const fields = new Map(template.fields.map((name) => [name, 'x']));
  try {
    renderKey(template, {
      timeMs: 0,
      queue: 'x',
      fields,
      ...(template.usesPath && { path: 'x' }),
      ...values,
    });
    return null;
  } catch (error) {
    if (error instanceof IntakeError) return error.message;
    throw error;
  }
}

/** True if one of the templates can make a key that the other can make too, or nearly. */
export function overlap(a: KeyTemplate, b: KeyTemplate): boolean {
  if (a.isFixed && b.isFixed) return a.prefix === b.prefix;
  if (a.isFixed) return a.prefix.startsWith(b.prefix);
  if (b.isFixed) return b.prefix.startsWith(a.prefix);
  return a.prefix.startsWith(b.prefix) || b.prefix.startsWith(a.prefix);
}

function partsOf(text: string): Part[] {
  const parts = text
    .split(/(\{[^{}]*\})/)
    .filter((piece) => piece !== '')
    .map((piece) => (piece.startsWith('{') && piece.endsWith('}') ? placeholder(piece) : literal(piece)));
  if (parts.length === 0) throw new InvalidTemplate('write a key, such as "events/{time:yyyy/MM/dd}.ndjson"');
  return parts;
}

function literal(text: string): Part {
  if (/[{}]/.test(text)) throw new InvalidTemplate('a brace has no partner; a key itself cannot hold braces');
  return { kind: 'text', text };
}

function placeholder(piece: string): Part {
  const inside = piece.slice(1, -1);
  if (inside === 'path' || inside === 'queue') return { kind: inside };
  const [, name] = FIELD.exec(inside) ?? [];
  if (name !== undefined) return { kind: 'field', name };
  if (inside === 'time' || inside.startsWith('time:'))
    return { kind: 'time', format: timeFormat(inside.slice(5)) };
  throw new InvalidTemplate(
    `${piece} is no placeholder; there are {path}, {time:yyyy/MM/dd/HH}, {queue} and {field.NAME}`,
  );
}

function timeFormat(format: string): string {
  if (TIME_FORMAT.test(format) && format.search(TIME_TOKEN) !== -1) return format;
  throw new InvalidTemplate(
    `{time:${format}} is no time; write it with yyyy MM dd HH mm ss and - _ . / : T, such as {time:yyyy/MM/dd/HH}`,
  );
}

/** Placeholders whose value is any text, so that its end cannot be told from the start of the next. */
function isFree(part: Part): boolean {
  return part.kind !== 'text' && part.kind !== 'time';
}

function exampleOf(part: Part): string {
  return part.kind === 'text' ? part.text : 'x';
}

function partValue(part: Part, { timeMs, path, queue, fields }: KeyInput): string {
  switch (part.kind) {
    case 'text':
      return part.text;
    case 'time':
      return timeText(part.format, timeMs);
    case 'path':
      if (path === undefined)
        throw invalidKey('The target needs a path after its name, such as notes/today.txt.');
      return path;
    case 'queue':
      if (queue === undefined) throw invalidKey('The target takes its key from a queue: send it there.');
      return segment('name of the queue', queue);
    case 'field': {
      const value = fields?.get(part.name);
      if (value !== undefined) return segment(`field ${part.name}`, value);
      throw invalidKey(
        `The target needs the field ${part.name}: add it as a query parameter or message attribute.`,
      );
    }
  }
}

/** A value that has to stay within its segment of the key. */
function segment(what: string, value: string): string {
  if (value === '') throw invalidKey(`The ${what} is empty.`);
  if (/[/\\]/.test(value.normalize('NFKC'))) throw invalidKey(`The ${what} may not hold a slash.`);
  return value;
}

function timeText(format: string, timeMs: number): string {
  const time = new Date(timeMs);
  const year = time.getUTCFullYear();
  if (!(year >= 0 && year <= 9999))
    throw invalidKey('The time of the record is not within the years 0 to 9999.');
  const [yyyy = '', MM = '', dd = '', HH = '', mm = '', ss = ''] = time.toISOString().split(/[-T:.]/);
  const tokens: Record<string, string> = { yyyy, MM, dd, HH, mm, ss };
  return format.replace(TIME_TOKEN, (token) => tokens[token] ?? token);
}

function invalidKey(message: string): IntakeError {
  return new IntakeError('InvalidKey', message);
}
