/** What a job made of the records of an interval, against those records. */

import { JobError } from '../aggregate/errors.ts';
import type { GroupState } from '../aggregate/fold.ts';
import type { Job } from '../aggregate/job.ts';
import { EXTENSION } from '../aggregate/output.ts';
import type { CommittedPart } from '../aggregate/types.ts';
import type { Calls } from '../aggregator/calls.ts';
import { partBytes } from '../aggregator/parts.ts';
import type { Workspace } from '../aggregator/workspace.ts';
import type { Comparer, Comparison } from './comparer.ts';
import { differenceFaults } from './report.ts';
import type { Fault } from './segment.ts';

export interface OutputsAudit {
  readonly calls: Calls;
  readonly workspace: Workspace;
  readonly comparer: Comparer;
  readonly directory: string;
  /** Local file of facts, and the objects that it names by number. */
  readonly facts: string;
  readonly objects: readonly string[];
  /** Objects that are tombstones now. */
  readonly tombstones: ReadonlySet<string>;
  readonly onFault: (fault: Fault) => void;
}

const HASH_BITS = 64;

/** Of the groups of the interval; null if a file is not what the job's log says, so that there is nothing to compare. */
export async function auditOutputs(
  job: Job,
  groups: readonly GroupState[],
  audit: OutputsAudit,
): Promise<Comparison | null> {
  const { comparer, facts, directory, objects, tombstones, onFault } = audit;
  const ends = new Map(groups.flatMap((group) => [...group.ends]));
  const retired = new Set(groups.flatMap((group) => group.retired));
  for (const [object, end] of ends)
    if (!objects.includes(object) && !tombstones.has(object) && !retired.has(object))
      onFault({
        code: 'MissingObject',
        object,
        start: 0,
        end,
        message: `it is not there, and the job ${job.name} has rows of its first ${end} bytes`,
      });
  const files: string[] = [];
  try {
    for (const part of groups.flatMap((group) => group.parts)) {
      const file = `${directory}/part-${files.length}${EXTENSION[job.format]}`;
      if (!(await fetch(part, file, audit))) return null;
      files.push(file);
    }
    const found = await comparer.compare({
      facts,
      objects: objects.map((key, number) => ({ number, key, end: ends.get(key) ?? 0 })),
      files,
      directory,
    });
    for (const fault of differenceFaults(job.name, found)) onFault(fault);
    checkSums(job, groups, found, onFault);
    return found;
  } finally {
    for (const file of files) await audit.workspace.remove(file);
  }
}

/** False if the part is not what the job's log says of it. */
async function fetch(
  part: CommittedPart,
  file: string,
  { calls, workspace, onFault }: OutputsAudit,
): Promise<boolean> {
  try {
    await workspace.write(file, partBytes(calls, part));
    return true;
  } catch (error) {
    if (!(error instanceof JobError) || error.code !== 'OutputReplaced') throw error;
    onFault({ code: 'BadOutput', object: part.key, start: 0, end: part.bytes, message: error.message });
    return false;
  }
}

/** The commits tell how many rows there are, and the sum of their hashes. */
function checkSums(
  { name, logKey }: Job,
  groups: readonly GroupState[],
  { rows, hash }: Comparison,
  onFault: (fault: Fault) => void,
): void {
  const told = groups.reduce((sum, group) => sum + group.rows, 0);
  const toldHash = BigInt.asUintN(
    HASH_BITS,
    groups.reduce((sum, group) => sum + group.hash, 0n),
  );
  if (rows === told && hash === toldHash) return;
  const message = `the log of the job ${name} tells of ${told} rows with the hash ${toldHash}, and there are ${rows} with ${hash}`;
  onFault({ code: 'BadOutput', object: logKey, start: 0, end: 0, message });
}
