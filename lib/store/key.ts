/** Which keys the store accepts (OSS documentation, "Object naming conventions"). Shared by the adapters. */

import { StoreError } from './port.ts';

const KEY_BYTES_MAX = 1023;
/** A surrogate without its partner: such a string has no UTF-8 form. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Why `key` cannot name an object, or null if it can. Adapters ask before they send, because a client library may
 * change such a key in silence: ali-oss drops leading slashes, so `/a` would land in `a`.
 */
export function invalidKey(key: string): StoreError | null {
  const bytes = Buffer.byteLength(key);
  if (bytes > 0 && bytes <= KEY_BYTES_MAX && !/^[/\\]/.test(key) && !LONE_SURROGATE.test(key)) return null;
  return new StoreError(
    'InvalidObjectName',
    `An object key is 1 to ${KEY_BYTES_MAX} bytes of UTF-8 and starts with neither / nor \\. This one has ${bytes} bytes.`,
    { status: 400 },
  );
}
