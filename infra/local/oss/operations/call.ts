/** What every operation works on, and the checks they share. */
import type { Body } from '../body.ts';
import type { Bucket, StoredObject } from '../disk/catalog.ts';
import type { Store } from '../disk/store.ts';
import { invalidArgument, OssError } from '../errors.ts';
import type { Address, OssRequest } from '../request.ts';

export interface Settings {
  /** All appends to one object together. */
  readonly appendableBytesMax: number;
  /** How long a body may stall. */
  readonly bodyIdleMsMax: number;
}

/** An authenticated request, with its body if its operation takes one. */
export interface Call {
  readonly request: OssRequest;
  readonly address: Address;
  readonly store: Store;
  readonly settings: Settings;
  readonly body: Body;
  /** Epoch milliseconds by the server's clock, when the operation runs. */
  readonly nowMs: number;
}

/** In UTF-8. */
const KEY_BYTES_MAX = 1023;

export const OWNER = [
  ['ID', '1000000000000000'],
  ['DisplayName', '1000000000000000'],
] as const;

/** 3 to 63 lower-case letters, digits and hyphens, a letter or digit at both ends. Throws `InvalidBucketName`. */
export function checkBucketName(name: string): void {
  if (/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(name)) return;
  throw new OssError('InvalidBucketName', { elements: { BucketName: name } });
}

/** Throws `InvalidBucketName`, `NoSuchBucket`. */
export function bucketOf(call: Call): Bucket {
  const name = call.address.bucket ?? '';
  checkBucketName(name);
  return existingBucket(call.store, name);
}

export function existingBucket(store: Store, name: string): Bucket {
  const bucket = store.buckets.get(name);
  if (bucket === undefined) throw new OssError('NoSuchBucket', { elements: { BucketName: name } });
  return bucket;
}

/** Throws `InvalidObjectName`. */
export function keyOf(call: Call): string {
  const key = call.address.key ?? '';
  checkKey(key);
  return key;
}

/** Throws `InvalidObjectName`. */
export function checkKey(key: string): void {
  const bytes = Buffer.byteLength(key);
  if (bytes >= 1 && bytes <= KEY_BYTES_MAX && !/^[/\\]/.test(key)) return;
  throw new OssError('InvalidObjectName', { elements: { ObjectName: key.slice(0, KEY_BYTES_MAX) } });
}

/** Throws `NoSuchKey`. */
export function objectOf(bucket: Bucket, key: string): StoredObject {
  const object = bucket.objects.get(key);
  if (object === undefined) throw new OssError('NoSuchKey', { elements: { Key: key } });
  return object;
}

/** A query parameter that is a decimal integer within bounds, or `absent` if it is missing. */
export function integerParameter(
  { request }: Call,
  name: string,
  { min, max, absent }: { min: number; max: number; absent: number },
): number {
  const text = request.query.get(name);
  if (text === undefined || text === '') return absent;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw invalidArgument(name, text, `Argument ${name} must be an integer between ${min} and ${max}.`);
}
