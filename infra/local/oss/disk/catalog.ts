/**
 * What the store holds: buckets, objects, multipart uploads. In memory, built by applying journal entries one by one,
 * at run time and at recovery alike; so what is not in the journal is not in the store.
 *
 * Knows nothing of files but their names: `apply` says which of them nobody refers to any more.
 */
import { SortedKeys } from './sorted-keys.ts';

export type ObjectType = 'Normal' | 'Appendable' | 'Multipart';

export interface StoredObject {
  readonly key: string;
  readonly type: ObjectType;
  /** Name of the data file; its first `length` bytes are the object. */
  readonly file: string;
  readonly length: number;
  /** Unsigned decimal, as in `x-oss-hash-crc64ecma`. */
  readonly crc64: string;
  /** With its quotes. */
  readonly etag: string;
  readonly lastModifiedMs: number;
  /** Headers kept with the object and given back with it: Content-Type and the like, x-oss-meta-*. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Part {
  readonly number: number;
  readonly file: string;
  readonly length: number;
  readonly crc64: string;
  readonly etag: string;
  readonly lastModifiedMs: number;
}

export interface Upload {
  readonly id: string;
  readonly key: string;
  readonly initiatedMs: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly parts: ReadonlyMap<number, Part>;
}

export interface Bucket {
  readonly name: string;
  readonly createdMs: number;
  readonly objects: ReadonlyMap<string, StoredObject>;
  readonly keys: SortedKeys;
  readonly uploads: ReadonlyMap<string, Upload>;
}

/** One change. An entry is applied whole or not at all. */
export type Entry =
  | { readonly op: 'put-bucket'; readonly bucket: string; readonly atMs: number }
  | { readonly op: 'delete-bucket'; readonly bucket: string }
  | { readonly op: 'put'; readonly bucket: string; readonly object: StoredObject; readonly uploadId?: string }
  | ({ readonly op: 'append'; readonly bucket: string; readonly key: string } & Pick<
      StoredObject,
      'length' | 'crc64' | 'etag' | 'lastModifiedMs'
    >)
  | { readonly op: 'delete'; readonly bucket: string; readonly keys: readonly string[] }
  | { readonly op: 'put-upload'; readonly bucket: string; readonly upload: Omit<Upload, 'parts'> }
  | { readonly op: 'put-part'; readonly bucket: string; readonly uploadId: string; readonly part: Part }
  | { readonly op: 'delete-upload'; readonly bucket: string; readonly uploadId: string };

interface MutableUpload extends Upload {
  readonly parts: Map<number, Part>;
}
interface MutableBucket extends Bucket {
  readonly objects: Map<string, StoredObject>;
  readonly uploads: Map<string, MutableUpload>;
}

export class Catalog {
  readonly #buckets = new Map<string, MutableBucket>();

  get buckets(): ReadonlyMap<string, Bucket> {
    return this.#buckets;
  }

  /** Applies a change; returns the data files that it made garbage. */
  apply(entry: Entry): string[] {
    if (entry.op === 'put-bucket') {
      this.#buckets.set(entry.bucket, {
        name: entry.bucket,
        createdMs: entry.atMs,
        objects: new Map(),
        keys: new SortedKeys(),
        uploads: new Map(),
      });
      return [];
    }
    const bucket = this.#buckets.get(entry.bucket);
    if (bucket === undefined)
      throw new Error(`The journal names the bucket ${entry.bucket} before creating it.`);
    switch (entry.op) {
      case 'delete-bucket':
        this.#buckets.delete(entry.bucket);
        return [];
      case 'put':
        return [
          ...put(bucket, entry.object),
          ...(entry.uploadId === undefined ? [] : dropUpload(bucket, entry.uploadId)),
        ];
      case 'append':
        return append(bucket, entry);
      case 'delete':
        return entry.keys.flatMap((key) => drop(bucket, key));
      case 'put-upload':
        bucket.uploads.set(entry.upload.id, { ...entry.upload, parts: new Map() });
        return [];
      case 'put-part':
        return putPart(bucket, entry.uploadId, entry.part);
      case 'delete-upload':
        return dropUpload(bucket, entry.uploadId);
    }
  }

  /** The shortest list of entries that builds this catalog. */
  *snapshot(): Generator<Entry> {
    for (const { name: bucket, createdMs, objects, uploads } of this.#buckets.values()) {
      yield { op: 'put-bucket', bucket, atMs: createdMs };
      for (const object of objects.values()) yield { op: 'put', bucket, object };
      for (const { parts, ...upload } of uploads.values()) {
        yield { op: 'put-upload', bucket, upload };
        for (const part of parts.values()) yield { op: 'put-part', bucket, uploadId: upload.id, part };
      }
    }
  }

  /** Every data file in use, with the bytes of it that count. */
  *files(): Generator<{ file: string; length: number }> {
    for (const { objects, uploads } of this.#buckets.values()) {
      yield* objects.values();
      for (const { parts } of uploads.values()) yield* parts.values();
    }
  }
}

function put(bucket: MutableBucket, object: StoredObject): string[] {
  const before = bucket.objects.get(object.key);
  bucket.objects.set(object.key, object);
  bucket.keys.add(object.key);
  return before === undefined || before.file === object.file ? [] : [before.file];
}

function append(bucket: MutableBucket, entry: Extract<Entry, { op: 'append' }>): string[] {
  const object = bucket.objects.get(entry.key);
  if (object === undefined) throw new Error(`The journal appends to ${entry.key} before creating it.`);
  const { length, crc64, etag, lastModifiedMs } = entry;
  bucket.objects.set(entry.key, { ...object, length, crc64, etag, lastModifiedMs });
  return [];
}

function drop(bucket: MutableBucket, key: string): string[] {
  const object = bucket.objects.get(key);
  if (object === undefined) return [];
  bucket.objects.delete(key);
  bucket.keys.remove(key);
  return [object.file];
}

function putPart(bucket: MutableBucket, uploadId: string, part: Part): string[] {
  const parts = bucket.uploads.get(uploadId)?.parts;
  if (parts === undefined) throw new Error(`The journal adds a part to ${uploadId} before initiating it.`);
  const before = parts.get(part.number);
  parts.set(part.number, part);
  return before === undefined ? [] : [before.file];
}

function dropUpload(bucket: MutableBucket, uploadId: string): string[] {
  const upload = bucket.uploads.get(uploadId);
  bucket.uploads.delete(uploadId);
  return upload === undefined ? [] : [...upload.parts.values()].map(({ file }) => file);
}
