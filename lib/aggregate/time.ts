/** Windows and other spans of time, all UTC (PROTOCOL.md §10.1). */

export type Span = 'minute' | 'hour' | 'day' | 'month' | 'year';

/** From the longest to the shortest. */
export const SPANS: readonly Span[] = ['year', 'month', 'day', 'hour', 'minute'];

/** Keys have years of four digits. */
const KEY_MS_MIN = new Date('0000-01-01T00:00Z').getTime();
const KEY_MS_MAX = new Date('9999-12-31T23:59:59.999Z').getTime();

/** The start of the span that `timeMs` is in. Both are epoch milliseconds. */
export function spanStart(timeMs: number, span: Span): number {
  const start = new Date(timeMs);
  if (span === 'year') start.setUTCMonth(0, 1);
  if (span === 'month') start.setUTCDate(1);
  if (span === 'minute') return start.setUTCSeconds(0, 0);
  if (span === 'hour') return start.setUTCMinutes(0, 0, 0);
  return start.setUTCHours(0, 0, 0, 0);
}

/** The start of the next one. */
export function spanEnd(startMs: number, span: Span): number {
  const end = new Date(startMs);
  if (span === 'year') return end.setUTCFullYear(end.getUTCFullYear() + 1);
  if (span === 'month') return end.setUTCMonth(end.getUTCMonth() + 1);
  if (span === 'day') return end.setUTCDate(end.getUTCDate() + 1);
  if (span === 'hour') return end.setUTCHours(end.getUTCHours() + 1);
  return end.setUTCMinutes(end.getUTCMinutes() + 1);
}

export const longer = (a: Span, b: Span): Span => (SPANS.indexOf(a) < SPANS.indexOf(b) ? a : b);

/** A time as windows and groups are written: `2026-11-22T20:00Z`. */
export function timeText(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, -':00.000Z'.length)}Z`;
}

/** The time that `text` says, or null if it is not of that form. */
export function parseTime(text: string): number | null {
  const timeMs = /^[\d+-]+T\d\d:\d\dZ$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(timeMs) || timeText(timeMs) !== text ? null : timeMs;
}

/** The nearest time that a key can tell. */
export function keyTime(timeMs: number): number {
  return Math.min(KEY_MS_MAX, Math.max(KEY_MS_MIN, timeMs));
}
