/**
 * The `Range` of a GetObject, which OSS reads in two ways.
 * Source: OSS API reference, "GetObject".
 *
 * By default a range that does not lie wholly within the object is ignored, and the answer is 200 with everything.
 * With `x-oss-range-behavior: standard` it is clipped to the object (206), or refused if it begins past the end (416).
 * Several ranges in one header are never served: ignored by default, refused in standard mode.
 */
import { OssError } from '../errors.ts';
import type { OssRequest } from '../request.ts';

/** `[start, end)`, in bytes. */
export interface Slice {
  readonly start: number;
  readonly end: number;
}

/** The part to answer with, null for the whole object. Throws `InvalidRange`. */
export function rangeOf(request: OssRequest, length: number): Slice | null {
  const header = request.headers.get('range');
  if (header === undefined) return null;
  const standard = request.headers.get('x-oss-range-behavior') === 'standard';
  if (standard && /^bytes=.*,/.test(header)) throw invalid(header, length);
  const slice = parse(header, length);
  if (slice === null) return null;
  const within = slice.start >= 0 && slice.start < length && slice.end <= length && slice.start < slice.end;
  if (!standard) return within ? slice : null;
  const clipped = { start: Math.max(slice.start, 0), end: Math.min(slice.end, length) };
  if (clipped.start >= clipped.end) throw invalid(header, length);
  return clipped;
}

/** What the header asks for, unclipped; null if it is no range at all. */
function parse(header: string, length: number): Slice | null {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header.trim()) ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return null;
  if (first === '') return { start: length - Number(last), end: length };
  if (last === '') return { start: Number(first), end: Math.max(length, Number(first)) };
  return Number(first) > Number(last) ? null : { start: Number(first), end: Number(last) + 1 };
}

function invalid(header: string, length: number): OssError {
  return new OssError('InvalidRange', {
    headers: { 'Content-Range': `bytes */${length}` },
    elements: { RangeRequested: header, ActualObjectSize: String(length) },
  });
}
