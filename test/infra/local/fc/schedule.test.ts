import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSchedule } from '../../../../infra/local/fc/timer/schedule.ts';

const next = (expression: string, after: string): string | null => {
  const ms = parseSchedule(expression).next(Date.parse(after));
  return ms === null ? null : new Date(ms).toISOString();
};

describe('a timer’s schedule', () => {
  it.each([
    ['0 5 * * * *', '2026-11-22T20:05:00Z', '2026-11-22T21:05:00.000Z'],
    ['0 0 4 * * *', '2026-11-22T03:59:59Z', '2026-11-22T04:00:00.000Z'],
    ['0 0 0 ? * MON', '2026-11-22T20:05:00Z', '2026-11-23T00:00:00.000Z'],
    ['*/15 * * * * *', '2026-11-22T20:05:01Z', '2026-11-22T20:05:15.000Z'],
    ['CRON_TZ=Asia/Shanghai 0 0 4 * * *', '2026-11-22T00:00:00Z', '2026-11-22T20:00:00.000Z'],
    ['@every 5m', '2026-11-22T20:05:01Z', '2026-11-22T20:10:01.000Z'],
    ['@every 1h30m', '2026-11-22T20:00:00Z', '2026-11-22T21:30:00.000Z'],
    ['0 0 0 30 2 *', '2026-11-22T20:00:00Z', null],
  ])('%s fires after %s at %s', (expression, after, expected) => {
    expect(next(expression, after)).toBe(expected);
  });

  it.each([
    '',
    '* * * * *',
    '* * * * * * *',
    '61 * * * * *',
    'CRON_TZ=Nowhere/City 0 0 0 * * *',
    '@every',
    '@every 5d',
    '@every 0s',
  ])('refuses %j', (expression) => {
    expect(() => parseSchedule(expression)).toThrow(Error);
  });

  it('always goes forward', () => {
    const minute = fc.integer({ min: 0, max: 59 });
    const atMs = fc.integer({ min: 1_700_000_000_000, max: 1_900_000_000_000 });
    fc.assert(
      fc.property(minute, minute, atMs, (second, ofHour, afterMs) => {
        const at = parseSchedule(`${second} ${ofHour} * * * *`).next(afterMs) ?? 0;
        expect(at).toBeGreaterThan(afterMs);
        expect(at - afterMs).toBeLessThanOrEqual(3_600_000);
        expect([new Date(at).getUTCSeconds(), new Date(at).getUTCMinutes()]).toEqual([second, ofHour]);
      }),
    );
  });
});
