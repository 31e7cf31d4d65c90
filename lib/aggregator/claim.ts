/** Works on one claim: makes its parts and puts them, and has them rolled up (PROTOCOL.md §10.3). */
import type { GroupState } from '../aggregate/fold.ts';
import { bytesOf } from '../aggregate/plan.ts';
import type { Claim, ClaimCommit } from '../aggregate/records.ts';
import { type Context, nameOf } from './context.ts';
import { emptyParts, fetched, putParts } from './parts.ts';
import { rangeBytes } from './ranges.ts';
import { rollUp } from './rollup.ts';

/** Between two lines of the log that tell how far a claim is. */
const PROGRESS_MS = 5000;

/** What the claim comes to, with all of it durable but the commit. `group` is the group as it was before. */
export function workOn(context: Context, claim: Claim, group: GroupState): Promise<ClaimCommit> {
  const { job, calls, layout, engine, workspace, runtime } = context;
  const earlier = claim.rebuild ? [] : group.parts;
  return workspace.within((scratch) =>
    workspace.within(async (directory) => {
      const { files, records, repeats, hash, uncoveredBytes } = await engine.compact({
        ranges: claim.ranges.map((range) => rangeBytes(calls, layout, range)),
        earlier: fetched(context, earlier, scratch),
        window: job.window,
        columns: job.columns,
        sort: job.sort,
        format: job.format,
        directory,
        onProgress: progressOf(context, claim),
      });
      if (uncoveredBytes > 0)
        runtime.log.warn('job-bytes-uncovered', { ...nameOf(context, claim), bytes: uncoveredBytes });
      // First nothing, then the new ones: in between rows are missing, and never there twice.
      if (claim.rebuild) await emptyParts(context, group.parts, scratch);
      const parts = await putParts(context, job, claim, files);
      const rollups = await rollUp(context, { claim, group, files, earlier });
      const { seq, run } = claim;
      const rows = records - repeats;
      const tally = { records, rows, repeats, hash };
      return { type: 'commit', group: claim.group, seq, run, ...tally, parts, rollups };
    }),
  );
}

function progressOf(context: Context, claim: Claim): (bytes: number) => void {
  const { runtime } = context;
  const total = bytesOf(claim.ranges);
  let saidMs = runtime.monotonic();
  return (bytes) => {
    const nowMs = runtime.monotonic();
    if (nowMs - saidMs < PROGRESS_MS) return;
    saidMs = nowMs;
    runtime.log.info('job-progress', { ...nameOf(context, claim), bytes, total });
  };
}
