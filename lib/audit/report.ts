/** What an audit came to: for people to read and for programs, and what is signed off in the bucket. */
import type { Difference } from './comparer.ts';
import type { Fault } from './segment.ts';

export interface AuditReport {
  readonly v: 1;
  readonly target: string;
  /** When it began, epoch milliseconds; what was appended later was not looked at. */
  readonly atMs: number;
  /** Nothing is wrong. What no job has committed yet is not wrong. */
  readonly sound: boolean;
  readonly logs: LogTotals;
  readonly objects: readonly AuditedObject[];
  readonly jobs: readonly JobTotals[];
  /** How many things are wrong, and the first of them. */
  readonly faultCount: number;
  readonly faults: readonly Fault[];
}

export interface LogTotals {
  readonly bytes: number;
  readonly commits: number;
  /** What the commit lines say was accepted, and the data lines that are there. */
  readonly accepted: number;
  readonly stored: number;
  /** The sum of the stored records' content hashes, modulo 2⁶⁴, decimal. */
  readonly hash: string;
}

export interface AuditedObject {
  readonly key: string;
  readonly length: number;
  /** CRC-64/XZ of its bytes, decimal. */
  readonly crc64: string;
  readonly records: number;
  /** A tombstone: what it was is told by it, and not looked at. */
  readonly retired?: true;
}

export interface JobTotals {
  readonly job: string;
  /** Bytes of the logs that it has not committed yet. */
  readonly behindBytes: number;
  /** Of what it has committed: records of the logs, those with names of their own, and the rows that are there. */
  readonly records: number;
  readonly distinct: number;
  readonly rows: number;
  readonly rowsOfRetired: number;
  /** The sum of the rows' content hashes, modulo 2⁶⁴, decimal. */
  readonly hash: string;
}

/** Faults that a report tells of one by one. */
export const FAULTS_TOLD_MAX = 100;

/** The faults that differences are, with the place that the first of each is of. */
export function differenceFaults(
  job: string,
  found: Readonly<Record<'missing' | 'unknown' | 'twice', Difference>>,
): Fault[] {
  const say = (code: Fault['code'], { count, first }: Difference, what: string): Fault[] => {
    if (first === null) return [];
    const { object, start, record } = first;
    const message = `${count} ${what} of the job ${job}; the first is record ${record} of this append`;
    return [{ code, object, start, end: start, message }];
  };
  return [
    ...say('NotAggregated', found.missing, 'records that are committed have no row'),
    ...say('NotAccepted', found.unknown, 'rows are no record of the log, or not as it is there,'),
    ...say('AggregatedTwice', found.twice, 'rows are of records that have one already'),
  ];
}

/** A report as lines for people. */
export function reportLines(report: AuditReport): string[] {
  const { logs, objects, jobs, faults, faultCount } = report;
  const retired = objects.filter((object) => object.retired).length;
  const number = (value: number) => value.toLocaleString('en');
  return [
    `${report.target}: ${number(objects.length)} objects${retired > 0 ? ` (${number(retired)} of them tombstones)` : ''}, ${number(logs.bytes)} bytes, ${number(logs.commits)} commits`,
    `  accepted ${number(logs.accepted)}, stored ${number(logs.stored)} records; hash ${logs.hash}`,
    ...jobs.map(
      ({ job, records, distinct, rows, rowsOfRetired, behindBytes }) =>
        `  ${job}: ${number(rows)} rows of ${number(distinct)} records, ${number(records - distinct)} repeats${rowsOfRetired > 0 ? `; ${number(rowsOfRetired)} rows of retired objects` : ''}${behindBytes > 0 ? `; ${number(behindBytes)} bytes not committed yet` : ''}`,
    ),
    ...(faultCount === 0 ? ['  Nothing is wrong.'] : [`  ${number(faultCount)} things are wrong:`]),
    ...faults.map(
      ({ code, object, start, end, message }) =>
        `  ${object} ${start === end ? start : `${start}-${end}`}: ${code}: ${message}`,
    ),
    ...(faultCount > faults.length ? [`  … and ${number(faultCount - faults.length)} more`] : []),
  ];
}
