/** Conditional headers of reads, and of the source of a copy (`x-oss-copy-source-if-…`). */
import type { StoredObject } from '../disk/catalog.ts';
import { OssError } from '../errors.ts';
import type { OssRequest } from '../request.ts';

/**
 * Whether the object has changed as far as the request can tell; false means 304. Throws `PreconditionFailed`.
 * An ETag condition that holds settles the matter; the date next to it is then not looked at.
 */
export function isModified(request: OssRequest, object: StoredObject, prefix = ''): boolean {
  const header = (name: string): string | undefined => request.headers.get(prefix + name);
  const match = header('if-match');
  const noneMatch = header('if-none-match');
  const unmodifiedSince = seconds(header('if-unmodified-since'));
  const modifiedSince = seconds(header('if-modified-since'));
  const modified = Math.floor(object.lastModifiedMs / 1000);

  if (match !== undefined) {
    if (!lists(match, object.etag)) throw failed('If-Match');
  } else if (unmodifiedSince !== null && modified > unmodifiedSince) {
    throw failed('If-Unmodified-Since');
  }
  if (noneMatch !== undefined) return !lists(noneMatch, object.etag);
  return modifiedSince === null || modified > modifiedSince;
}

function lists(header: string, etag: string): boolean {
  const bare = (text: string): string => text.trim().replace(/^"|"$/g, '');
  return header.split(',').some((item) => bare(item) === '*' || bare(item) === bare(etag));
}

/** A date that cannot be read is no condition. */
function seconds(date: string | undefined): number | null {
  const atMs = Date.parse(date ?? '');
  return Number.isNaN(atMs) ? null : Math.floor(atMs / 1000);
}

function failed(condition: string): OssError {
  return new OssError('PreconditionFailed', { elements: { Condition: condition } });
}
