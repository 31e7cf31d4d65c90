/**
 * Key templates: which object a payload goes to.
 *
 *     events/{time:yyyy/MM/dd/HH}/{field.tenant}.ndjson
 *
 * - `{path}`          what follows the target in the URL: one segment or more
 * - `{time:FORMAT}`   the record's own time, UTC; FORMAT is made of yyyy MM dd HH mm ss and of - _ . / : T
 * - `{queue}`         the name of the queue or topic
 * - `{field.NAME}`    a query parameter (HTTP) or a message attribute (queue); it may not hold a slash
 * - `{lane}`          the record's lane, in a target that has lanes (`config/lanes.ts`)
 *
 * The text before the first placeholder is the target's **prefix**, and every key starts with it, whatever comes in.
 */
import { splitKey } from './append/segment.ts';
import { keyProblem } from './key-rules.ts';

export interface KeyTemplate {
  /** The template as it was written. */
  readonly text: string;
  /** What every key starts with. If the template has no placeholder, it is the whole key. */
  readonly prefix: string;
  readonly isFixed: boolean;
  readonly usesPath: boolean;
  readonly usesQueue: boolean;
  readonly usesLane: boolean;
  /** Names of the fields it uses. */
  readonly fields: readonly string[];
  readonly parts: readonly Part[];
  /** Whether objects go on in later segments (logs): their keys are this target's too. */
  readonly segmented: boolean;
  /** All the keys that objects of the target can have, those of later segments included. */
  readonly reach: readonly Reach[];
}

export type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'time'; readonly format: string }
  | { readonly kind: 'path' }
  | { readonly kind: 'queue' }
  | { readonly kind: 'lane' }
  | { readonly kind: 'field'; readonly name: string };

/** The key `text`, or all keys that start with it. */
export interface Reach {
  readonly text: string;
  readonly isWhole: boolean;
}

/** A template that makes no keys, or could make bad ones. The message says what to write instead. */
export class InvalidTemplate extends Error {
  override readonly name = 'InvalidTemplate';
}

export const TIME_TOKEN = /yyyy|MM|dd|HH|mm|ss/g;
const TIME_FORMAT = /^(?:yyyy|MM|dd|HH|mm|ss|[-_./:T])+$/;
const FIELD = /^field\.([\w-]+)$/;

/** Throws `InvalidTemplate`. */
export function parseTemplate(text: string, { segmented = false } = {}): KeyTemplate {
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
  for (const kind of ['path', 'lane'] as const) {
    if (parts.filter((part) => part.kind === kind).length > 1)
      throw new InvalidTemplate(`use {${kind}} only once`);
  }
  const problem = keyProblem(parts.map(exampleOf).join(''), segmented);
  if (problem !== null) throw new InvalidTemplate(`its keys would not be allowed: a key ${problem}`);
  const isFixed = parts.length === 1;
  return {
    text,
    prefix: first.text,
    isFixed,
    usesPath: parts.some((part) => part.kind === 'path'),
    usesQueue: parts.some((part) => part.kind === 'queue'),
    usesLane: parts.some((part) => part.kind === 'lane'),
    fields: parts.flatMap((part) => (part.kind === 'field' ? [part.name] : [])),
    parts,
    segmented,
    reach: reachOf(first.text, isFixed, segmented),
  };
}

/** The field that `field.NAME` names, or null if that is not its form. */
export function fieldNameOf(text: string): string | null {
  return FIELD.exec(text)?.[1] ?? null;
}

/** True if one of the templates can make a key that the other can make too, or nearly. */
export function overlap(a: KeyTemplate, b: KeyTemplate): boolean {
  return a.reach.some((one) => b.reach.some((other) => meet(one, other)));
}

function meet(a: Reach, b: Reach): boolean {
  if (a.isWhole && b.isWhole) return a.text === b.text;
  if (a.isWhole) return a.text.startsWith(b.text);
  if (b.isWhole) return b.text.startsWith(a.text);
  return a.text.startsWith(b.text) || b.text.startsWith(a.text);
}

/** The number of a segment goes before the last dot of a key, and that dot can be within the prefix. */
function reachOf(prefix: string, isFixed: boolean, segmented: boolean): Reach[] {
  const first = { text: prefix, isWhole: isFixed };
  const later = { text: `${splitKey(prefix).stem}~`, isWhole: false };
  const isCovered = !isFixed && later.text.startsWith(prefix);
  return segmented && !isCovered ? [first, later] : [first];
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
  if (inside === 'path' || inside === 'queue' || inside === 'lane') return { kind: inside };
  const name = fieldNameOf(inside);
  if (name !== null) return { kind: 'field', name };
  if (inside === 'time' || inside.startsWith('time:'))
    return { kind: 'time', format: timeFormat(inside.slice(5)) };
  throw new InvalidTemplate(
    `${piece} is no placeholder; there are {path}, {time:yyyy/MM/dd/HH}, {queue}, {field.NAME} and {lane}`,
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
  if (part.kind === 'text') return part.text;
  return part.kind === 'time' ? part.format.replace(TIME_TOKEN, (token) => '0'.repeat(token.length)) : 'x';
}
