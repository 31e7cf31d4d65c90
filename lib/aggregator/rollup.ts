/** Appends what the SQL of a rollup says of each window that a claim changed (PROTOCOL.md §10.5). */
import type { GroupState } from '../aggregate/fold.ts';
import type { Rollup } from '../aggregate/job.ts';
import { EXTENSION } from '../aggregate/output.ts';
import type { RowFile } from '../aggregate/ports.ts';
import type { Claim } from '../aggregate/records.ts';
import { revisionRecords } from '../aggregate/revision.ts';
import { keyTime } from '../aggregate/time.ts';
import type { CommittedPart } from '../aggregate/types.ts';
import { ProducerFenced } from '../append/errors.ts';
import type { LogRecord } from '../append/types.ts';
import { renderKey } from '../key.ts';
import { type Context, nameOf } from './context.ts';
import { partBytes } from './parts.ts';

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

export async function rollUp(context: Context, changed: Changed): Promise<void> {
  const { job, engine, workspace, calls, layout, runtime } = context;
  const { claim, group, files, earlier } = changed;
  const { rollup, format, columns } = job;
  if (rollup === null) return;
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
    const rows = await workspace.within(async (directory) => {
      const own = files.filter((file) => file.windowMs === windowMs).map(({ path }) => path);
      const paths: string[] = [];
      for (const part of earlier.filter((one) => one.windowMs === windowMs)) {
        const path = `${directory}/part-${paths.length}${EXTENSION[format]}`;
        await workspace.write(path, partBytes(calls, part));
        paths.push(path);
      }
      const all = [...paths, ...own];
      const none = all.length === 0 ? [await engine.empty({ format, columns, directory })] : [];
      return engine.rollup({
        files: [...all, ...none],
        directory,
        windowMs,
        window: job.window,
        columns,
        sql: rollup.sql,
        rowKey: rollup.rowKey,
      });
    });
    const records = revisionRecords({ job: job.name, windowMs, revision: claim.seq }, rows);
    await append(context, rollup, windowMs, records);
  }
}

async function append(
  { appender, calls, runtime, job }: Context,
  { into }: Rollup,
  windowMs: number,
  records: readonly LogRecord[],
): Promise<void> {
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
