/** Times as text, in the form of RFC 3339: `2026-11-22T20:30:00Z`, or with an offset. */

const RFC3339 = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

/** Epoch milliseconds, or null if the text is no time. */
export function timeMsOf(text: string): number | null {
  const upper = text.toUpperCase();
  const [, day] = RFC3339.exec(upper) ?? [];
  const timeMs = Date.parse(upper);
  return day === undefined || Number.isNaN(timeMs) || !isDay(day) ? null : timeMs;
}

/** `Date.parse` takes the 30th of February for the 2nd of March. */
function isDay(day: string): boolean {
  const timeMs = Date.parse(day);
  return !Number.isNaN(timeMs) && new Date(timeMs).toISOString().startsWith(day);
}
