import { describe, expect, it } from 'vitest';
import { timeOfId } from '../../../lib/intake/id-time.ts';

describe('the time of an id', () => {
  it('is read from a UUID of version 7 (the example of RFC 9562)', () => {
    expect(timeOfId('017F22E2-79B0-7CC3-98C4-DC0C0C07398F')).toBe(0x017f22e279b0);
  });

  it('is read from a ULID (the example of its specification)', () => {
    expect(timeOfId('01ARZ3NDEKTSV4RRFFQ69G5FAV')).toBe(1469922850259);
  });

  it('is not there in other ids', () => {
    for (const id of [
      '',
      'm-17',
      '919108f7-52d1-4320-9bac-f847db4148a8',
      '01ARZ3NDEKTSV4RRFFQ69G5FAU',
      'x'.repeat(26),
    ]) {
      expect(timeOfId(id), id).toBeUndefined();
    }
  });

  it('is not believed outside of this century', () => {
    expect(timeOfId('7ZZZZZZZZZZZZZZZZZZZZZZZZZ')).toBeUndefined();
    expect(timeOfId('00000000-0000-7000-8000-000000000000')).toBeUndefined();
  });
});
