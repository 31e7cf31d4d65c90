import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { laterSegment, SEGMENT_MARK_BYTES, segmentKey, splitKey } from '../../../lib/append/segment.ts';

/** Keys with dots, tildes, digits and slashes where it matters. */
const keys = fc
  .array(fc.constantFrom('.', '/', '~', '0', '00001', '~00001', '~12345', 'a', 'ndjson', 'é', '👩'), {
    minLength: 1,
  })
  .map((parts) => parts.join(''));
const segments = fc.oneof(
  fc.integer({ min: 1, max: 99_999 }),
  fc.maxSafeNat().filter((segment) => segment > 0),
);

describe('the key of a segment', () => {
  it.each([
    ['events/20.ndjson', 'events/20~00001.ndjson'],
    ['events/20', 'events/20~00001'],
    ['a.b/20', 'a.b/20~00001'],
    ['a/x.tar.gz', 'a/x.tar~00001.gz'],
    ['a/.hidden', 'a/.hidden~00001'],
    ['a/.hidden.log', 'a/.hidden~00001.log'],
    ['.x', '.x~00001'],
    ['a/..x', 'a/.~00001.x'],
    ['a/x.', 'a/x~00001.'],
    ['x', 'x~00001'],
  ])('after %s is %s', (key, next) => {
    expect(segmentKey(key, 1)).toBe(next);
    expect(laterSegment(next)).toEqual({ first: key, segment: 1 });
  });

  it('is that of the log for the first, and five digits or more for the others', () => {
    expect(segmentKey('a/x.log', 0)).toBe('a/x.log');
    expect(segmentKey('a/x.log', 42)).toBe('a/x~00042.log');
    expect(segmentKey('a/x.log', 99_999)).toBe('a/x~99999.log');
    expect(segmentKey('a/x.log', 100_000)).toBe('a/x~100000.log');
    for (const none of [-1, 1.5, Number.NaN, 2 ** 53])
      expect(() => segmentKey('a/x.log', none)).toThrowError(RangeError);
  });

  it('tells the log and the number, for any key', () => {
    fc.assert(
      fc.property(keys, segments, (key, segment) => {
        const made = segmentKey(key, segment);
        expect(laterSegment(made)).toEqual({ first: key, segment });
        const added = Buffer.byteLength(made) - Buffer.byteLength(key);
        expect(added).toBe(Math.max(SEGMENT_MARK_BYTES, 1 + String(segment).length));
        expect(made.split('/').slice(0, -1)).toEqual(key.split('/').slice(0, -1));
      }),
    );
  });

  it('is no key that a log may have: two logs never meet', () => {
    fc.assert(
      fc.property(keys, fc.nat(3), keys, fc.nat(3), (one, at, other, there) => {
        fc.pre(laterSegment(one) === null && laterSegment(other) === null);
        fc.pre(one !== other || at !== there);
        expect(segmentKey(one, at)).not.toBe(segmentKey(other, there));
      }),
    );
  });

  it.each([
    'a/20.ndjson',
    'a~00001/20.ndjson',
    'a/20~0001.ndjson',
    'a/20.ndjson~00001x',
    'a/20~0000a',
    '20~00001.x.y',
  ])('does not look like %s', (key) => {
    expect(laterSegment(key)).toBe(null);
  });

  it('is cut where the number goes', () => {
    expect(splitKey('a.b/x.y.z')).toEqual({ stem: 'a.b/x.y', extension: '.z' });
    expect(splitKey('a.b/')).toEqual({ stem: 'a.b/', extension: '' });
  });
});
