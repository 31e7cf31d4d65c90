/**
 * The object store port: what this project asks of a store of appendable objects, and nothing more.
 *
 * It mirrors OSS call for call, so that an adapter adds no behaviour of its own: one call of the port is at most one
 * request, nothing is retried, nothing is cached. Every adapter passes the whole of `test/lib/store/contract.ts`.
 *
 * The contract:
 * - **append is a compare-and-set on the length.** `append(key, position, body)` either puts all of `body` at exactly
 *   `position` and answers `appended`, or puts nothing and answers `conflict` with the length it found, or is refused.
 *   Only `failed` with a code that says so (no answer, a 5xx) leaves open whether the bytes are there.
 * - Position 0 creates a missing object, and also succeeds on an existing empty one.
 * - **reads are strongly consistent**: bytes of an acknowledged append are in every later read and head.
 * - A read past the end is not an error: it answers with no bytes and the object's length.
 * - A call ends within `timeoutMs`. What it was doing then is unknown: `failed` with code `NoAnswer`.
 * - Errors carry codes, status and the request id, never the payload or a credential.
 */
export interface ObjectStore {
  /** What is under `key` now, or null if nothing is. Throws `StoreError`. */
  head(key: string, call: StoreCall): Promise<ObjectInfo | null>;
  /** Bytes of `range`, clipped to the object's end, or null if nothing is under `key`. Throws `StoreError`. */
  read(key: string, range: ByteRange, call: StoreCall): Promise<ReadAnswer | null>;
  /** One attempt to append `body` (one byte or more) at `position`. Never throws for an answer of the store. */
  append(key: string, position: number, body: Uint8Array, call: AppendCall): Promise<AppendAnswer>;
}

/**
 * A whole bucket: what jobs and commands need beside the appends. Function roles that only append have no right to it.
 *
 * - **put is whole or nothing.** Whoever reads sees the object of before or all of the new one. It makes an ordinary
 *   object of whatever was there, an appendable one included, unless `forbidOverwrite` keeps what is there.
 * - **list is strongly consistent**, in the order of the keys' UTF-8 bytes.
 */
export interface Bucket extends ObjectStore {
  /** Objects whose keys begin with `prefix` and come after `startAfter`: one page. Throws `StoreError`. */
  list(prefix: string, call: ListCall): Promise<ListPage>;
  /**
   * One attempt to put an ordinary object. Never throws for an answer of the store. `failed` is to be read as that of an
   * append is: by its code the object may be there, or may not.
   */
  put(key: string, body: PutBody, call: PutCall): Promise<PutAnswer>;
  /** Removes what is under `key`, if anything is. Throws `StoreError`. */
  remove(key: string, call: StoreCall): Promise<void>;
}

export interface StoreCall {
  /** The call is given up after this many milliseconds. */
  readonly timeoutMs: number;
}

export interface AppendCall extends StoreCall {
  /** MIME type; takes effect only on the append that creates the object. */
  readonly contentType?: string;
}

export interface ListCall extends StoreCall {
  /** Keys up to and with this one are left out. */
  readonly startAfter?: string;
  /** At most so many objects: 1 to 1,000, and 1,000 by default. */
  readonly limit?: number;
}

export interface ListPage {
  readonly objects: readonly ListedObject[];
  /** The `startAfter` of the next page, null if this is the last. */
  readonly next: string | null;
}

export interface ListedObject {
  readonly key: string;
  /** Bytes. */
  readonly length: number;
  /** As in `ObjectInfo`. */
  readonly type: string;
  /** Epoch milliseconds. */
  readonly lastModifiedMs: number | null;
}

export interface PutCall extends StoreCall {
  readonly contentType?: string;
  /** Puts nothing, and answers `exists`, if anything is under the key. */
  readonly forbidOverwrite?: boolean;
}

/** What to put: bytes at hand, or more of them than memory should hold. */
export type PutBody = Uint8Array | BodyStream;

export interface BodyStream {
  /** Bytes. Other than so many are refused with `InvalidRequest`, and nothing is put. */
  readonly length: number;
  /** MD5 of the bytes: the store refuses what arrives otherwise (`InvalidDigest`). */
  readonly md5: Uint8Array;
  /** The bytes, cut anywhere. A piece is not changed once it is given. */
  open(): AsyncIterable<Uint8Array>;
}

/** `[start, end)` of the object, or its last `last` bytes. */
export type ByteRange = { readonly start: number; readonly end: number } | { readonly last: number };

export interface ObjectInfo {
  /** `Appendable` objects can be appended to; others (`Normal`, `Multipart`, `Symlink`) refuse it. */
  readonly type: string;
  /** Bytes. */
  readonly length: number;
  /** CRC-64/XZ of the whole object, null if the store did not say. */
  readonly crc64: bigint | null;
  readonly contentType: string | null;
  /** Epoch milliseconds. */
  readonly lastModifiedMs: number | null;
}

export interface ReadAnswer {
  readonly bytes: Uint8Array;
  /** Position of the first byte of `bytes`. */
  readonly start: number;
  /** The object's whole length, in bytes, when it was read. */
  readonly length: number;
  /** CRC-64/XZ of the whole object at that length, null if the store did not say. */
  readonly crc64: bigint | null;
  /** As in `ObjectInfo`, null if the store did not say. */
  readonly type: string | null;
}

export type AppendAnswer =
  | { readonly kind: 'appended'; readonly nextPosition: number; readonly crc64: bigint | null }
  /** `position` was not the length. `length` is what the store reported, null if it did not (then ask `head`). */
  | { readonly kind: 'conflict'; readonly length: number | null }
  | { readonly kind: 'failed'; readonly failure: StoreError };

export type PutAnswer =
  /** The object is what was sent. `crc64` is what the store has of it, CRC-64/XZ, null if it did not say. */
  | { readonly kind: 'created'; readonly crc64: bigint | null }
  /** Something is under the key, and stays as it is. Only with `forbidOverwrite`. */
  | { readonly kind: 'exists' }
  | { readonly kind: 'failed'; readonly failure: StoreError };

/** Code of a call that got no complete answer: reset, timed out, cut off. For an append, the bytes may be there. */
export const NO_ANSWER = 'NoAnswer';

/** A call that the store refused or did not answer. The message is for people; branch on `code` only. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  /** The store's own error code (OSS's `<Code>`), `NoAnswer`, or `Http<status>` for an answer without a code. */
  readonly code: string;
  /** HTTP status, null where there was no answer. */
  readonly status: number | null;
  readonly requestId: string | null;
  /** How long the store asks to wait before the next call (`x-oss-qos-delay-time`), null if it does not ask. */
  readonly delayMs: number | null;

  constructor(
    code: string,
    message: string,
    detail: {
      status?: number | null;
      requestId?: string | null;
      delayMs?: number | null;
      cause?: unknown;
    } = {},
  ) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.code = code;
    this.status = detail.status ?? null;
    this.requestId = detail.requestId ?? null;
    this.delayMs = detail.delayMs ?? null;
  }
}
