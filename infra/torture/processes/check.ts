/**
 * Whether a run of processes kept the promises. It goes by the bytes that are in the objects, read by the independent
 * reader, and by what the source was told; it shares no code with the appender.
 *
 * - **P1**: every job was acknowledged in the end, and what was acknowledged is where its receipt says.
 * - **P2**: a record is in a log once, as far back as the dedupe window; a call puts no record in twice, window or not.
 * - **P3**: a raw payload is in as often as it was acknowledged, and at most once more for each call whose end is unknown.
 * - **P4**: an object is nothing but whole appends of what was sent.
 * - **P5**: records of a call keep their order; what was acknowledged before another was sent comes before it.
 * - **fate**: what a call says is not in never is. **receipt**: what it says of novelty is so. **error**: no call ends
 *   with anything but receipts, `NotAppended` or `OutcomeUnknown`; no fault of these runs makes another error.
 */
import { type ReferenceCommit, readLog } from '../../../test/lib/append/reference.ts';
import { checkLog } from './check-log.ts';
import { checkRaw } from './check-raw.ts';
import { type Delivery, type Evidence, type Job, nameOf, type Violation } from './evidence.ts';
import { logKeyOf, segmentsOf } from './segments.ts';

export interface Findings {
  readonly violations: readonly Violation[];
  /** Records that are in a log a second time because so many came between. No promise forbids it. */
  readonly outOfWindow: number;
  /** Appends to logs that landed. */
  readonly commits: number;
}

export function check(evidence: Evidence): Findings {
  const { deliveries, objects } = evidence;
  const violations = [...deliveries.flatMap(checkEnd), ...checkAcknowledged(deliveries)];
  const jobs = new Map(deliveries.map(({ job }) => [job.key, job]));
  for (const key of objects.keys())
    if (!jobs.has(key) && jobs.get(logKeyOf(key))?.format !== 'log')
      violations.push({ text: `P4: there is an object ${key} that nobody was asked for`, calls: [] });
  let outOfWindow = 0;
  let commits = 0;
  for (const [key, { format }] of jobs) {
    const calls = deliveries.filter(({ job }) => job.key === key);
    if (format === 'raw') {
      violations.push(...checkRaw({ key, bytes: objects.get(key) ?? new Uint8Array(), calls }));
      continue;
    }
    const segments = segmentsOf(objects.keys(), key).map((segment) => {
      const bytes = objects.get(segment) ?? new Uint8Array();
      return { key: segment, length: bytes.length, commits: commitsOf(segment, bytes, violations) };
    });
    const found = checkLog({ ...evidence, key, segments, calls });
    violations.push(...found.violations);
    outOfWindow += found.outOfWindow;
    commits += segments.reduce((sum, segment) => sum + segment.commits.length, 0);
  }
  return { violations, outOfWindow, commits };
}

function commitsOf(key: string, bytes: Uint8Array, violations: Violation[]): readonly ReferenceCommit[] {
  try {
    return readLog(bytes);
  } catch (error) {
    violations.push({
      text: `P4: ${key} has what no writer makes, and no reader takes: ${error}`,
      calls: [],
    });
    return [];
  }
}

const FATES: Readonly<Record<string, string>> = { NotAppended: 'not-in', OutcomeUnknown: 'unknown' };

function checkEnd(call: Delivery): Violation[] {
  const { outcome } = call;
  const text = (what: string) => [{ text: `error: call ${nameOf(call)} ${what}`, calls: [call] }];
  if (outcome === null) return text('has no end');
  if (outcome.kind !== 'error') return [];
  if (outcome.code === null) return text(`ended with what is no error of an append: ${outcome.message}`);
  if (FATES[outcome.code] === outcome.fate) return [];
  return text(`ended with ${outcome.code}, the payload ${outcome.fate}: ${outcome.message}`);
}

function checkAcknowledged(deliveries: readonly Delivery[]): Violation[] {
  const calls = new Map<Job, Delivery[]>();
  for (const call of deliveries) {
    const known = calls.get(call.job);
    if (known === undefined) calls.set(call.job, [call]);
    else known.push(call);
  }
  return [...calls].flatMap(([{ index }, all]) =>
    all.some(({ outcome }) => outcome?.kind === 'receipts')
      ? []
      : [{ text: `P1: job ${index} was never acknowledged, in ${all.length} calls`, calls: all }],
  );
}
