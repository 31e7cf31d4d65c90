/**
 * Which keys this project writes to. Stricter than OSS, which takes almost anything: a key should mean the same to
 * every tool that copies, lists or mounts a bucket, and none should find its way out of a directory.
 */

import { laterSegment, SEGMENT_MARK_BYTES } from './append/segment.ts';

/** OSS documentation, "Object naming conventions". */
const KEY_BYTES_MAX = 1023;

/** Control characters, halves of surrogate pairs, and code points that XML listings of a bucket cannot carry. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u;
/** A dot, slash, backslash or control character that is percent-encoded, however often: a later decoder would see it. */
const ENCODED = /%(?:25)*(?:2e|2f|5c|7f|[01][0-9a-f])/i;

/**
 * What is wrong with a key, as the end of a sentence, or null. `segmented`: it is of a log, which goes on under longer
 * keys (PROTOCOL.md §3.5), and those have to be its own.
 */
export function keyProblem(key: string, segmented: boolean): string | null {
  const bytes = Buffer.byteLength(key);
  const bytesMax = KEY_BYTES_MAX - (segmented ? SEGMENT_MARK_BYTES : 0);
  if (bytes > bytesMax) return `has ${bytes} bytes, and ${bytesMax} are allowed`;
  if (segmented && laterSegment(key)) {
    return 'has "~" and five digits or more before its extension, as a later segment of another log has';
  }
  // Some characters turn into dots or slashes when a later program normalises them (Unicode Standard Annex #15).
  return problemOfForm(key) ?? problemOfForm(key.normalize('NFKC'));
}

function problemOfForm(key: string): string | null {
  if (UNPRINTABLE.test(key)) return 'holds a control character or a broken one';
  if (key.includes('\\')) return 'holds a backslash; use /';
  if (ENCODED.test(key)) return 'holds a character that is percent-encoded twice';
  const segments = key.split('/');
  if (segments.includes('')) return 'starts or ends with a slash, or has two in a row';
  if (segments.includes('.') || segments.includes('..')) return 'has "." or ".." between slashes';
  return null;
}
