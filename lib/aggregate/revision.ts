/** The rows of a rollup as records of a log (PROTOCOL.md §10.5). */

import { jsonLine } from '../append/record.ts';
import type { LogRecord } from '../append/types.ts';
import { JobError } from './errors.ts';
import type { RolledUpRow } from './ports.ts';
import { keyTime, timeText } from './time.ts';

export interface Revision {
  readonly job: string;
  readonly windowMs: number;
  /** The seq of the claim. */
  readonly revision: number;
}

const OURS = ['window', 'revision', 'row', 'rows'];

/**
 * One record a row, and one that says so if there are none. They are numbered by a producer of the window's own, whose
 * epoch is the revision: what is appended again is recognised, and an earlier revision that comes late is fenced.
 */
export function revisionRecords(
  { job, windowMs, revision }: Revision,
  unordered: readonly RolledUpRow[],
): LogRecord[] {
  const window = timeText(windowMs);
  const rows = [...unordered].sort((one, other) => (one.key < other.key ? -1 : 1));
  const record = (text: string, number: number): LogRecord => ({
    line: jsonLine(text),
    id: String(number),
    source: `job/${job}/${window}`,
    timeMs: keyTime(windowMs),
    numbered: { number, epoch: revision },
  });
  if (rows.length === 0) return [record(JSON.stringify({ window, revision, row: null, rows: 0 }), 0)];
  return rows.map(({ key, json }, number) => {
    const taken = Object.keys(JSON.parse(json) as object).find((name) => OURS.includes(name));
    if (taken !== undefined)
      throw new JobError(
        'ReservedColumn',
        `The SQL of ${job} gives a column "${taken}", and every row has one of the job's: ${OURS.join(', ')}. Give it another name.`,
      );
    const ours = JSON.stringify({ window, revision, row: key, rows: rows.length });
    const theirs = json.trim().slice(1);
    return record(`${ours.slice(0, -1)}${theirs.trim() === '}' ? '' : ','}${theirs}`, number);
  });
}
