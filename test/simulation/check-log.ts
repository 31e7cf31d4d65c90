/** P2 to P5 for one log, all of its segments, and the truth of its receipts and errors. */
import { crc64 } from '../../infra/local/oss/crc64.ts';
import { readLog } from '../lib/append/reference.ts';
import { type Delivery, nameOf } from './calls.ts';
import { checkOnce, checkProducers } from './check-once.ts';
import { fateOf, isLie, type ObjectOfRun, type Segment, type Violation, wasThere } from './object.ts';
import type { Incarnation, Landing } from './oss.ts';
import { compare, type LogReceipt, nameIn, type Place, type Places, recordName } from './places.ts';

const LINE_END = 10;

export function checkLog(log: ObjectOfRun): Violation[] {
  const places = new Map<string, Place[]>();
  const violations = log.segments.flatMap((segment, number) =>
    segment.incarnations.flatMap((incarnation) => readInto(places, log, { ...segment, number }, incarnation)),
  );
  const receipts = log.calls.flatMap((call) => receiptsOf(call, places));
  for (const call of log.calls) {
    const mine = receipts.filter((receipt) => receipt.call === call);
    if (fateOf(call) === 'in' && mine.length !== call.given.length)
      violations.push(`receipt: call ${nameOf(call)} got ${mine.length} receipts`);
    violations.push(...checkCall(call, mine), ...checkFate(log, call, places));
  }
  for (const receipt of receipts) violations.push(...checkReceipt(log, receipt, places));
  violations.push(...checkOnce(log, places, receipts));
  if (!log.deleted) violations.push(...checkOrder(receipts), ...checkProducers(log, places));
  return violations;
}

/** Notes where the records of an incarnation are. P4: all of it is whole appends, and bytes of others. */
function readInto(
  places: Map<string, Place[]>,
  { calls, deleted }: ObjectOfRun,
  { key, number: segment }: Segment & { number: number },
  incarnation: Incarnation,
): Violation[] {
  const violations: Violation[] = [];
  const commits = new Map(readLog(incarnation.bytes).map((commit) => [commit.start, commit]));
  let closed = false;
  for (const landing of incarnation.landings) {
    if (landing.writer === null) continue;
    const commit = commits.get(landing.start);
    if (commit?.appendEnd !== landing.end) {
      violations.push(
        `P4: ${key} has an append at ${landing.start}-${landing.end} that a reader does not take`,
      );
      continue;
    }
    if (closed) violations.push(`P4: ${key} has an append at ${landing.start}, after it was closed`);
    closed ||= commit.closes;
    const { bytes } = incarnation;
    if (
      !deleted &&
      commit.start > 0 &&
      bytes[commit.start - 1] !== LINE_END &&
      bytes[commit.start] !== LINE_END
    )
      violations.push(`P4: the append at ${commit.start} of ${key} does not begin on a line of its own`);
    violations.push(
      ...incarnation.tombstones.flatMap((one) => checkTombstone(key, one, incarnation, landing)),
    );
    for (const [record, found] of commit.records.entries()) {
      const name = nameIn(found);
      const sent = calls.some(({ given }) =>
        given.some((one) => recordName(one) === name && one.text === found.line),
      );
      if (!sent)
        violations.push(`P4: ${key} has a record ${name} that nobody sent: ${found.line.slice(0, 40)}`);
      const known = places.get(name) ?? [];
      known.push({ segment, object: key, incarnation, landing, commit, record });
      places.set(name, known);
    }
  }
  return violations;
}

/** P4: what a tombstone tells of the bytes that it stands for has all of an append in it. */
function checkTombstone(
  key: string,
  tombstone: Buffer,
  { bytes }: Incarnation,
  { end }: Landing,
): Violation[] {
  const [first = ''] = tombstone.toString('utf8').split('\n');
  const { length, crc64: sum } = JSON.parse(first).$tombstone;
  if (end <= length && String(crc64(bytes.subarray(0, length))) === sum) return [];
  return [`P4: ${key} has a tombstone for ${length} bytes, and there was an append up to ${end}`];
}

function receiptsOf(call: Delivery, places: Places): LogReceipt[] {
  if (call.outcome?.kind !== 'receipts') return [];
  return call.outcome.receipts.flatMap((receipt, at) => {
    const given = call.given[at];
    if (!('record' in receipt) || given === undefined) return [];
    const name = recordName(given);
    const found = (places.get(name) ?? []).filter(
      ({ object, commit, record, incarnation }) =>
        (receipt.start === null ||
          (object === receipt.object &&
            commit.start === receipt.start &&
            commit.end === receipt.end &&
            record === receipt.record)) &&
        (receipt.repeat ? incarnation.fromMs <= call.endMs : wasThere(incarnation, call)),
    );
    // After a deletion the same bytes may be at the same place again: what is new is in the latest.
    return [{ ...receipt, name, call, place: found.at(receipt.repeat ? 0 : -1) ?? null }];
  });
}

function checkReceipt(log: ObjectOfRun, receipt: LogReceipt, places: Places): Violation[] {
  const { call, name, start, end, record, repeat, place } = receipt;
  const where = start === null ? 'in' : `record ${record} of ${receipt.object} ${start}-${end}`;
  const what = `call ${nameOf(call)} was told that ${name} is ${where}`;
  if (place === null) return [`receipt: ${what}, which it is not`];
  const { landing, incarnation } = place;
  const violations: Violation[] = [];
  if (start === null) {
    const known = places.get(name) ?? [];
    if (!repeat || !known.some((one) => one.landing.landedMs <= call.endMs))
      violations.push(`receipt: ${what}, without a place, and it is not there by its number`);
    return violations;
  }
  const later = landing.landedMs >= call.submitMs;
  if (!repeat && !later) violations.push(`receipt: ${what}, new, and it was there before`);
  if (!repeat && call.ifPosition !== null && !endsOf(log, place).includes(call.ifPosition))
    violations.push(`If-Match: ${what} and asked for ${call.ifPosition}`);
  // What came in during the call came from it, unless another call with the id was under way, or it has the id twice.
  const has = ({ given }: Delivery) => given.some((one) => recordName(one) === name);
  const twice = call.given.filter((one) => recordName(one) === name).length > 1;
  const others = log.calls.some(
    (other) => other !== call && other.submitMs <= landing.landedMs && has(other),
  );
  if (repeat && later && !twice && !others)
    violations.push(`receipt: ${what}, a repeat, and only this call sent it`);
  // At 0 there were no bytes to go by, so it does not matter which object they were not in.
  // Nor does it if the other object had the very same bytes: a call that is tried again writes them again.
  const basis = log.segments[place.segment]?.incarnations.find(
    ({ generation }) => generation === landing.basis,
  );
  const before = ({ bytes }: Incarnation) => bytes.subarray(0, landing.start);
  const gone = basis !== undefined && !before(basis).equals(before(incarnation));
  if (!repeat && landing.answered && gone && landing.confirmedMs > call.endMs)
    violations.push(`deletion: ${what}, and its writer went by bytes of an object that was gone`);
  return violations;
}

/** What may be meant by the end of the log that `place` was appended at: a receipt leaves out the checkpoint line. */
function endsOf({ segments }: ObjectOfRun, { segment, incarnation, commit }: Place): number[] {
  const before = readLog(incarnation.bytes).find(({ appendEnd }) => appendEnd === commit.start);
  const closed = commit.start === 0 ? segments[segment - 1]?.incarnations.at(-1) : undefined;
  const last = closed && readLog(closed.bytes).at(-1);
  return [commit.start, before?.end, last?.end].filter((end) => end !== undefined);
}

function checkCall(call: Delivery, receipts: readonly LogReceipt[]): Violation[] {
  const violations: Violation[] = [];
  for (const [at, { id, source }] of receipts.entries())
    if (id !== call.given[at]?.id || source !== call.given[at]?.source)
      violations.push(`receipt: receipt ${at} of call ${nameOf(call)} is for ${id}`);
  // P5, within a call.
  const fresh = receipts.filter(({ repeat }) => !repeat);
  for (const [at, receipt] of fresh.entries()) {
    const next = fresh[at + 1];
    if (next !== undefined && !isBefore(receipt, next))
      violations.push(`P5: call ${nameOf(call)} gave ${receipt.id} before ${next.id}, and they are not so`);
  }
  return violations;
}

function checkFate({ calls }: ObjectOfRun, call: Delivery, places: Places): Violation[] {
  if (fateOf(call) !== 'not-in') return [];
  /** Another call of the instance may have sent the same record. */
  const sentByOther = (name: string, { writer, sentMs }: Landing) =>
    calls.some(
      (other) =>
        fateOf(other) !== 'not-in' &&
        writer === other.instance &&
        other.submitMs <= sentMs &&
        sentMs <= other.endMs &&
        other.given.some((one) => recordName(one) === name),
    );
  return call.given
    .map(recordName)
    .flatMap((name) =>
      (places.get(name) ?? [])
        .filter(
          ({ incarnation, landing }) => isLie(call, incarnation, landing) && !sentByOther(name, landing),
        )
        .map(({ commit }) => `fate: call ${nameOf(call)} ended not-in, and ${name} is in at ${commit.start}`),
    );
}

/** P5, between calls: what was acknowledged before another was sent comes before it. */
function checkOrder(receipts: readonly LogReceipt[]): Violation[] {
  const fresh = receipts.filter(({ repeat }) => !repeat);
  return fresh.flatMap((one) =>
    fresh
      .filter((other) => one.call.endMs < other.call.submitMs && !isBefore(one, other))
      .map((other) => `P5: ${one.id} was acknowledged before ${other.id} was sent, and comes after it`),
  );
}

/** In the order of the log. What has no place is before nothing. */
function isBefore({ place: one }: LogReceipt, { place: other }: LogReceipt): boolean {
  return one === null || other === null || compare(one, other) < 0;
}
