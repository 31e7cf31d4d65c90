/** P2: each record of a log is in it once, and a producer's records follow each other. */

import { maySend, type ObjectOfRun, type Violation } from './object.ts';
import { compare, type LogReceipt, type Place, type Places, recordName } from './places.ts';

/** Two places of a record are one too many, unless the first was forgotten when the second came. */
export function checkOnce(log: ObjectOfRun, places: Places, receipts: readonly LogReceipt[]): Violation[] {
  const violations: Violation[] = [];
  const commits = commitsOf(places);
  for (const [name, all] of places) {
    const senders = log.calls.filter(({ given }) => given.some((one) => recordName(one) === name));
    for (const [at, place] of all.entries()) {
      const next = all[at + 1];
      if (next === undefined || (next.segment === place.segment && next.incarnation !== place.incarnation))
        continue;
      const inWindow = isRemembered(log, commits, place, next);
      const ofOneCall = senders.some((call) => maySend(call, place.landing) && maySend(call, next.landing));
      const acknowledged = [place, next].every((one) =>
        receipts.some((receipt) => receipt.place === one && !receipt.repeat),
      );
      if (log.deleted ? acknowledged && inWindow : inWindow || (ofOneCall && senders.length === 1))
        violations.push(
          `P2: ${name} is in ${place.object} at ${place.commit.start} and in ${next.object} at ${next.commit.start}`,
        );
    }
  }
  // Whoever sent an append alone may call its records new; two instances cannot both have.
  for (const one of receipts) {
    const rival = receipts.find(
      (other) => !one.repeat && !other.repeat && other.place === one.place && other.name === one.name,
    );
    if (rival !== undefined && rival.call.instance !== one.call.instance)
      violations.push(`receipt: two instances were told that they put ${one.name} in at ${one.start}`);
  }
  return violations;
}

/** Within an epoch a producer's numbers follow each other, and no epoch comes after a later one. */
export function checkProducers({ dedupe }: ObjectOfRun, places: Places): Violation[] {
  const all = [...places.values()].flat().sort(compare);
  // A log with a small window forgets producers, too.
  if (dedupe.records < RANGES_ENOUGH) return [];
  const violations: Violation[] = [];
  const last = new Map<string, { epoch: number; number: number }>();
  for (const { commit, record, object } of all) {
    const { source, epoch, id } = commit.records[record] ?? { source: '', id: '' };
    if (epoch === undefined) continue;
    const before = last.get(source);
    const number = Number(id);
    last.set(source, { epoch, number });
    if (before === undefined || epoch > before.epoch) continue;
    if (epoch < before.epoch || number !== before.number + 1)
      violations.push(
        `producer: ${object} has ${source}/${epoch}/${id} at ${commit.start}, after ${before.epoch}/${before.number}`,
      );
  }
  return violations;
}

/** No run of the simulation has so many ranges. */
const RANGES_ENOUGH = 1000;

/** The commits of a log, in order, by any of their records. */
function commitsOf(places: Places): Place[] {
  const all = [...places.values()].flat().sort(compare);
  return all.filter(({ commit }, at) => all[at - 1]?.commit !== commit);
}

/** Whether the log remembered what is at `place` when `next` came (PROTOCOL.md §4.1). */
function isRemembered(
  { dedupe }: ObjectOfRun,
  commits: readonly Place[],
  place: Place,
  next: Place,
): boolean {
  if (place.commit.records[place.record]?.numbered === true) return dedupe.records >= RANGES_ENOUGH;
  const until = commits.filter(({ incarnation, segment, commit }) =>
    segment === place.segment
      ? incarnation === place.incarnation && (segment < next.segment || commit.start < next.commit.start)
      : segment < next.segment || (segment === next.segment && commit.start < next.commit.start),
  );
  const after = until.filter(
    (one) =>
      one.segment > place.segment || (one.segment === place.segment && one.commit.start > place.commit.start),
  );
  const records = after.reduce(
    (sum, { commit }) => sum + commit.records.filter(({ numbered }) => !numbered).length,
    0,
  );
  if (records === 0) return true; // the last commit with ids is never forgotten
  const latestMs = Math.max(...until.map(({ commit }) => commit.atMs));
  const isYoung = dedupe.ageMs === null || place.commit.atMs >= latestMs - dedupe.ageMs;
  return records < dedupe.records && isYoung;
}
