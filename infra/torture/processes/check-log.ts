/** P1, P2, P4 and P5 for one log, over all of its segments, and the truth of its receipts and errors. */
import type { ReferenceCommit } from '../../../test/lib/append/reference.ts';
import { disorder } from './disorder.ts';
import { type Delivery, fateOf, lineOf, nameOf, type ReceiptData, type Violation } from './evidence.ts';

export interface LogEvidence {
  readonly key: string;
  /** In order. */
  readonly segments: readonly Segment[];
  readonly calls: readonly Delivery[];
  readonly windowRecords: number;
  readonly segmentBytesMax: number;
}

export interface Segment {
  readonly key: string;
  /** Bytes. */
  readonly length: number;
  readonly commits: readonly ReferenceCommit[];
}

/** A record in the log. */
interface Place {
  readonly object: string;
  readonly commit: ReferenceCommit;
  /** Which data line of the commit it is. */
  readonly record: number;
  /** Records of the whole log before this one, and before its commit. */
  readonly index: number;
  readonly commitIndex: number;
  /** The delivery that its bytes come from. */
  readonly from: Delivery;
}

interface Told {
  readonly call: Delivery;
  readonly id: string;
  readonly receipt: ReceiptData;
  readonly place: Place;
}

export function checkLog(log: LogEvidence): { violations: Violation[]; outOfWindow: number } {
  const violations = log.segments.flatMap((segment, at) =>
    checkSegment(segment, log.segments[at + 1] ?? null, log.segmentBytesMax),
  );
  const places = new Map<string, Place[]>();
  violations.push(...readInto(places, log));
  const told: Told[] = [];
  for (const call of log.calls) violations.push(...checkCall(call, places, told));
  const once = checkOnce(log, places);
  violations.push(...once.violations, ...checkOrder(told));
  return { violations, outOfWindow: once.outOfWindow };
}

/** P4: a segment is one append after the other; the one that makes it long enough closes it, and the next goes on. */
function checkSegment(segment: Segment, next: Segment | null, bytesMax: number): Violation[] {
  const { key, length, commits } = segment;
  const violations: Violation[] = [];
  const say = (text: string) => violations.push({ text: `P4: ${text}`, calls: [] });
  let end = 0;
  let closed = false;
  for (const commit of commits) {
    if (commit.start !== end) say(`${key} has bytes at ${end}-${commit.start} that are no append`);
    if (closed) say(`${key} has an append at ${commit.start}, and was closed before`);
    if (commit.closes !== commit.end >= bytesMax)
      say(`${key} is ${commit.closes ? '' : 'not '}closed at ${commit.end}, with a limit of ${bytesMax}`);
    end = commit.appendEnd;
    closed ||= commit.closes;
  }
  if (length !== end) say(`${key} has bytes at ${end}-${length} that are no append`);
  if (next !== null && !closed) say(`${next.key} begins, and ${key} is not closed`);
  return violations;
}

/** Notes where the records are. P4: each was sent; fate: by a call that did not say that it is not in. */
function readInto(places: Map<string, Place[]>, { segments, calls }: LogEvidence): Violation[] {
  const violations: Violation[] = [];
  const byName = new Map(calls.map((call) => [nameOf(call), call]));
  let index = 0;
  for (const { key: object, commits } of segments) {
    for (const commit of commits) {
      const commitIndex = index;
      for (const [record, { id, line }] of commit.records.entries()) {
        const from = byName.get(nameIn(line));
        const where = `record ${record} of ${object} ${commit.start}-${commit.end}`;
        if (from === undefined || !from.job.ids.includes(id) || lineOf(from, id) !== line) {
          const text = `P4: ${where}, ${id}, is not what anybody sent: ${line.slice(0, 60)}`;
          violations.push({ text, calls: from === undefined ? [] : [from] });
        } else {
          if (fateOf(from) === 'not-in')
            violations.push({
              text: `fate: call ${nameOf(from)} ended not-in, and ${id} is ${where}`,
              calls: [from],
            });
          const known = places.get(id) ?? [];
          known.push({ object, commit, record, index, commitIndex, from });
          places.set(id, known);
        }
        index++;
      }
    }
  }
  return violations;
}

/** The delivery that a line says it is of. */
function nameIn(line: string): string {
  return /^\{"of":"(\d+\.\d+)"/.exec(line)?.[1] ?? '';
}

/** P1 and P5 of one call, and its receipts; what they name is added to `told`. */
function checkCall(call: Delivery, places: ReadonlyMap<string, readonly Place[]>, told: Told[]): Violation[] {
  if (call.outcome?.kind !== 'receipts') return [];
  const { receipts } = call.outcome;
  const name = nameOf(call);
  const { ids } = call.job;
  const violations: Violation[] = [];
  const say = (text: string, others: readonly Delivery[] = []) =>
    violations.push({ text, calls: [call, ...others] });
  if (receipts.length !== ids.length || receipts.some(({ id }, at) => id !== ids[at])) {
    const got = receipts.map(({ id }) => id).join(', ');
    say(`receipt: call ${name} sent ${ids.join(', ')} and got receipts for ${got}`);
    return violations;
  }
  let last: Place | null = null;
  for (const [at, id] of ids.entries()) {
    const receipt = receipts[at];
    if (receipt === undefined) continue;
    const there = places.get(id) ?? [];
    const place = there.find((one) => isAt(one, receipt));
    const where = `${receipt.object} ${receipt.start}-${receipt.end}`;
    if (place === undefined) {
      const others = there.map((one) => `${one.object} ${one.commit.start}`).join(', ');
      say(
        `P1: call ${name} was told that ${id} is record ${receipt.record} of ${where}, which it is not (${others || 'nor is it elsewhere'})`,
      );
      continue;
    }
    const own = place.from === call;
    if (receipt.repeat === own)
      say(
        own
          ? `receipt: call ${name} was told that ${id}, at ${where}, was there before, and put it there itself`
          : `receipt: call ${name} was told that it put ${id} in at ${where}, and ${nameOf(place.from)} did`,
        [place.from],
      );
    if (own && last !== null && last.index >= place.index)
      say(`P5: call ${name} sent ${id} after what now comes behind it, at ${where}`);
    if (own) last = place;
    told.push({ call, id, receipt, place });
  }
  return violations;
}

/** A receipt without a place says that the record is in, no more. */
const isAt = ({ object, commit, record }: Place, receipt: ReceiptData): boolean =>
  receipt.start === null ||
  (object === receipt.object &&
    commit.start === receipt.start &&
    commit.end === receipt.end &&
    record === receipt.record);

/** P2. Two places of an id are one too many, unless as many records as the window holds are between them. */
function checkOnce({ key, windowRecords }: LogEvidence, places: ReadonlyMap<string, readonly Place[]>) {
  const violations: Violation[] = [];
  let outOfWindow = 0;
  for (const [id, all] of places) {
    for (const [at, place] of all.entries()) {
      const next = all[at + 1];
      if (next === undefined) continue;
      const between = next.commitIndex - (place.commitIndex + place.commit.records.length);
      const ofOneCall = next.from === place.from;
      if (between >= windowRecords && !ofOneCall) {
        outOfWindow++;
        continue;
      }
      const where = [place, next].map(({ object, commit }) => `${object} ${commit.start}`).join(' and at ');
      violations.push({
        text: `P2: ${id} is in ${key} twice, at ${where}, ${Math.max(0, between)} records apart`,
        calls: [...new Set([place.from, next.from])],
      });
    }
  }
  return { violations, outOfWindow };
}

/** P5, between calls. */
function checkOrder(told: readonly Told[]): Violation[] {
  const fresh = told.filter(({ receipt }) => receipt.repeat === false);
  return disorder(fresh, ({ place }) => place.index).map(([one, other]) => ({
    text: `P5: ${one.id} was acknowledged before ${other.id} was sent, and comes after it`,
    calls: [one.call, other.call],
  }));
}
