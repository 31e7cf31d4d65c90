import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { segmentKey } from '../../lib/append/segment.ts';
import { IntakeError } from '../../lib/intake/errors.ts';
import { type KeyInput, renderKey, sameButForLane } from '../../lib/key.ts';
import {
  InvalidTemplate,
  type KeyTemplate,
  overlap,
  parseTemplate,
  type Reach,
} from '../../lib/key-template.ts';

const TIME_MS = Date.UTC(2026, 10, 22, 4, 5, 6);

function key(template: string, input: Partial<KeyInput> = {}, segmented = false): string {
  return renderKey(parseTemplate(template, { segmented }), { timeMs: TIME_MS, ...input });
}

/** The key, or null if the input was refused as it should be. */
function keyOrNull(template: string, input: Partial<KeyInput>, segmented = false): string | null {
  try {
    return key(template, input, segmented);
  } catch (error) {
    if (error instanceof IntakeError && error.code === 'InvalidKey') return null;
    throw error;
  }
}

const refused = (template: string, input: Partial<KeyInput>) =>
  expect(keyOrNull(template, input), JSON.stringify(input)).toBeNull();

function templateOrNull(text: string): KeyTemplate | null {
  try {
    return parseTemplate(text, { segmented: true });
  } catch (error) {
    if (error instanceof InvalidTemplate) return null;
    throw error;
  }
}

/** Input that could make a key mean something else. */
const nasty = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(fc.constantFrom('.', '..', '/', '\\', '%2e', '%', '25', 'a', '\0', '\ud800', '․', '／'))
    .map((parts) => parts.join('')),
);

describe('a key template', () => {
  it('puts the path, the time, the queue and fields in their places', () => {
    expect(key('notes/{path}', { path: 'a/b.txt' })).toBe('notes/a/b.txt');
    expect(key('e/{time:yyyy/MM/dd/HH-mm-ss}.ndjson')).toBe('e/2026/11/22/04-05-06.ndjson');
    expect(key('l/{time:HH}/{lane}.ndjson', { lane: '07' })).toBe('l/04/07.ndjson');
    expect(key('q/{queue}/{field.tenant}', { queue: 'orders', fields: new Map([['tenant', 'acme']]) })).toBe(
      'q/orders/acme',
    );
  });

  it('makes one key of inputs that are the same but for the lane', () => {
    const value = fc.option(fc.constantFrom('a', 'b', 'a/b', ''), { nil: undefined });
    const fields = fc
      .dictionary(fc.constantFrom('x', 'y', 'z'), fc.constantFrom('a', 'b'))
      .map((texts) => new Map(Object.entries(texts)));
    const timeMs = fc.integer({ min: TIME_MS - 1500, max: TIME_MS + 1500 });
    const model = { timeMs, path: value, queue: value, fields, lane: fc.constantFrom('0', '1') };
    const text = fc.constantFrom(
      'e/{time:mm:ss}',
      'e/{path}',
      'e/{queue}/{lane}',
      'e/{field.x}/{field.y}',
      'e',
    );
    const change = fc.record(model, { requiredKeys: [] });
    fc.assert(
      fc.property(text, fc.record(model), change, (template, one, changes) => {
        const other = { ...one, ...changes };
        if (!sameButForLane(parseTemplate(template), one, other)) return;
        expect(keyOrNull(template, { ...other, lane: one.lane })).toBe(keyOrNull(template, one));
      }),
      { numRuns: 1000 },
    );
  });

  it('takes what differs in nothing that it uses for the same', () => {
    const template = parseTemplate('e/{time:ss}/{field.x}');
    const input = (timeMs: number, fields: Record<string, string>, lane = '0') => ({
      timeMs,
      lane,
      fields: new Map(Object.entries(fields)),
    });
    const one = input(TIME_MS, { x: 'a', y: 'b' });
    expect(sameButForLane(template, one, input(TIME_MS + 999, { x: 'a' }, '1'))).toBe(true);
    expect(sameButForLane(template, one, input(TIME_MS + 1000, { x: 'a' }))).toBe(false);
    expect(sameButForLane(template, one, input(TIME_MS, { x: 'b' }))).toBe(false);
  });

  it('takes the time as UTC, and only years of four digits', () => {
    expect(key('e/{time:yyyy-MM-ddTHH:mm:ss}', { timeMs: Date.UTC(2024, 1, 29, 23, 59, 59) })).toBe(
      'e/2024-02-29T23:59:59',
    );
    for (const timeMs of [Number.NaN, 8.64e15, Date.UTC(10_000, 0), Date.UTC(-1, 0)]) {
      refused('e/{time:yyyy}', { timeMs });
    }
  });

  it('knows its prefix and what it is made of', () => {
    expect(parseTemplate('a/b-{field.x}/{path}')).toMatchObject({
      prefix: 'a/b-',
      isFixed: false,
      usesPath: true,
      usesQueue: false,
      fields: ['x'],
    });
    expect(parseTemplate('a/b.log')).toMatchObject({ prefix: 'a/b.log', isFixed: true, usesLane: false });
    expect(parseTemplate('a/{lane}.log')).toMatchObject({ usesLane: true });
  });

  it.each([
    ['', 'write a key'],
    ['{path}', 'start it with text'],
    ['{time:yyyy}/x', 'start it with text'],
    ['/a', 'starts or ends with a slash'],
    ['a/', 'starts or ends with a slash'],
    ['a//{path}', 'two in a row'],
    ['a/../{path}', '".."'],
    ['a/./{path}', '"."'],
    ['a\\{path}', 'backslash'],
    ['a\n{path}', 'control character'],
    ['a/%2e%2E/{path}', 'percent-encoded'],
    [`${'a'.repeat(1023)}{path}`, 'has 1024 bytes'],
    ['a/{date}', '{date} is no placeholder'],
    ['a/{Path}', '{Path} is no placeholder'],
    ['a/{field.}', 'no placeholder'],
    ['a/{time}', '{time:} is no time'],
    ['a/{time:YYYY/MM/DD}', '{time:YYYY/MM/DD} is no time'],
    ['a/{time:-}', 'is no time'],
    ['a/{time:yyyy//MM}', 'two in a row'],
    ['a/{path', 'brace'],
    ['a/path}', 'brace'],
    ['a/{path}/{path}', '{path} only once'],
    ['a/{queue}{field.x}', 'between two placeholders'],
    ['a/{queue}{lane}', 'between two placeholders'],
    ['a/{lane}/{lane}', '{lane} only once'],
  ])('is refused at once when it is %j', (text, reason) => {
    expect(() => parseTemplate(text)).toThrowError(InvalidTemplate);
    expect(() => parseTemplate(text)).toThrowError(reason);
  });

  it('overlaps another if the one can make a key of the other', () => {
    const overlaps = (a: string, b: string) => {
      const [one, other] = [parseTemplate(a), parseTemplate(b)];
      expect(overlap(other, one)).toBe(overlap(one, other));
      return overlap(one, other);
    };
    expect(overlaps('a/{path}', 'a/b/{path}')).toBe(true);
    expect(overlaps('a/{path}', 'a/b.log')).toBe(true);
    expect(overlaps('a{path}', 'ab/{path}')).toBe(true);
    expect(overlaps('a/b.log', 'a/b.log')).toBe(true);
    expect(overlaps('a/b.log', 'a/b.log2')).toBe(false);
    expect(overlaps('a/{path}', 'ab/{path}')).toBe(false);
  });

  it('of a log reaches the keys of later segments too', () => {
    const reach = (text: string) =>
      parseTemplate(text, { segmented: true }).reach.map((one) => `${one.text}${one.isWhole ? '' : '*'}`);
    expect(reach('events/{time:yyyy}.ndjson')).toEqual(['events/*']);
    expect(reach('events/x-{queue}')).toEqual(['events/x-*']);
    expect(reach('events/x.{queue}')).toEqual(['events/x.*', 'events/x~*']);
    expect(reach('events/all.ndjson')).toEqual(['events/all.ndjson', 'events/all~*']);
    expect(reach('events/all')).toEqual(['events/all', 'events/all~*']);
    expect(parseTemplate('a/b.log').reach).toEqual([{ text: 'a/b.log', isWhole: true }]);
  });

  it('of a log reaches every key that its objects can have', () => {
    const texts = fc
      .array(fc.constantFrom('.', '..', '/', '~', '~00001', 'a', '{field.f}', '{time:HH}'))
      .map((parts) => `p${parts.join('')}`);
    const templates = texts.map(templateOrNull).filter((template) => template !== null);
    fc.assert(
      fc.property(templates, nasty, fc.integer({ min: 0, max: 99_999 }), (template, value, segment) => {
        const made = keyOrNull(template.text, { fields: new Map([['f', value]]) }, true);
        fc.pre(made !== null);
        const key = segmentKey(made, segment);
        const reached = ({ text, isWhole }: Reach) => (isWhole ? key === text : key.startsWith(text));
        expect(template.reach.some(reached), key).toBe(true);
      }),
    );
  });
});

describe('a key', () => {
  it.each([
    ['climbs', '../x'],
    ['climbs from within', 'a/../../x'],
    ['ends by climbing', 'a/..'],
    ['stays where it is', './x'],
    ['starts with a slash', '/x'],
    ['ends with a slash', 'x/'],
    ['has an empty segment', 'a//b'],
    ['climbs with backslashes', '..\\x'],
    ['has a NUL', 'a\0b'],
    ['has a line end', 'a\nb'],
    ['has a control character of the second block', 'a\u0085b'],
    ['has half of a surrogate pair', 'a\ud800b'],
    ['has a code point that is no character', 'a\uffffb'],
    ['climbs when decoded once more', '%2e%2e/x'],
    ['climbs when decoded twice more', '%252E%252e/x'],
    ['has an encoded slash', 'a%2fb'],
    ['has an encoded backslash', 'a%5Cb'],
    ['has an encoded NUL', 'a%00b'],
    ['climbs when normalised', '\u2025/x'],
    ['climbs when normalised, dot by dot', '\u2024\u2024/x'],
    ['climbs in full width', '\uff0e\uff0e\uff0fx'],
    ['is encoded in full width', '\uff052e\uff052e/x'],
  ])('that %s is refused', (_what, path) => {
    refused('p/{path}', { path });
    refused('p/{field.f}/x', { fields: new Map([['f', path]]) });
    refused('p/{queue}/x', { queue: path });
  });

  it('that is longer than 1023 bytes of UTF-8 is refused', () => {
    expect(key('p/{path}', { path: 'é'.repeat(510) })).toHaveLength(512);
    refused('p/{path}', { path: 'é'.repeat(511) });
  });

  it('cannot be completed to a dot segment by the text around a placeholder', () => {
    refused('p/.{field.f}/x', { fields: new Map([['f', '.']]) });
    refused('p/{field.f}.', { fields: new Map([['f', '.']]) });
  });

  it('keeps odd but harmless names as they are', () => {
    for (const path of ['a b', '100%.txt', '...', '.hidden', 'ü', 'u\u0308', '日本/語', 'a?b#c', '👩‍👩‍👧']) {
      expect(key('p/{path}', { path })).toBe(`p/${path}`);
    }
  });

  it('of a log is none that could be a later segment of another, and leaves room for its own', () => {
    const refusedLog = (path: string) => expect(keyOrNull('p/{path}', { path }, true), path).toBeNull();
    for (const path of [
      '20~00001.ndjson',
      '20~100000.ndjson',
      '20~00000',
      'a/b.c~12345.gz',
      '~00001',
      'x'.repeat(1016),
    ]) {
      refusedLog(path);
      expect(key('p/{path}', { path })).toBe(`p/${path}`);
    }
    for (const path of ['20~0001.ndjson', '20~000001', '20.ndjson~00001/x', 'a~00001.b.c', 'x'.repeat(1015)])
      expect(keyOrNull('p/{path}', { path }, true)).toBe(`p/${path}`);
  });

  it('needs all that the template asks for, and takes no path that it does not', () => {
    refused('p/{path}', {});
    refused('p/{queue}', {});
    refused('p/{field.f}', { fields: new Map([['g', 'x']]) });
    refused('p/{field.f}', { fields: new Map([['f', '']]) });
    refused('p/x', { path: 'x' });
  });

  it('takes no slash from a field, in any form', () => {
    for (const value of ['a/b', 'a\uff0fb', 'a\\b'])
      refused('p/{field.f}', { fields: new Map([['f', value]]) });
  });

  it('is, for any input, refused or under the prefix with only plain segments', () => {
    fc.assert(
      fc.property(nasty, nasty, (path, value) => {
        const made = keyOrNull('p/{field.f}-x/{path}', { path, fields: new Map([['f', value]]) });
        if (made === null) return;
        expect(made.startsWith('p/')).toBe(true);
        expect(Buffer.byteLength(made)).toBeLessThanOrEqual(1023);
        expect(made.isWellFormed()).toBe(true);
        for (const form of [made, made.normalize('NFKC'), decodeAgain(made)]) {
          const segments = form.split(/[/\\]/);
          expect(segments).not.toContain('');
          expect(segments).not.toContain('.');
          expect(segments).not.toContain('..');
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('is another one for another input', () => {
    fc.assert(
      fc.property(nasty, nasty, (one, other) => {
        const keys = [one, other].map((path) => keyOrNull('p/{path}.x', { path }));
        if (one !== other && keys[0] !== null) expect(keys[0]).not.toBe(keys[1]);
        const names = [one, other].map((f) => keyOrNull('p/{field.f}/x', { fields: new Map([['f', f]]) }));
        if (one !== other && names[0] !== null) expect(names[0]).not.toBe(names[1]);
      }),
    );
  });
});

function decodeAgain(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
