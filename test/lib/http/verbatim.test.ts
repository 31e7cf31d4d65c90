/**
 * Records come back as they came, by the judgement of a reader of JSON that is none of ours: one that keeps every number
 * as its text and every duplicate member.
 */
import fc from 'fast-check';
import { parse } from 'lossless-json';
import { describe, expect, it } from 'vitest';
import { httpBench, JSON_TYPE, NDJSON_TYPE, receipts } from './support.ts';

/** The values of members of one name, in their order. */
class Duplicates {
  readonly values: readonly unknown[];
  constructor(values: readonly unknown[]) {
    this.values = values;
  }
}

/** All that JSON text says, and nothing of how it is laid out. */
function meaning(text: string): unknown {
  return parse(text, undefined, {
    parseNumber: (literal) => ({ literal }),
    onDuplicateKey: ({ oldValue, newValue }) =>
      new Duplicates([...(oldValue instanceof Duplicates ? oldValue.values : [oldValue]), newValue]),
  });
}

const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 40 });
const numberText = fc
  .record({
    sign: fc.constantFrom('', '-'),
    whole: fc.oneof(
      fc.constantFrom('0', '9007199254740993', '18446744073709551617'),
      digits.map((text) => text.replace(/^0+(?=.)/, '')),
    ),
    fraction: fc.option(digits, { nil: undefined }),
    exponent: fc.option(fc.tuple(fc.constantFrom('e', 'E', 'e+', 'E-'), digits), { nil: undefined }),
  })
  .map(({ sign, whole, fraction, exponent }) =>
    [sign, whole, fraction === undefined ? '' : `.${fraction}`, exponent?.join('') ?? ''].join(''),
  );

const hexDigits = fc.string({
  unit: fc.constantFrom(...'0123456789abcdefABCDEF'),
  minLength: 4,
  maxLength: 4,
});
const stringPart = fc.oneof(
  fc.string({ maxLength: 5 }).map((text) => JSON.stringify(text).slice(1, -1)),
  fc.constantFrom(
    '\u2028',
    '\u2029',
    '\u0085',
    '\ufeff',
    '\u007f',
    '\u{1f600}',
    '\u{10ffff}',
    'e\u0301',
    '\ufffe',
  ),
  fc.constantFrom('\\/', '/', '\\b', '\\f', '\\n', '\\r', '\\t', '\\"', '\\\\', '\\\\n', '{\\"$commit\\":'),
  // Halves of surrogate pairs among them, alone and in the wrong order.
  hexDigits.map((digits) => `\\u${digits}`),
  fc.constantFrom('\\ud800', '\\udc00', '\\udc00\\ud800', '\\ud83d\\ude00', '\\u0000', '\\u2028', '\\u000a'),
);
const stringText = fc.array(stringPart, { maxLength: 5 }).map((parts) => `"${parts.join('')}"`);
const nameText = fc.oneof(
  stringText,
  fc.constantFrom(
    '"a"',
    '"\\u0061"',
    '"$commit"',
    '"\\u0024commit"',
    '"$bytes"',
    '"$record"',
    '"__proto__x"',
    '""',
  ),
);

/** White space as any writer might put it; `lineEnds` also where it would end a line. */
const space = (lineEnds: boolean) =>
  fc.string({ unit: fc.constantFrom(...(lineEnds ? ' \t\n\r' : ' \t')), maxLength: 3 });

/** JSON text of any value in any layout. */
function jsonText(lineEnds: boolean): fc.Arbitrary<string> {
  const gap = space(lineEnds);
  const { value } = fc.letrec<{ value: string; array: string; object: string }>((tie) => ({
    value: fc
      .tuple(
        gap,
        fc.oneof(
          { depthSize: 'small', withCrossShrink: true },
          fc.oneof(fc.constantFrom('null', 'true', 'false', '[]', '{}', '[ ]'), numberText, stringText),
          tie('array'),
          tie('object'),
        ),
        gap,
      )
      .map((parts) => parts.join('')),
    array: fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
    object: fc
      .array(fc.tuple(gap, nameText, gap, tie('value')), { maxLength: 5 })
      .map((members) => `{${members.map(([a, name, b, item]) => `${a}${name}${b}:${item}`).join(',')}}`),
  }));
  return value;
}

const LINE_END = /[\r\n]/;

/** Sends bodies, and gives what each record is by its receipt, and the lines of all. */
async function roundTrip(bodies: readonly [string, Record<string, string>][]) {
  const { post, send } = httpBench();
  const values: string[] = [];
  for (const [body, type] of bodies) {
    for (const { object, start, record } of await receipts(await post('/append/whole', body, type))) {
      const query = new URLSearchParams({ object: `${object}`, record: `${start}:${record}` });
      const response = await send('GET', `/append/whole?${query}`);
      expect(response.headers.get('content-type')).toBe('application/json');
      values.push(await response.text());
    }
  }
  const lines = (await (await send('GET', '/append/whole?records=0')).text()).split('\n').slice(0, -1);
  return { values, lines };
}

/** What a data line means: a value that had a key of ours is wrapped. */
const meaningOfLine = (line: string): unknown =>
  line.startsWith('{"$record":') ? (meaning(line) as { $record: unknown }).$record : meaning(line);

describe('a record of JSON', () => {
  it('keeps its value to the last digit, and takes one line', async () => {
    await fc.assert(
      fc.asyncProperty(jsonText(true), async (text) => {
        const { values, lines } = await roundTrip([[text, JSON_TYPE]]);
        expect(values).toHaveLength(1);
        expect(lines).toHaveLength(1);
        for (const value of values) {
          expect(meaning(value)).toEqual(meaning(text));
          expect(value).not.toMatch(LINE_END);
          // Not a character is another, but for line ends between tokens and what indents after them.
          expect(value).toBe(text.replace(/[\r\n][\r\n\t ]*/g, '').replace(/^[ \t]+|[ \t]+$/g, ''));
        }
        expect(lines.map(meaningOfLine)).toEqual([meaning(text)]);
      }),
      { numRuns: 200 },
    );
  });

  it('keeps it among others of one body, in their order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(jsonText(false), { minLength: 1, maxLength: 5 }),
        fc.constantFrom('\n', '\r\n', '\n\n'),
        async (texts, lineEnd) => {
          const { values, lines } = await roundTrip([[texts.join(lineEnd), NDJSON_TYPE]]);
          expect(values.map(meaning)).toEqual(texts.map(meaning));
          expect(lines.map(meaningOfLine)).toEqual(texts.map(meaning));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('keeps it within a CloudEvent, which is kept whole', async () => {
    const type = { 'content-type': 'application/cloudevents+json' };
    await fc.assert(
      fc.asyncProperty(jsonText(true), async (data) => {
        const event = `{"specversion":"1.0","id":"1","source":"s","type":"t","data":${data}}`;
        const { values } = await roundTrip([[event, type]]);
        expect(values.map(meaning)).toEqual([meaning(event)]);
      }),
      { numRuns: 200 },
    );
  });

  it('keeps it however deep it is nested', async () => {
    const nested = (depth: number) => `${'[{"a":\n'.repeat(depth)}1.0${'}]\n'.repeat(depth)}`;
    const { values } = await roundTrip([
      [nested(500), JSON_TYPE],
      [nested(100_000), JSON_TYPE],
    ]);
    expect(meaning(values[0] ?? '')).toEqual(meaning(nested(500)));
    expect(values[1] === nested(100_000).replaceAll('\n', '')).toBe(true);
  });
});

describe('the reader that judges', () => {
  it.each([
    ['9007199254740993', '9007199254740992'],
    ['1.0', '1'],
    ['{"a":1,"a":2}', '{"a":2}'],
    ['{"a":1,"a":2}', '{"a":2,"a":1}'],
    ['"\\ud800"', '"\\ud801"'],
    ['"\u2028"', '"\\n"'],
    ['[[]]', '[]'],
  ])('tells %s from %s', (one, other) => {
    expect(meaning(one)).not.toEqual(meaning(other));
    expect(meaning(` ${one}\n`)).toEqual(meaning(one));
  });
});
