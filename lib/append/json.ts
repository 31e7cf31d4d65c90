/**
 * Raw slices of JSON text (RFC 8259).
 *
 * `JSON.parse` turns 9007199254740993 into 9007199254740992, drops duplicate members and forgets how a string was
 * escaped. Whoever passes a payload on unchanged needs its source text instead, and gets it here:
 *
 * ```ts
 * sliceMember('{"data":{"body":{"n":9007199254740993}}}', 'data', 'body'); // '{"n":9007199254740993}'
 * ```
 *
 * Text is scanned in linear time and without recursion, so neither long nor deeply nested input can hang or overflow.
 * No tree is built: whoever needs values has `parseJson`.
 */

/** Text that is not JSON. Carries where it stops being JSON, and nothing of the text itself. */
export class JsonError extends Error {
  override readonly name = 'JsonError';
  /** Index, in UTF-16 code units, of the first character that cannot be part of JSON. */
  readonly offset: number;

  constructor(offset: number) {
    super(`Not valid JSON at offset ${offset}.`);
    this.offset = offset;
  }
}

/** `JSON.parse` that throws a `JsonError`: the engine's own error quotes the text, and payloads stay out of errors. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Either the scan fails at the offset to report, or the value ends well and what follows it is wrong.
    throw new JsonError(skipSpace(text, endOfValue(text, 0)));
  }
}

/**
 * Checks that `text` is one JSON value, without building it: a tree of many small values takes thirty times the memory
 * of its text. Slower than `JSON.parse` for small texts. Throws `JsonError`.
 */
export function checkJson(text: string): void {
  const end = skipSpace(text, endOfValue(text, 0));
  if (end !== text.length) fail(end);
}

/** The names of the members of the object that `text` is, as they come; none if it is something else. */
export function* memberNames(text: string): Generator<string> {
  const start = skipSpace(text, 0);
  if (text[start] === '{') for (const { name } of membersOf(text, start)) yield name;
}

/**
 * The source text of the value reached from the top by `path`, a name for each object on the way; the whole value if
 * the path is empty. Of duplicate members the last one counts and names are compared unescaped, as `JSON.parse` does.
 * Undefined if the path leads nowhere. `text` is meant to be JSON; what is not may throw `JsonError`.
 */
export function sliceMember(text: string, ...path: string[]): string | undefined {
  let start = skipSpace(text, 0);
  let end = endOfValue(text, start);
  for (const name of path) {
    if (text[start] !== '{') return undefined;
    let found: Member | undefined;
    for (const member of membersOf(text, start)) if (member.name === name) found = member;
    if (found === undefined) return undefined;
    ({ start, end } = found);
  }
  return text.slice(start, end);
}

/** The source text of each element of the array that `text` is. Throws `JsonError` if it is no array. */
export function sliceElements(text: string): string[] {
  const elements: string[] = [];
  let at = skipSpace(text, pass(text, skipSpace(text, 0), '['));
  if (text[at] === ']') return elements;
  for (;;) {
    const end = endOfValue(text, at);
    elements.push(text.slice(at, end));
    const next = skipSpace(text, end);
    if (text[next] === ']') return elements;
    at = skipSpace(text, pass(text, next, ','));
  }
}

interface Member {
  readonly name: string;
  /** `[start, end)` is the value. */
  readonly start: number;
  readonly end: number;
}

function* membersOf(text: string, open: number): Generator<Member> {
  let at = skipSpace(text, open + 1);
  if (text[at] === '}') return;
  for (;;) {
    const nameEnd = endOfString(text, at);
    const start = skipSpace(text, pass(text, skipSpace(text, nameEnd), ':'));
    const end = endOfValue(text, start);
    yield { name: String(JSON.parse(text.slice(at, nameEnd))), start, end };
    const next = skipSpace(text, end);
    if (text[next] === '}') return;
    at = skipSpace(text, pass(text, next, ','));
  }
}

/** Where the value that starts at `start`, or after white space there, ends. */
function endOfValue(text: string, start: number): number {
  /** The brackets that are still to come, innermost last: the stack that recursion would have used. */
  const closers: string[] = [];
  let at = skipSpace(text, start);
  for (;;) {
    if (text[at] === '{' || text[at] === '[') {
      const closer = text[at] === '{' ? '}' : ']';
      at = skipSpace(text, at + 1);
      if (text[at] !== closer) {
        if (closers.push(closer) > DEPTH_MAX) fail(at);
        if (closer === '}') at = startOfMemberValue(text, at);
        continue;
      }
      at++;
    } else {
      at = endOfScalar(text, at);
    }
    // A value has ended: leave every container that ends here too, then go on to the next value.
    let closer = closers.at(-1);
    while (closer !== undefined) {
      at = skipSpace(text, at);
      if (text[at] !== closer) break;
      at++;
      closers.pop();
      closer = closers.at(-1);
    }
    if (closer === undefined) return at;
    at = skipSpace(text, pass(text, at, ','));
    if (closer === '}') at = startOfMemberValue(text, at);
  }
}

function startOfMemberValue(text: string, nameStart: number): number {
  return skipSpace(text, pass(text, skipSpace(text, endOfString(text, nameStart)), ':'));
}

/** Deeper nesting is refused: it has no use but to fill memory. */
const DEPTH_MAX = 2_000_000;

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const LITERAL = /true|false|null/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what a string may not hold
const STRING_MARK = /["\\\0-\x1f]/g;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

function endOfScalar(text: string, start: number): number {
  if (text[start] === '"') return endOfString(text, start);
  return endOfMatch(LITERAL, text, start) ?? endOfMatch(NUMBER, text, start) ?? fail(start);
}

/**
 * From one character that means something to the next: searching for those is several times faster than a loop over
 * all, and keeps no state for each character, as matching the whole string would.
 */
function endOfString(text: string, start: number): number {
  let at = pass(text, start, '"');
  for (;;) {
    STRING_MARK.lastIndex = at;
    if (!STRING_MARK.test(text)) return fail(text.length);
    at = STRING_MARK.lastIndex - 1;
    if (text[at] === '"') return at + 1;
    at = endOfMatch(ESCAPE, text, at) ?? fail(at);
  }
}

function endOfMatch(sticky: RegExp, text: string, start: number): number | undefined {
  sticky.lastIndex = start;
  return sticky.test(text) ? sticky.lastIndex : undefined;
}

function skipSpace(text: string, start: number): number {
  for (let at = start; ; at++) {
    const code = text.charCodeAt(at); // NaN past the end
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at;
  }
}

function pass(text: string, at: number, character: string): number {
  return text[at] === character ? at + 1 : fail(at);
}

function fail(offset: number): never {
  throw new JsonError(offset);
}
