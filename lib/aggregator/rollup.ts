/** Writes what the SQL of a rollup says of each window that a claim changed (PROTOCOL.md §10.5). */
import type { GroupState } from '../aggregate/fold.ts';
import type { RowsTarget } from '../aggregate/job.ts';
import { CONTENT_TYPE, type Directory, EXTENSION } from '../aggregate/output.ts';
import type { RollupWork, RowFile } from '../aggregate/ports.ts';
import type { Claim } from '../aggregate/records.ts';
import { revisionRecords } from '../aggregate/revision.ts';
import { keyTime } from '../aggregate/time.ts';
import type { CommittedPart } from '../aggregate/types.ts';
import { ProducerFenced } from '../append/errors.ts';
import { renderKey } from '../key.ts';
import { type Context, nameOf } from './context.ts';
import { overwrite, partBytes, putParts } from './parts.ts';

/** Rows of one append. A revision of more takes several; `rows` tells a reader how many it has. */
const ROWS_MAX = 5000;

export interface Changed {
  readonly claim: Claim;
  /** The group before the claim, and those of its parts that count beside the new ones. */
  readonly group: GroupState;
  readonly earlier: readonly CommittedPart[];
  /** The new rows. */
  readonly files: readonly RowFile[];
}

/** The files that it put; none of a job without rollup, nor of one into a log. */
export async function rollUp(context: Context, changed: Changed): Promise<CommittedPart[]> {
  const { job, engine, workspace, calls, layout, runtime } = context;
  const { claim, group, files, earlier } = changed;
  const { rollup, format, columns } = job;
  const put: CommittedPart[] = [];
  if (rollup === null) return put;
  const { sql, rowKey, into } = rollup;
  // What had rows before a rebuild, and has none now, is told as well.
  const before = claim.rebuild ? group.parts : [];
  const windows = new Set([...files, ...before].map(({ windowMs }) => windowMs));
  const interval = layout.group(claim.group);
  for (const windowMs of [...windows].sort((one, other) => one - other)) {
    // Nobody but a forger writes a record to an object of another time; its window belongs to another group.
    if (interval === null || windowMs < interval.startMs || windowMs >= interval.endMs) {
      runtime.log.warn('job-window-elsewhere', { ...nameOf(context, claim), windowMs });
      continue;
    }
    await workspace.within(async (directory) => {
      const own = files.filter((file) => file.windowMs === windowMs).map(({ path }) => path);
      const paths: string[] = [];
      for (const part of earlier.filter((one) => one.windowMs === windowMs)) {
        const path = `${directory}/part-${paths.length}${EXTENSION[format]}`;
        await workspace.write(path, partBytes(calls, part));
        paths.push(path);
      }
      const all = [...paths, ...own];
      const none = all.length === 0 ? [await engine.empty({ format, columns, directory })] : [];
      const { window } = job;
      const work = { files: [...all, ...none], directory, windowMs, window, columns, sql, rowKey };
      if ('files' in into) {
        const where: Directory = { name: job.name, output: into.files, format: 'parquet' };
        put.push(...(await putRevision(context, where, changed, work)));
      } else await appendRevision(context, into, changed, work);
    });
  }
  return put;
}

/**
 * First nothing in the place of the revision before, then the new one: in between a window is missing, and never there
 * twice. A file is put before its claim is committed, so whoever is late with an earlier one finds its name taken.
 */
async function putRevision(
  context: Context,
  where: Directory,
  { claim, group }: Changed,
  work: RollupWork,
): Promise<CommittedPart[]> {
  const { engine } = context;
  const { windowMs, directory } = work;
  const file = await engine.rollupFile({ ...work, revision: claim.seq });
  const outdated = group.rollups.filter((one) => one.windowMs === windowMs);
  if (outdated.length > 0) {
    const empty = await engine.emptyLike({ file: file.path, directory });
    await overwrite(context, outdated, empty, CONTENT_TYPE[where.format]);
  }
  return putParts(context, where, claim, [file]);
}

async function appendRevision(
  { appender, calls, engine, runtime, job }: Context,
  into: RowsTarget,
  { claim }: Changed,
  work: RollupWork,
): Promise<void> {
  const { windowMs } = work;
  const rows = await engine.rollup(work);
  const records = revisionRecords({ job: job.name, windowMs, revision: claim.seq }, rows);
  const { contentType, dedupe, segmentBytesMax } = into;
  const key = renderKey(into.key, { timeMs: keyTime(windowMs) });
  const options = { remainingMs: calls.remainingMs, contentType, dedupe, segmentBytesMax };
  try {
    for (let at = 0; at < records.length; at += ROWS_MAX)
      await appender.appendRecords(key, records.slice(at, at + ROWS_MAX), options);
  } catch (error) {
    // A later claim is committed already, so this one is too, and its commit here will be void.
    if (!(error instanceof ProducerFenced)) throw error;
    runtime.log.info('job-revision-late', { job: job.name, windowMs });
  }
}
