/** P3 to P5 for one `raw` object, and the truth of its receipts and errors. */

import { type Delivery, nameOf } from './calls.ts';
import { fateOf, isLie, type ObjectOfRun, type Violation, wasThere } from './object.ts';
import type { Incarnation, Landing } from './oss.ts';

/** A payload in an object. */
interface Place {
  readonly incarnation: Incarnation;
  readonly landing: Landing;
  readonly start: number;
}

export function checkRaw(raw: ObjectOfRun): Violation[] {
  const places = new Map<string, Place[]>();
  const violations = (raw.segments[0]?.incarnations ?? []).flatMap((incarnation) =>
    readInto(places, raw, incarnation),
  );
  for (const call of raw.calls) {
    const there = places.get(payloadOf(call)) ?? [];
    violations.push(...checkCall(call, raw.calls, there));
  }
  if (raw.deleted) return violations;
  for (const payload of new Set(raw.calls.map(payloadOf))) {
    const calls = raw.calls.filter((call) => payloadOf(call) === payload);
    violations.push(...checkOnce(payload, calls, places.get(payload)?.length ?? 0));
  }
  violations.push(...checkOrder(raw.calls));
  return violations;
}

const payloadOf = ({ given }: Delivery): string => given[0]?.text ?? '';

/** Whether no other call has the same bytes. */
const isAlone = (call: Delivery, calls: readonly Delivery[]): boolean =>
  calls.every((other) => other === call || payloadOf(other) !== payloadOf(call));

const startOf = ({ outcome }: Delivery): number | null =>
  outcome?.kind === 'receipts' ? (outcome.receipts[0]?.start ?? null) : null;

/** Notes where the payloads are. P3, P4: all of it is whole payloads that were sent, and bytes of others. */
function readInto(
  places: Map<string, Place[]>,
  { key, calls }: ObjectOfRun,
  incarnation: Incarnation,
): Violation[] {
  const violations: Violation[] = [];
  const sent = new Set(calls.map(payloadOf));
  for (const landing of incarnation.landings) {
    if (landing.writer === null) continue;
    const text = incarnation.bytes.toString('latin1', landing.start, landing.end);
    let start = landing.start;
    for (const payload of text.match(/<[^>]*>|[^<]+/g) ?? []) {
      if (!sent.has(payload))
        violations.push(`P4: ${key} has bytes at ${start} that nobody sent: ${payload}`);
      const known = places.get(payload) ?? [];
      known.push({ incarnation, landing, start });
      places.set(payload, known);
      start += payload.length;
    }
  }
  return violations;
}

function checkCall(call: Delivery, calls: readonly Delivery[], places: readonly Place[]): Violation[] {
  const fate = fateOf(call);
  const name = nameOf(call);
  if (fate === 'not-in')
    return places
      .filter(({ incarnation, landing }) => isLie(call, incarnation, landing) && isAlone(call, calls))
      .map(({ start }) => `fate: call ${name} ended not-in, and its payload is in at ${start}`);
  if (fate !== 'in' || call.outcome?.kind !== 'receipts') return [];
  const [receipt, ...more] = call.outcome.receipts;
  if (receipt === undefined || more.length > 0) return [`receipt: call ${name} did not get one receipt`];
  const what = `call ${name} was told ${receipt.start}-${receipt.end}`;
  const is = places.some(({ incarnation, start }) => start === receipt.start && wasThere(incarnation, call));
  if (!is || Number(receipt.end) - Number(receipt.start) !== payloadOf(call).length)
    return [`receipt: ${what}, and its payload is not there`];
  if (call.ifPosition !== null && receipt.start !== call.ifPosition)
    return [`If-Match: ${what} and asked for ${call.ifPosition}`];
  return [];
}

/**
 * Deliveries of the same bytes cannot be told apart: one may be answered with where another is (PROTOCOL.md §4.4), so
 * as many are in as receipts name, and no more than were not refused. A delivery of its own bytes is in once.
 */
function checkOnce(payload: string, calls: readonly Delivery[], found: number): Violation[] {
  const least = new Set(calls.map(startOf).filter((start) => start !== null)).size;
  const most = calls.filter((call) => fateOf(call) !== 'not-in').length;
  if (found >= least && found <= most) return [];
  const told = calls.map((call) => `${nameOf(call)} ${fateOf(call)}`).join(', ');
  return [`P3: ${payload.slice(0, 20)} is in ${found} times (${told})`];
}

/** P5, between calls that cannot have been answered with another's bytes. */
function checkOrder(calls: readonly Delivery[]): Violation[] {
  const acknowledged = calls.flatMap((call) => {
    const start = startOf(call);
    return start === null || !isAlone(call, calls) ? [] : [{ call, start }];
  });
  return acknowledged.flatMap((one) =>
    acknowledged
      .filter((other) => one.call.endMs < other.call.submitMs && one.start >= other.start)
      .map(
        (other) =>
          `P5: ${nameOf(one.call)} was acknowledged before ${nameOf(other.call)} was sent, and comes after it`,
      ),
  );
}
