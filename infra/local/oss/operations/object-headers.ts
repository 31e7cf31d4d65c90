/**
 * The headers an object is created with and given back with.
 *
 * Kept are the content headers, user metadata, the storage class and AES256 encryption (as a label; the bytes lie on
 * the disk as they are). Reading an Archive object needs no restore here. An ACL is checked and then without effect:
 * every call must be signed. What would change an answer's meaning if it were ignored is refused with
 * `NotImplemented` instead: tags, callbacks, conditional headers on writes.
 */
import { invalidArgument, notImplemented, OssError } from '../errors.ts';
import type { OssRequest } from '../request.ts';

const CONTENT_HEADERS = [
  'content-type',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
];
const META_PREFIX = 'x-oss-meta-';
/** Names and values of all user metadata together. */
const META_BYTES_MAX = 8 * 1024;
const ACLS = ['private', 'public-read', 'public-read-write', 'default'];
const REFUSED = ['x-oss-tagging', 'x-oss-callback', 'x-oss-callback-var', 'x-oss-process'];
const CONDITIONS = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since'];

export const STORAGE_CLASSES = ['Standard', 'IA', 'Archive', 'ColdArchive', 'DeepColdArchive'] as const;
/** An appendable object cannot be created in the cold classes. */
export const APPENDABLE_STORAGE_CLASSES = ['Standard', 'IA', 'Archive'] as const;

/** Throws `NotImplemented` for headers whose effect a write would lack. */
export function refuseUnsupported(request: OssRequest): void {
  const refused = [...REFUSED, ...CONDITIONS].find((name) => request.headers.has(name));
  if (refused !== undefined) throw notImplemented('Header', refused);
}

/** The headers to keep with a new object. Throws `InvalidArgument` and the codes of encryption. */
export function objectHeaders(
  request: OssRequest,
  storageClasses: readonly string[] = STORAGE_CLASSES,
): Record<string, string> {
  const kept: Record<string, string> = { 'content-type': 'application/octet-stream' };
  let metaBytes = 0;
  for (const [name, value] of request.headers) {
    if (CONTENT_HEADERS.includes(name)) kept[name] = value;
    if (!name.startsWith(META_PREFIX)) continue;
    if (!/^[a-z0-9-]+$/.test(name.slice(META_PREFIX.length))) {
      throw invalidArgument(name, value, 'Names of user metadata consist of letters, digits and hyphens.');
    }
    metaBytes += name.length + value.length;
    kept[name] = value;
  }
  if (metaBytes > META_BYTES_MAX) {
    throw invalidArgument(
      META_PREFIX,
      String(metaBytes),
      `User metadata must not exceed ${META_BYTES_MAX} bytes.`,
    );
  }
  kept['x-oss-storage-class'] = choice(request, 'x-oss-storage-class', storageClasses) ?? 'Standard';
  choice(request, 'x-oss-object-acl', ACLS);
  const encryption = request.headers.get('x-oss-server-side-encryption');
  if (encryption === 'KMS') throw new OssError('KmsServiceNotEnabled');
  if (encryption !== undefined && encryption !== 'AES256')
    throw new OssError('InvalidEncryptionAlgorithmError');
  if (encryption !== undefined) kept['x-oss-server-side-encryption'] = encryption;
  return kept;
}

function choice(request: OssRequest, name: string, values: readonly string[]): string | undefined {
  const value = request.headers.get(name);
  if (value === undefined || values.includes(value)) return value;
  throw invalidArgument(name, value, `${name} must be one of ${values.join(', ')}.`);
}
