/**
 * Puts a tombstone in the place of a segment whose records are elsewhere by now (PROTOCOL.md §3.7). Nothing else in the
 * project removes what was appended.
 */
import { segmentKey } from './append/segment.ts';
import { TOMBSTONE_TYPE, type TombstoneJob } from './append/tombstone.ts';
import type { LogAppendOptions } from './appender.ts';
import { put } from './put.ts';
import type { Retirer } from './retirer.ts';
import type { Runtime } from './runtime.ts';
import type { Bucket } from './store/port.ts';

export interface Entombing {
  readonly retirer: Pick<Retirer, 'burial'>;
  readonly bucket: Pick<Bucket, 'put'>;
  readonly runtime: Runtime;
}

/** A segment, and what it was when its records were read and committed elsewhere. */
export interface ReadSegment {
  /** The log. */
  readonly key: string;
  readonly segment: number;
  /** Bytes. */
  readonly length: number;
  /** CRC-64/XZ of them. */
  readonly crc64: bigint;
  /** Where its records are. */
  readonly jobs: readonly TombstoneJob[];
}

/** Why a segment stays as it is. */
export class NotEntombed extends Error {
  override readonly name = 'NotEntombed';
  /**
   * `SegmentOpen`: it has not been retired. `SegmentChanged`: it is not what was read. `SegmentMissing`: there is no such
   * object.
   */
  readonly code: 'SegmentOpen' | 'SegmentChanged' | 'SegmentMissing';

  constructor(code: NotEntombed['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** False if there was a tombstone already. Throws `NotEntombed`, `AppendError` and `StoreError`. */
export async function entomb(
  { retirer, bucket, runtime }: Entombing,
  { key, segment, ...read }: ReadSegment,
  call: Pick<LogAppendOptions, 'remainingMs' | 'dedupe'>,
): Promise<boolean> {
  const object = segmentKey(key, segment);
  const found = await retirer.burial(key, segment, { ...read, atMs: runtime.now() }, call);
  switch (found.kind) {
    case 'entombed':
      return false;
    case 'missing':
      throw new NotEntombed('SegmentMissing', `There is no object ${object}.`);
    case 'open':
      throw new NotEntombed('SegmentOpen', `${object} is not closed. Retire the log first.`);
    case 'changed':
      throw new NotEntombed(
        'SegmentChanged',
        `${object} has ${found.length} bytes (CRC-64 ${found.crc64}), and ${read.length} (${read.crc64}) were read. Read it again.`,
      );
    case 'tombstone':
      await put({ bucket, runtime }, object, found.object, {
        remainingMs: call.remainingMs,
        contentType: TOMBSTONE_TYPE,
      });
      return true;
  }
}
