/** Digests at once, where Node can (from 20.12 on): a third of the time for a small text, and no object to collect. */
import { createHash, hash } from 'node:crypto';

/** The digest of `data`; text is taken as UTF-8. */
export const digest: (
  algorithm: 'md5' | 'sha256',
  data: string | Uint8Array,
  encoding: 'hex' | 'base64',
) => string =
  typeof hash === 'function'
    ? (algorithm, data, encoding) => hash(algorithm, data, encoding)
    : (algorithm, data, encoding) => createHash(algorithm).update(data).digest(encoding);
