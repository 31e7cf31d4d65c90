/**
 * The names of a log's segments (PROTOCOL.md §3.5): `events/20.ndjson` goes on in `events/20~00001.ndjson`.
 *
 * A later segment's key is the first one's with `~` and five digits (more past 99,999) before the extension of its last
 * path segment. No first segment has such a key (`laterSegment` tells), so no two logs meet.
 */

/** What the number of a segment adds to a key, in bytes. */
export const SEGMENT_MARK_BYTES = 6;

const DIGITS = SEGMENT_MARK_BYTES - 1;
const MARK = /~(\d{5}|[1-9]\d{5,})$/;

/** The key of a log's segment; 0 is the first one, whose key is `key` itself. Throws `RangeError`. */
export function segmentKey(key: string, segment: number): string {
  if (!Number.isSafeInteger(segment) || segment < 0)
    throw new RangeError(`not the number of a segment: ${segment}`);
  if (segment === 0) return key;
  const { stem, extension } = splitKey(key);
  return `${stem}~${String(segment).padStart(DIGITS, '0')}${extension}`;
}

/** Of which log `key` is a later segment, by its looks, and which one; null if it does not look like any. */
export function laterSegment(key: string): { readonly first: string; readonly segment: number } | null {
  const { stem, extension } = splitKey(key);
  const [mark, digits] = MARK.exec(stem) ?? [];
  if (mark === undefined) return null;
  return { first: stem.slice(0, -mark.length) + extension, segment: Number(digits) };
}

/**
 * A key, cut where the number of a segment goes. The extension begins with the last dot that is not the first
 * character of the last path segment; without such a dot it is empty.
 */
export function splitKey(key: string): { readonly stem: string; readonly extension: string } {
  const name = key.lastIndexOf('/') + 1;
  const dot = key.lastIndexOf('.');
  const end = dot > name ? dot : key.length;
  return { stem: key.slice(0, end), extension: key.slice(end) };
}
