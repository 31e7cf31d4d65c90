/** P2 to P5 for one `log` object, and the truth of its receipts and errors. */
import { type ReferenceCommit, readLog } from '../lib/append/reference.ts';
import { fateOf, isLie, maySend, type ObjectOfRun, type Violation, wasThere } from './object.ts';
import type { Incarnation, Landing } from './oss.ts';
import { type Delivery, nameOf } from './run.ts';

const LINE_END = 10;

/** A record in an object. */
interface Place {
  readonly incarnation: Incarnation;
  readonly landing: Landing;
  readonly commit: ReferenceCommit;
  readonly record: number;
}

interface LogReceipt {
  readonly call: Delivery;
  readonly id: string;
  readonly start: number;
  readonly end: number;
  readonly record: number;
  readonly repeat: boolean;
  readonly place: Place | null;
}

export function checkLog(log: ObjectOfRun): Violation[] {
  const places = new Map<string, Place[]>();
  const violations = log.incarnations.flatMap((incarnation) => readInto(places, log, incarnation));
  const receipts = log.calls.flatMap((call) => receiptsOf(call, places));
  for (const call of log.calls) {
    const mine = receipts.filter((receipt) => receipt.call === call);
    if (fateOf(call) === 'in' && mine.length !== call.given.length)
      violations.push(`receipt: call ${nameOf(call)} got ${mine.length} receipts`);
    violations.push(...checkCall(call, mine), ...checkFate(log, call, places));
  }
  for (const receipt of receipts) violations.push(...checkReceipt(log, receipt));
  violations.push(...checkOnce(log, places, receipts));
  if (!log.deleted) violations.push(...checkOrder(receipts));
  return violations;
}

/** Notes where the records of an incarnation are. P4: all of it is whole appends, and bytes of others. */
function readInto(
  places: Map<string, Place[]>,
  { key, calls, deleted }: ObjectOfRun,
  incarnation: Incarnation,
): Violation[] {
  const violations: Violation[] = [];
  const commits = new Map(readLog(incarnation.bytes).map((commit) => [commit.start, commit]));
  for (const landing of incarnation.landings) {
    if (landing.writer === null) continue;
    const commit = commits.get(landing.start);
    if (commit?.end !== landing.end) {
      violations.push(
        `P4: ${key} has an append at ${landing.start}-${landing.end} that a reader does not take`,
      );
      continue;
    }
    const { bytes } = incarnation;
    if (
      !deleted &&
      commit.start > 0 &&
      bytes[commit.start - 1] !== LINE_END &&
      bytes[commit.start] !== LINE_END
    )
      violations.push(`P4: the append at ${commit.start} of ${key} does not begin on a line of its own`);
    for (const [record, { id, line }] of commit.records.entries()) {
      const sent = calls.some(({ given }) => given.some((one) => one.id === id && one.text === line));
      if (!sent) violations.push(`P4: ${key} has a record ${id} that nobody sent: ${line.slice(0, 40)}`);
      const known = places.get(id) ?? [];
      known.push({ incarnation, landing, commit, record });
      places.set(id, known);
    }
  }
  return violations;
}

function receiptsOf(call: Delivery, places: ReadonlyMap<string, readonly Place[]>): LogReceipt[] {
  if (call.outcome?.kind !== 'receipts') return [];
  return call.outcome.receipts.flatMap((receipt) => {
    if (!('record' in receipt)) return [];
    const found = (places.get(receipt.id) ?? []).filter(
      ({ commit, record, incarnation }) =>
        commit.start === receipt.start &&
        commit.end === receipt.end &&
        record === receipt.record &&
        (receipt.repeat ? incarnation.fromMs <= call.endMs : wasThere(incarnation, call)),
    );
    // After a deletion the same bytes may be at the same place again: what is new is in the latest.
    return [{ ...receipt, call, place: found.at(receipt.repeat ? 0 : -1) ?? null }];
  });
}

function checkReceipt(log: ObjectOfRun, { call, id, start, end, record, repeat, place }: LogReceipt) {
  const what = `call ${nameOf(call)} was told that ${id} is record ${record} of ${start}-${end}`;
  if (place === null) return [`receipt: ${what}, which it is not`];
  const { landing, incarnation } = place;
  const violations: Violation[] = [];
  const later = landing.landedMs >= call.submitMs;
  if (!repeat && !later) violations.push(`receipt: ${what}, new, and it was there before`);
  if (!repeat && call.ifPosition !== null && start !== call.ifPosition)
    violations.push(`If-Match: ${what} and asked for ${call.ifPosition}`);
  // What came in during the call came from it, unless another call with the id was under way, or it has the id twice.
  const twice = call.given.filter((one) => one.id === id).length > 1;
  const others = log.calls.some(
    (other) =>
      other !== call && other.submitMs <= landing.landedMs && other.given.some((one) => one.id === id),
  );
  if (repeat && later && !twice && !others)
    violations.push(`receipt: ${what}, a repeat, and only this call sent it`);
  // At 0 there were no bytes to go by, so it does not matter which object they were not in.
  const gone = landing.start > 0 && landing.basis !== null && landing.basis !== incarnation.generation;
  if (!repeat && landing.answered && gone && landing.confirmedMs > call.endMs)
    violations.push(`deletion: ${what}, and its writer went by bytes of an object that was gone`);
  return violations;
}

function checkCall(call: Delivery, receipts: readonly LogReceipt[]): Violation[] {
  const violations: Violation[] = [];
  for (const [at, { id }] of receipts.entries())
    if (id !== call.given[at]?.id)
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

function checkFate(
  { calls }: ObjectOfRun,
  call: Delivery,
  places: ReadonlyMap<string, readonly Place[]>,
): Violation[] {
  if (fateOf(call) !== 'not-in') return [];
  /** Another call of the instance may have sent the same record. */
  const sentByOther = (id: string | null, landing: Landing) =>
    calls.some(
      (other) =>
        fateOf(other) !== 'not-in' && maySend(other, landing) && other.given.some((one) => one.id === id),
    );
  return call.given.flatMap(({ id }) =>
    (places.get(id ?? '') ?? [])
      .filter(({ incarnation, landing }) => isLie(call, incarnation, landing) && !sentByOther(id, landing))
      .map(({ commit }) => `fate: call ${nameOf(call)} ended not-in, and ${id} is in at ${commit.start}`),
  );
}

/** P2. Two places of an id are one too many, unless the first was out of the window when the second came. */
function checkOnce(
  log: ObjectOfRun,
  places: ReadonlyMap<string, readonly Place[]>,
  receipts: readonly LogReceipt[],
): Violation[] {
  const violations: Violation[] = [];
  for (const [id, all] of places) {
    const senders = log.calls.filter(({ given }) => given.some((one) => one.id === id));
    for (const [at, place] of all.entries()) {
      const next = all[at + 1];
      if (next === undefined || next.incarnation !== place.incarnation) continue;
      const inWindow = place.commit.lineStart >= next.commit.start - log.windowBytes;
      const ofOneCall = senders.some((call) => maySend(call, place.landing) && maySend(call, next.landing));
      const acknowledged = [place, next].every((one) =>
        receipts.some((receipt) => receipt.place === one && !receipt.repeat),
      );
      if (log.deleted ? acknowledged && inWindow : inWindow || (ofOneCall && senders.length === 1))
        violations.push(`P2: ${id} is in ${log.key} at ${place.commit.start} and at ${next.commit.start}`);
    }
  }
  // Whoever sent an append alone may call its records new; two instances cannot both have.
  for (const one of receipts) {
    const rival = receipts.find(
      (other) => !one.repeat && !other.repeat && other.place === one.place && other.id === one.id,
    );
    if (rival !== undefined && rival.call.instance !== one.call.instance)
      violations.push(`receipt: two instances were told that they put ${one.id} in at ${one.start}`);
  }
  return violations;
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

const isBefore = (one: LogReceipt, other: LogReceipt): boolean =>
  one.start < other.start || (one.start === other.start && one.record < other.record);
