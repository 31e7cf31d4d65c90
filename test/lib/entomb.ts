/** Ends a log and puts tombstones in its place, as a job does. */

import { segmentKey } from '../../lib/append/segment.ts';
import { entomb } from '../../lib/entomb.ts';
import type { Retirer } from '../../lib/retirer.ts';
import { systemRuntime } from '../../lib/runtime.ts';
import type { Bucket } from '../../lib/store/port.ts';

const CALL = { remainingMs: () => 30_000 };

/** What of a segment is told to `entomb`, as it is now. */
export async function readSegment(bucket: Bucket, key: string, segment: number) {
  const info = await bucket.head(segmentKey(key, segment), { timeoutMs: 10_000 });
  const jobs = [{ job: 'rows', output: 'tables/rows/' }];
  return { key, segment, length: info?.length ?? 0, crc64: info?.crc64 ?? 0n, jobs };
}

export async function entombLog(bucket: Bucket, retirer: Retirer, key: string): Promise<void> {
  const last = await retirer.retire(key, CALL);
  for (let segment = 0; segment <= (last ?? -1); segment++)
    await entomb(
      { retirer, bucket, runtime: systemRuntime() },
      await readSegment(bucket, key, segment),
      CALL,
    );
}
