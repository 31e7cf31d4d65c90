import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COMMIT_PREFIX } from '../../../lib/append/commit.ts';
import { InvalidRecord } from '../../../lib/append/errors.ts';
import {
  bytesLine,
  jsonLine,
  lineBytes,
  logRecord,
  lineText as text,
  textLine,
} from '../../../lib/append/record.ts';

describe('a data line', () => {
  it('keeps a JSON text as it came: big numbers, duplicate keys, escapes', () => {
    const json = '{"n":12345678901234567890.10e+5,"n":2,"s":"\\u0041\\ud800\\n\u2028"}';
    expect(text(jsonLine(json))).toBe(json);
    expect(text(jsonLine(Buffer.from(json)))).toBe(json);
  });

  it('is one line however the JSON is laid out, with the same value', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.nat(4),
        (value, lineEnd, indent) => {
          const pretty = JSON.stringify(value, null, indent).replaceAll('\n', lineEnd);
          const line = text(jsonLine(`${lineEnd} ${pretty}${lineEnd}`));
          expect(line).not.toMatch(/[\r\n]/);
          expect(JSON.parse(line)).toEqual(JSON.parse(pretty));
        },
      ),
    );
  });

  it.each(['$commit', '$bytes', '$record'])('of an object with a top-level %s is wrapped', (key) => {
    const json = `{"a":1,"${key}":{"v":1}}`;
    expect(text(jsonLine(json))).toBe(`{"$record":${json}}`);
    const escaped = json.replace('$', '\\u0024');
    expect(text(jsonLine(escaped))).toBe(`{"$record":${escaped}}`);
  });

  it('never looks like a commit line, whatever comes in', () => {
    const tricky = fc.constantFrom(
      '{"$commit":{}}',
      ' {"$commit" :1}',
      '\n{"$commit":0}',
      '["$commit"]',
      '{"$com\\u006dit":1}',
    );
    fc.assert(
      fc.property(fc.oneof(tricky, fc.json()), (json) => {
        expect(text(jsonLine(json)).startsWith(COMMIT_PREFIX)).toBe(false);
      }),
    );
    fc.assert(fc.property(fc.string(), (s) => !text(textLine(s)).startsWith(COMMIT_PREFIX)));
  });

  it('of text and bytes gives the same text and bytes back', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (s) => JSON.parse(text(textLine(s))) === s));
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const { $bytes } = JSON.parse(text(bytesLine(bytes)));
        return Buffer.from($bytes, 'base64').equals(bytes);
      }),
    );
  });

  it.each(['', '{', '{"a":1}x', "{'a':1}", 'NaN', '[1,]', '"\n"', '01'])(
    'refuses %j without quoting it',
    (json) => {
      expect(() => jsonLine(json)).toThrow(InvalidRecord);
      try {
        jsonLine(`{"secret":"s3cr3t",${json}`);
      } catch (error) {
        expect(String(error)).not.toContain('s3cr3t');
        expect((error as Error).cause).toBeUndefined();
      }
    },
  );

  it('refuses bytes that are not UTF-8 and half surrogates', () => {
    expect(() => jsonLine(Uint8Array.of(0x22, 0xff, 0x22))).toThrow(InvalidRecord);
    expect(() => jsonLine('"\ud800"')).toThrow(InvalidRecord);
  });

  it('has the length of its UTF-8, whether it came as bytes or as text', () => {
    fc.assert(
      fc.property(fc.json({ stringUnit: 'binary' }), (json) => {
        const bytes = Buffer.from(json);
        expect(lineBytes(jsonLine(json))).toBe(lineBytes(jsonLine(bytes)));
        expect(lineBytes(jsonLine(json))).toBe(Buffer.from(text(jsonLine(json))).length);
      }),
    );
  });

  it('drops a byte order mark', () => {
    expect(text(jsonLine(Buffer.from('\ufeff{"a":1}')))).toBe('{"a":1}');
    expect(text(jsonLine('\ufeff{"a":1}'))).toBe('{"a":1}');
  });
});

describe('a record', () => {
  const good = { line: jsonLine('1'), id: 'm-1', source: 'queue/events', timeMs: 1 };

  it.each([
    { id: '' },
    { id: 'x'.repeat(257) },
    { id: 'a\nb' },
    { source: 'a\0b' },
    { source: '' },
    { id: '\ud800' },
    { timeMs: 0.5 },
    { id: '1', numbered: { number: 2, epoch: null } },
    { id: '-1', numbered: { number: -1, epoch: null } },
    { id: '9007199254740991', numbered: { number: 2 ** 53 - 1, epoch: null } },
    { id: '1', numbered: { number: 1, epoch: 0.5 } },
  ])('with %j is refused', (bad) => {
    expect(logRecord(good)).toBe(good);
    expect(() => logRecord({ ...good, ...bad })).toThrow(InvalidRecord);
  });
});
