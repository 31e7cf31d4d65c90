import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sourceLayout, sourceMisfit } from '../../../lib/aggregate/source.ts';
import { spanStart, timeText } from '../../../lib/aggregate/time.ts';
import { segmentKey } from '../../../lib/append/segment.ts';
import { renderKey } from '../../../lib/key.ts';
import { InvalidTemplate, type KeyTemplate, parseTemplate } from '../../../lib/key-template.ts';

const template = (text: string) => parseTemplate(text, { segmented: true });
const layout = (text: string, window: 'minute' | 'hour' | 'day' = 'hour') =>
  sourceLayout(template(text), window);

/** Placeholders and text between them, as long as they make a template that jobs can read. */
const anyTemplate: fc.Arbitrary<KeyTemplate> = fc
  .array(
    fc.constantFrom(
      '{time:yyyy/MM/dd}',
      '{time:yyyy-MM-dd}',
      '{time:HH}',
      '{time:HH.mm}',
      '{time:yyyyMMddHHmmss}',
      '{field.a}',
      '{field.b}',
      '{queue}',
      '{path}',
      '{lane}',
      '/',
      '-',
      '1',
      '.x/',
      '~',
    ),
    { minLength: 1, maxLength: 8 },
  )
  .map((parts) => {
    try {
      return template(`in/${parts.join('')}.ndjson`);
    } catch (error) {
      if (error instanceof InvalidTemplate) return null;
      throw error;
    }
  })
  .filter((parsed) => parsed !== null && sourceMisfit(parsed) === null)
  .map((parsed) => parsed as KeyTemplate);

const value = fc.stringMatching(/^[\w.~ -]{1,6}$/).filter((text) => !/^\.+$|~\d{5}/.test(text));
const input = fc.record({
  timeMs: fc.integer({ min: Date.UTC(1, 0), max: Date.UTC(9999, 11, 31) }),
  queue: value,
  a: value,
  b: value,
  path: fc.array(value, { minLength: 1, maxLength: 3 }).map((names) => names.join('/')),
  lane: fc.oneof(
    fc.integer({ min: 0, max: 99 }).map((n) => String(n).padStart(2, '0')),
    fc.stringMatching(/^[\w-]{1,8}$/),
  ),
  segment: fc.integer({ min: 0, max: 120_000 }),
});

function keyOf(
  key: KeyTemplate,
  { a, b, path, lane, ...rest }: typeof input extends fc.Arbitrary<infer T> ? T : never,
) {
  return renderKey(key, {
    ...rest,
    fields: new Map(Object.entries({ a, b })),
    ...(key.usesPath && { path }),
    ...(key.usesLane && { lane }),
  });
}

describe('the layout of a source', () => {
  it('tells group, family and segment of every key that the target makes', () => {
    fc.assert(
      fc.property(anyTemplate, input, fc.constantFrom('minute', 'hour', 'day'), (key, given, window) => {
        let first: string;
        try {
          first = keyOf(key, given);
        } catch {
          return; // an input that is refused
        }
        const { span, parse, group, listPrefix } = sourceLayout(key, window);
        const object = segmentKey(first, given.segment);
        const parsed = parse(object);
        expect(parsed).toMatchObject({ key: object, first, segment: given.segment });
        expect(object.startsWith(listPrefix)).toBe(true);
        expect(parsed?.group.name).toBe(span === null ? 'all' : timeText(spanStart(given.timeMs, span)));
        expect(parsed?.group).toEqual(group(parsed?.group.name ?? ''));
        // Of another lane or segment it is the same family, and of another field or path another one.
        const family = (more: Partial<typeof given>) => parse(keyOf(key, { ...given, ...more }))?.family;
        if (key.usesLane) expect(family({ lane: 'x-0' })).toBe(parsed?.family);
        if (key.fields.includes('a')) expect(family({ a: `${given.a}z` })).not.toBe(parsed?.family);
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    ['events/{time:yyyy/MM/dd/HH}.ndjson', 'events/2026/11/22/20.ndjson', '2026-11-22T20:00Z'],
    ['events/{time:yyyy/MM/dd}.ndjson', 'events/2026/11/22~00003.ndjson', '2026-11-22T00:00Z'],
    ['events/{time:yyyy-MM-dd_HH.mm}', 'events/2026-11-22_20.31', '2026-11-22T20:00Z'],
    ['events/{time:yyyy}.ndjson', 'events/0001.ndjson', '0001-01-01T00:00Z'],
    ['events/{time:HH}.ndjson', 'events/20.ndjson', 'all'],
    ['events/{field.a}.ndjson', 'events/x.ndjson', 'all'],
    ['events.ndjson', 'events~00001.ndjson', 'all'],
  ])('%s: %s is of the group %s', (text, key, group) => {
    expect(layout(text).parse(key)?.group.name).toBe(group);
  });

  it('has groups as long as the window, where objects are shorter', () => {
    const { parse, isWide } = layout('events/{time:yyyy/MM/dd/HH}.ndjson', 'day');
    expect(parse('events/2026/11/22/20.ndjson')?.group.name).toBe('2026-11-22T00:00Z');
    expect(isWide).toBe(false);
    expect(layout('events/{time:yyyy/MM/dd}.ndjson').isWide).toBe(true);
    expect(layout('events.ndjson').isWide).toBe(true);
    expect(layout('events/{time:yyyy/MM/dd/HH}.ndjson').isWide).toBe(false);
  });

  it.each([
    ['events/{time:yyyy/MM/dd}.ndjson', 'events/2026/02/30.ndjson'],
    ['events/{time:yyyy/MM/dd}.ndjson', 'events/2026/13/01.ndjson'],
    ['events/{time:yyyy/MM/dd}.ndjson', 'events/2026/11/22.json'],
    ['events/{time:yyyy/MM/dd}.ndjson', 'events/2026/11/22/x.ndjson'],
    ['events/{time:yyyy/MM-yyyy}.ndjson', 'events/2026/11-2025.ndjson'],
    ['events/{time:yyyyMMddHH}', 'events/2026112225'],
    ['events/{field.a}.ndjson', 'events/x/y.ndjson'],
  ])('%s does not make %s', (text, key) => {
    expect(layout(text).parse(key)).toBeNull();
  });

  it('knows its groups by name', () => {
    const { group } = layout('events/{time:yyyy/MM/dd/HH}.ndjson');
    expect(group('2026-11-22T20:00Z')).toMatchObject({ startMs: Date.UTC(2026, 10, 22, 20) });
    expect(['all', '2026-11-22T20:30Z', '2026-11-22', '2026-13-01T00:00Z'].map(group)).toEqual([
      null,
      null,
      null,
      null,
    ]);
  });

  it('refuses keys whose time or lane could be one thing or another', () => {
    expect(sourceMisfit(template('in/{field.a}{time:HH}-{field.b}'))).toMatch(/time or the lane/);
    expect(sourceMisfit(template('in/{field.a}-{lane}'))).toMatch(/time or the lane/);
    expect(sourceMisfit(template('in/{path}/{time:yyyy}-{lane}.ndjson'))).toBeNull();
    expect(sourceMisfit(template('in/{field.a}-{field.b}/{time:yyyy/MM}'))).toBeNull();
  });
});
