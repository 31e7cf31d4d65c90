/**
 * Keys from templates (`key-template.ts`). A key is never repaired: input that would make a bad one is refused with
 * `InvalidKey`.
 */
import { IntakeError } from './intake/errors.ts';
import { keyProblem } from './key-rules.ts';
import { type KeyTemplate, type Part, TIME_TOKEN } from './key-template.ts';

/** What a key is made of. */
export interface KeyInput {
  /** The record's own time, epoch milliseconds. */
  readonly timeMs: number;
  readonly path?: string | undefined;
  readonly queue?: string | undefined;
  readonly fields?: ReadonlyMap<string, string> | undefined;
  /** See `intake/lane.ts`. */
  readonly lane?: string | undefined;
}

/** The key for `input`. Throws `IntakeError` `InvalidKey`. */
export function renderKey(template: KeyTemplate, input: KeyInput): string {
  if (input.path !== undefined && !template.usesPath) {
    throw invalidKey('The target takes no path. End the URL with the name of the target.');
  }
  const key = template.parts.map((part) => partValue(part, input)).join('');
  const problem = keyProblem(key, template.segmented);
  if (problem !== null) throw invalidKey(`The call asks for a key that is not allowed: it ${problem}.`);
  return key;
}

/** Whether two inputs differ at most in their lane, as far as `template` can tell. Cheaper than a key. */
export function sameButForLane({ fields }: KeyTemplate, a: KeyInput, b: KeyInput): boolean {
  return (
    secondOf(a) === secondOf(b) &&
    a.path === b.path &&
    a.queue === b.queue &&
    (a.fields === b.fields || fields.every((name) => a.fields?.get(name) === b.fields?.get(name)))
  );
}

/** The finest that a template tells of a time. */
const secondOf = ({ timeMs }: KeyInput): number => Math.floor(timeMs / 1000);

/** Why no key could be made of these values and examples for the rest, or null if one could. */
export function tryKey(template: KeyTemplate, values: Omit<KeyInput, 'timeMs'>): string | null {
  const fields = new Map(template.fields.map((name) => [name, 'x']));
  try {
    renderKey(template, {
      timeMs: 0,
      queue: 'x',
      lane: 'x',
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

function partValue(part: Part, { timeMs, path, queue, fields, lane }: KeyInput): string {
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
    case 'lane':
      if (lane === undefined) throw new Error('a key with a lane for a target without lanes');
      return lane;
    case 'field': {
      const value = fields?.get(part.name);
      if (value !== undefined) return segment(`field ${part.name}`, value);
      throw missingField(part.name);
    }
  }
}

/** A value that has to stay within its segment of the key. */
function segment(what: string, value: string): string {
  if (value === '') throw invalidKey(`The ${what} is empty.`);
  if (/[/\\]/.test(value.normalize('NFKC'))) throw invalidKey(`The ${what} may not hold a slash.`);
  return value;
}

/** Where the digits of each token start in an ISO time of the years 0 to 9999. */
const TOKEN_STARTS: Readonly<Record<string, number>> = { yyyy: 0, MM: 5, dd: 8, HH: 11, mm: 14, ss: 17 };

function timeText(format: string, timeMs: number): string {
  const time = new Date(timeMs);
  const year = time.getUTCFullYear();
  if (!(year >= 0 && year <= 9999))
    throw invalidKey('The time of the record is not within the years 0 to 9999.');
  const text = time.toISOString();
  return format.replace(TIME_TOKEN, (token) => {
    const start = TOKEN_STARTS[token] ?? 0;
    return text.slice(start, start + token.length);
  });
}

export function missingField(name: string): IntakeError {
  return invalidKey(`The target needs the field ${name}: add it as a query parameter or message attribute.`);
}

function invalidKey(message: string): IntakeError {
  return new IntakeError('InvalidKey', message);
}
