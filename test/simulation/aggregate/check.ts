/**
 * Whether the runs of a job kept the promises. It goes by the bytes that are in the source, read by the independent
 * reader, and by those in the parts.
 *
 * - **once**: at no moment a record is in two parts, or a row of a window in two files of a rollup.
 * - **complete**: in the end the parts have exactly the records that are in the source, each with the data of one of its
 *   occurrences, in its window.
 * - **log**: the job's log says so too: all is committed, sums are right, each part is what its commit says, and whoever
 *   begins with its last state knows what whoever reads all of it knows.
 * - **kept**: what retention removes is in the parts by then.
 * - **rollup**: of each window the highest revision says what its rows come to.
 * - **P7**: a run ends by its deadline and one request time-out. **error**: no error but those that say what happened.
 */
import { JobFold } from '../../../lib/aggregate/fold.ts';
import { parseRecord } from '../../../lib/aggregate/records.ts';
import { spanStart, timeText } from '../../../lib/aggregate/time.ts';
import { type ReferenceCommit, readLog } from '../../lib/append/reference.ts';
import type { Objects } from './bucket.ts';
import { countsOf, identityOf, type RolledUp, type Row } from './engine.ts';
import { keyOfWrite } from './job.ts';
import { partsOf, rolledUp } from './parts.ts';
import type { Write } from './scenario.ts';
import type { JobRun, OneRun } from './world.ts';

/** One broken promise, as a sentence that begins with its name. */
export type Violation = string;

export function checkJob(run: JobRun): readonly Violation[] {
  const found = run.twice.slice(0, 1).map((text) => `once: ${text}`);
  found.push(...run.lost.slice(0, 1).map((record) => `kept: ${record} was removed, and in no part`));
  if (!run.ended) found.push('P7: the runs did not come to an end');
  found.push(...run.runs.flatMap((one) => [...checkEnd(run, one), ...checkError(one)]));
  const truth = truthOf(run);
  found.push(...checkParts(run, truth), ...checkJobLog(run, truth));
  if (run.scenario.kind === 'rollup') found.push(...checkRollups(run, truth));
  return found;
}

/** Of each record in the source, all of its occurrences. */
type Truth = ReadonlyMap<string, readonly Row[]>;

function truthOf({ scenario, objects }: JobRun): Truth {
  const truth = new Map<string, Row[]>();
  const times = new Map<string, number>();
  for (const { index, records } of scenario.writes)
    for (const [n, { timeMs }] of records.entries()) times.set(JSON.stringify({ of: index, n }), timeMs);
  const familyOf = (write: Write) =>
    keyOfWrite(scenario, scenario.source.includes('{lane}') ? { ...write, lane: '*' } : write);
  const families = new Map(scenario.writes.map((write) => [keyOfWrite(scenario, write), familyOf(write)]));
  for (const key of objects.keys('in/')) {
    const bytes = objects.entombed.get(key) ?? objects.get(key)?.bytes ?? Buffer.alloc(0);
    const first = key.replace(/~\d{5}(?=\.ndjson$)/, '');
    const family = families.get(first) ?? first;
    for (const { records } of readLog(bytes))
      for (const { source, id, line } of records) {
        const identity = identityOf(family, { source, id, epoch: null });
        const row = { identity, source, timeMs: times.get(line) ?? Number.NaN, data: line };
        truth.set(identity, [...(truth.get(identity) ?? []), row]);
      }
  }
  return truth;
}

function checkParts({ objects, scenario }: JobRun, truth: Truth): Violation[] {
  const found: Violation[] = [];
  const seen = new Set<string>();
  for (const [key, rows] of partsOf(objects)) {
    for (const row of rows) {
      seen.add(row.identity);
      const occurrences = truth.get(row.identity) ?? [];
      if (!occurrences.some(({ data, timeMs }) => data === row.data && timeMs === row.timeMs))
        found.push(`complete: ${row.identity} in ${key} is not in the source like that`);
      const window = timeText(spanStart(row.timeMs, scenario.window)).replace('T', '-').replace(':', '-');
      if (!key.startsWith(`out/${window.slice(0, -1)}/`))
        found.push(`complete: ${row.identity} is in ${key}, and its window is ${window}`);
    }
  }
  for (const identity of truth.keys())
    if (!seen.has(identity)) found.push(`complete: ${identity} is in the source, and in no part`);
  return found;
}

function commitsOf(objects: Objects, key: string): ReferenceCommit[] {
  const { stem, extension } = /^(?<stem>.*)(?<extension>\.ndjson)$/.exec(key)?.groups ?? {};
  const segments = objects.keys(`${stem}~`).filter((one) => one.endsWith(extension ?? ''));
  return [key, ...segments].flatMap((one) => readLog(objects.get(one)?.bytes ?? Buffer.alloc(0)));
}

function checkJobLog({ objects, job }: JobRun, truth: Truth): Violation[] {
  const found: Violation[] = [];
  const whole = JobFold.empty();
  let short: JobFold | null = null;
  for (const { line } of commitsOf(objects, job.logKey).flatMap(({ records }) => records)) {
    const parsed = parseRecord(line);
    if (parsed === null) found.push(`log: no record: ${line}`);
    else if (parsed.record.type === 'state') short = JobFold.restored(parsed.record);
    else {
      whole.apply(parsed.record);
      short?.apply(parsed.record);
    }
  }
  const text = (fold: JobFold) =>
    JSON.stringify(fold.snapshot(), (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value));
  if (short !== null && text(short) !== text(whole))
    found.push('log: its state does not say what it comes to');
  const sums = { records: 0, rows: 0 };
  const covered = new Map<string, number>();
  for (const { group, open, ends, records, rows, repeats, parts, rollups } of whole.groups) {
    if (open !== null) found.push(`log: a claim of ${group} is open`);
    if (records !== rows + repeats) found.push(`log: the sums of ${group} do not add up`);
    sums.records += records;
    sums.rows += rows;
    for (const [object, to] of ends) covered.set(object, to);
    for (const { key, bytes, crc64 } of [...parts, ...rollups]) {
      const object = objects.get(key);
      if (object?.bytes.length !== bytes || object.crc64 !== crc64)
        found.push(`log: ${key} is not what its commit says`);
    }
  }
  for (const key of objects.keys('in/'))
    if (covered.get(key) !== (objects.entombed.get(key) ?? objects.get(key)?.bytes)?.length)
      found.push(`log: ${key} is not all committed`);
  const all = [...truth.values()].reduce((sum, occurrences) => sum + occurrences.length, 0);
  if (sums.records !== all) found.push(`log: commits cover ${sums.records} records of ${all}`);
  if (sums.rows !== truth.size) found.push(`log: commits tell of ${sums.rows} rows of ${truth.size} records`);
  return found;
}

function checkRollups({ objects, scenario }: JobRun, truth: Truth): Violation[] {
  const records = commitsOf(objects, 'stats/all.ndjson').flatMap((commit) => commit.records);
  const windows = new Map<string, RolledUp[]>();
  for (const one of [...records.map(({ line }): RolledUp => JSON.parse(line)), ...rolledUp(objects)])
    windows.set(one.window, [...(windows.get(one.window) ?? []), one]);
  const rows = [...partsOf(objects).values()].flat();
  const expected = new Map<string, Row[]>();
  for (const row of rows) {
    const window = timeText(spanStart(row.timeMs, scenario.window));
    expected.set(window, [...(expected.get(window) ?? []), row]);
  }
  const found: Violation[] = truth.size > 0 && rows.length === 0 ? ['rollup: nothing is rolled up'] : [];
  for (const window of new Set([...expected.keys(), ...windows.keys()])) {
    const all = windows.get(window) ?? [];
    const revision = Math.max(...all.map((one) => one.revision));
    const last = all.filter((one) => one.revision === revision);
    const told = last.filter(({ row }) => row !== null).map(({ row, n }) => [row, n]);
    const wanted = [...countsOf(expected.get(window) ?? [])].sort();
    if (JSON.stringify(told.sort()) !== JSON.stringify(wanted))
      found.push(`rollup: ${window} is ${JSON.stringify(told)} and should be ${JSON.stringify(wanted)}`);
    if (last.some((one) => one.rows !== wanted.length))
      found.push(`rollup: ${window} does not say how many rows it has`);
  }
  return found;
}

/** P7, with time that an instance was frozen for past the deadline not counted. */
function checkEnd({ scenario }: JobRun, { name, outcome, endMs, deadlineMs, thawedMs }: OneRun): Violation[] {
  if (outcome === null) return [`P7: ${name} never ended`];
  const latestMs = Math.max(deadlineMs, thawedMs) + scenario.requestTimeoutMs;
  return outcome === 'crashed' || endMs <= latestMs
    ? []
    : [`P7: ${name} ended ${(endMs - deadlineMs).toFixed(0)} ms after its time was up`];
}

/** What a run may end with. `OutputReplaced`, `OutputMissing`: the group was rebuilt meanwhile. */
const ERRORS = [
  'OutOfTime',
  'OutputMissing',
  'SourceRetired',
  'OutputReplaced',
  'UnknownGroup',
  'AppendRefused',
  'NotAppended',
  'OutcomeUnknown',
  'AccessDenied',
];

function checkError({ name, outcome }: OneRun): Violation[] {
  if (outcome === null || typeof outcome === 'string') return [];
  const { error } = outcome;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const isCalm = name.startsWith('quiet');
  if (!isCalm && ERRORS.includes(code)) return [];
  // Retention removed what a frozen run was reading, and it could not even give its claim up.
  if (!isCalm && code === 'SourceReplaced' && String(error).includes('were claimed')) return [];
  return [
    `error: ${name} ended with ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  ];
}
