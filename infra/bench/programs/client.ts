/** What is compared: something that appends records to an object, one call a record. */

export interface BenchRecord {
  readonly id: string;
  /** JSON on one line that holds the id, without a line end. */
  readonly line: string;
}

export interface Client {
  /** Resolves when the record is acknowledged. Rejects if it is not by `endMs`, epoch milliseconds. */
  append(key: string, record: BenchRecord, endMs: number): Promise<void>;
}

/** Where the store is, and who writes. */
export interface Place {
  readonly endpoint: string;
  readonly writer: string;
}

export type OpenClient<Kind> = (kind: Kind, place: Place) => Client;

/** The store's only key and bucket, on this machine and for the length of a run. */
export const ACCESS_KEY = { accessKeyId: 'bench', accessKeySecret: 'bench-secret' } as const;
export const BUCKET = 'bench';
export const REGION = 'cn-hangzhou';
/** For ali-oss by itself. V4 signatures, as ours: OSS takes no others from new accounts. */
export const ALI_OSS_OPTIONS = {
  ...ACCESS_KEY,
  bucket: BUCKET,
  region: `oss-${REGION}`,
  authorizationV4: true,
} as const;

/** A small event, as webhooks and devices send them. */
const LINE_BYTES = 200;

export function benchRecord(id: string, bytes = LINE_BYTES): BenchRecord {
  const line = JSON.stringify({ id, text: '' });
  return { id, line: `${line.slice(0, -2)}${'x'.repeat(Math.max(0, bytes - line.length))}"}` };
}
