/**
 * When a timer trigger fires: six cron fields (second minute hour day month weekday) in UTC, in another zone with the
 * prefix `CRON_TZ=Zone `, or `@every 1h30m` (help page "Timer trigger").
 */
import { Cron } from 'croner';

export interface Schedule {
  /** The first time after `afterMs` (epoch milliseconds), null if there is none. */
  next(afterMs: number): number | null;
}

const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000 };

/** Throws an Error that says what is wrong with `expression`. */
export function parseSchedule(expression: string): Schedule {
  const text = expression.trim();
  if (text.startsWith('@every')) return every(text.slice('@every'.length).trim());
  const zoned = /^CRON_TZ=(\S+)\s+(.*)$/.exec(text);
  return cron(zoned?.[2] ?? text, zoned?.[1] ?? 'UTC');
}

function every(duration: string): Schedule {
  if (!/^(\d+[hms])+$/.test(duration))
    throw new Error(`'@every ${duration}': expected a duration such as 5m or 1h30m`);
  const parts = [...duration.matchAll(/(\d+)([hms])/g)];
  const intervalMs = parts.reduce(
    (sum, [, count, unit]) => sum + Number(count) * (UNIT_MS[unit ?? ''] ?? 0),
    0,
  );
  if (intervalMs === 0) throw new Error(`'@every ${duration}': longer than nothing, please`);
  return { next: (afterMs) => afterMs + intervalMs };
}

function cron(pattern: string, timezone: string): Schedule {
  const fields = pattern.split(/\s+/);
  if (fields.length !== 6)
    throw new Error(
      `'${pattern}': expected 6 fields (second minute hour day month weekday), found ${fields.length}`,
    );
  // FC reads ? as *, croner as "the time of the start".
  const job = new Cron(pattern.replaceAll('?', '*'), { timezone, mode: '6-part', paused: true });
  const next = (afterMs: number): number | null => job.nextRun(new Date(afterMs))?.getTime() ?? null;
  next(0); // An unknown zone shows only here.
  return { next };
}
