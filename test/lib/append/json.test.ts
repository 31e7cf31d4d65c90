import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonError, parseJson, sliceElements, sliceMember } from '../../../lib/append/json.ts';

/** Writes every `a` inside a string of JSON text as an escape. */
function escapeLetters(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"/g, (literal) =>
    literal.replace(/\\u.{4}|a/g, (part) => (part === 'a' ? '\\u0061' : part)),
  );
}

/** JSON text of any layout: indented or not, escaped or not. */
const anyJsonText = fc
  .tuple(fc.jsonValue({ depthSize: 'medium' }), fc.constantFrom('', ' ', '\t', '\n  '), fc.boolean())
  .map(([value, indent, escapes]) => {
    const text = JSON.stringify(value, null, indent);
    return escapes ? escapeLetters(text) : text;
  });

/** Text near JSON: the syntax's own characters in any order, and real JSON with one character replaced. */
const nearlyJson = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'{}[]",:\\ \n0123-+.eEtrufalsn/bx\u0001') }),
  fc
    .tuple(anyJsonText, fc.nat(), fc.constantFrom(...'{}[]",:\\ 0-.ex\n', ''))
    .map(([text, at, character]) => {
      const index = at % (text.length + 1);
      return text.slice(0, index) + character + text.slice(index + 1);
    }),
);

function offsetOf(read: () => unknown): number | null {
  try {
    read();
    return null;
  } catch (error) {
    if (error instanceof JsonError) return error.offset;
    throw error;
  }
}

describe('parseJson', () => {
  it('gives what JSON.parse gives', () => {
    fc.assert(
      fc.property(anyJsonText, (text) => {
        expect(parseJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('refuses exactly what JSON.parse refuses, and the scanner finds the same', () => {
    fc.assert(
      fc.property(nearlyJson, (text) => {
        let valid = true;
        try {
          JSON.parse(text);
        } catch {
          valid = false;
        }
        expect(offsetOf(() => parseJson(text)) === null).toBe(valid);
        // The scanner's own verdict: it reaches the end of the text, but for white space.
        let scanned: string | undefined;
        offsetOf(() => {
          scanned = sliceMember(text);
        });
        expect(scanned === text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '')).toBe(valid);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['', 0],
    ['{"a":1,}', 7],
    ['[1 2]', 3],
    ['{"a" 1}', 5],
    ['["a\u0001"]', 3],
    ['["\\x"]', 2],
    ['["abc', 5],
    ['[01]', 2],
    ['1 x', 2],
    ['[[1]', 4],
    ['nul', 0],
  ])('says where %j stops being JSON', (text, offset) => {
    expect(offsetOf(() => parseJson(text))).toBe(offset);
  });

  it('keeps the text out of the error', () => {
    let thrown: unknown;
    try {
      parseJson('secret-4711');
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(JsonError);
    if (!(thrown instanceof JsonError)) return;
    expect(thrown.message).toBe('Not valid JSON at offset 0.');
    expect(`${thrown.stack}${thrown.cause}`).not.toContain('4711');
  });
});

describe('sliceMember', () => {
  it('gives each member of any object as text that parses to the same value', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.constantFrom('', ' ', '\n\t'),
        (object, indent) => {
          const text = JSON.stringify({ outer: object }, null, indent);
          const parsed: { outer: Record<string, unknown> } = JSON.parse(text);
          for (const name of Object.keys(parsed.outer)) {
            const slice = sliceMember(text, 'outer', name);
            expect(slice).toBeDefined();
            expect(JSON.parse(slice ?? '')).toEqual(parsed.outer[name]);
            expect(text).toContain(slice);
          }
        },
      ),
    );
  });

  it('keeps numbers beyond 2^53, duplicates inside, escapes and spaces as they were written', () => {
    const body = '{ "n":9007199254740993.10, "n":1e400,\n"s":"\\u00e9\\/" }';
    expect(sliceMember(`{"data": {"body": ${body} , "x":1}}`, 'data', 'body')).toBe(body);
  });

  it('takes the last of duplicate members at each level', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('a', 'b', '__proto__'), fc.jsonValue()), { minLength: 1 }),
        (members) => {
          const text = `{${members.map(([name, value]) => `"${name}":${JSON.stringify(value)}`).join(',')}}`;
          const parsed: Record<string, unknown> = JSON.parse(text);
          for (const name of Object.keys(parsed)) {
            expect(JSON.parse(sliceMember(text, name) ?? '')).toEqual(
              Object.getOwnPropertyDescriptor(parsed, name)?.value,
            );
          }
        },
      ),
    );
    expect(sliceMember('{"a":{"b":1},"a":{"b":2,"b":3}}', 'a', 'b')).toBe('3');
    expect(sliceMember('{"a":{"b":1},"a":7}', 'a', 'b')).toBeUndefined();
  });

  it('compares names unescaped', () => {
    expect(sliceMember('{"d\\u0061ta":1,"x\\"y":2}', 'data')).toBe('1');
    expect(sliceMember('{"d\\u0061ta":1,"x\\"y":2}', 'x"y')).toBe('2');
  });

  it('is not fooled by brackets, quotes and names inside strings', () => {
    expect(sliceMember('{"a":"}],\\"b\\":9,\\\\","b":[{"b":0}]}', 'b')).toBe('[{"b":0}]');
  });

  it('gives the whole value without its margins for an empty path', () => {
    expect(sliceMember(' \n [1, 2]\t')).toBe('[1, 2]');
  });

  it('is undefined where the path leads nowhere', () => {
    expect(sliceMember('{"a":{}}', 'a', 'b')).toBeUndefined();
    expect(sliceMember('[{"a":1}]', 'a')).toBeUndefined();
    expect(sliceMember('{"a":"text"}', 'a', 'length')).toBeUndefined();
    expect(sliceMember('{}', 'toString')).toBeUndefined();
  });
});

describe('sliceElements', () => {
  it('gives each element of any array as text that parses to the same value', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.constantFrom('', ' ', '\n\t'), (array, indent) => {
        const text = JSON.stringify(array, null, indent);
        expect(sliceElements(` ${text}\n`).map((slice) => JSON.parse(slice))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('keeps the source text', () => {
    expect(sliceElements('[ 1.0 ,"\\u0061", {"a": 1} , [ ] ]')).toEqual([
      '1.0',
      '"\\u0061"',
      '{"a": 1}',
      '[ ]',
    ]);
  });

  it.each(['{}', '"[1]"', '', 'null'])('refuses %j, which is no array', (text) => {
    expect(() => sliceElements(text)).toThrow(JsonError);
  });
});

describe('the scanner', () => {
  it('is not overflown by deep nesting', () => {
    const depth = 500_000;
    const deep = `${'[{"a":'.repeat(depth)}1${'}]'.repeat(depth)}`;
    expect(sliceMember(`{"deep":${deep},"after":2}`, 'after')).toBe('2');
    expect(sliceElements(`[${deep}]`)[0]?.length).toBe(deep.length);
    expect(offsetOf(() => parseJson('['.repeat(depth)))).toBe(depth);
  });

  it('takes strings, numbers and white space of megabytes', () => {
    const size = 4_000_000;
    for (const long of [
      `"${'x'.repeat(size)}"`,
      `"${'\\n'.repeat(size)}"`,
      '9'.repeat(size),
      `1.${'0'.repeat(size)}e5`,
    ]) {
      expect(sliceMember(`{"a":${' '.repeat(size)}${long}}`, 'a')?.length).toBe(long.length);
    }
  });

  it('ends on any text, with an answer or a JsonError', () => {
    fc.assert(
      fc.property(fc.oneof(nearlyJson, fc.string({ unit: 'binary' })), (text) => {
        offsetOf(() => sliceMember(text, 'a', 'b'));
        offsetOf(() => sliceElements(text));
      }),
    );
  });
});
