/** Ids that carry the time at which they were made: UUID version 7 (RFC 9562 §5.7) and ULID. */

const UUID_V7 = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;
/** 26 digits in Crockford's base 32, the first ten of which are the time. */
const ULID = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/i;
const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz';
const ULID_TIME_DIGITS = 10;

/** A time outside says that the id is no such id but looks like one. Fixed, so that an id always means the same. */
const TIME_MS_MIN = Date.UTC(2000, 0);
const TIME_MS_MAX = Date.UTC(2100, 0);

/** The time that `id` carries, epoch milliseconds, or undefined if it carries none. */
export function timeOfId(id: string): number | undefined {
  const timeMs = uuidTime(id) ?? ulidTime(id);
  return timeMs !== undefined && timeMs >= TIME_MS_MIN && timeMs < TIME_MS_MAX ? timeMs : undefined;
}

function uuidTime(id: string): number | undefined {
  const [, high, low] = UUID_V7.exec(id) ?? [];
  return high === undefined ? undefined : Number.parseInt(`${high}${low}`, 16);
}

function ulidTime(id: string): number | undefined {
  if (!ULID.test(id)) return undefined;
  const digits = [...id.slice(0, ULID_TIME_DIGITS).toLowerCase()];
  return digits.reduce((timeMs, digit) => timeMs * CROCKFORD.length + CROCKFORD.indexOf(digit), 0);
}
