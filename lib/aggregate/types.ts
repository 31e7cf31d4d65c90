/** Bytes [from, to) of one source object. Both are ends of appends. */
export interface Range {
  readonly object: string;
  readonly from: number;
  readonly to: number;
}

/** An output file, as the job's log tells of it. */
export interface CommittedPart {
  readonly key: string;
  /** Start of its window, epoch milliseconds. */
  readonly windowMs: number;
  readonly rows: number;
  readonly bytes: number;
  /** CRC-64/XZ of the file, null if the store did not say. */
  readonly crc64: bigint | null;
}
