/** P1, P3, P4 and P5 for one raw object, and the truth of its receipts and errors. */
import { disorder } from './disorder.ts';
import { type Delivery, fateOf, nameOf, payloadOf, type Violation } from './evidence.ts';

export interface RawEvidence {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly calls: readonly Delivery[];
}

export function checkRaw({ key, bytes, calls }: RawEvidence): Violation[] {
  const violations: Violation[] = [];
  const senders = new Map<string, Delivery[]>();
  for (const call of calls) {
    const payload = payloadOf(call);
    const known = senders.get(payload);
    if (known === undefined) senders.set(payload, [call]);
    else known.push(call);
  }
  const places = new Map<string, Set<number>>();
  let at = 0;
  // One character a byte. A payload ends with `>`; what begins with anything else than `<` is none.
  const object = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  for (const [piece] of object.matchAll(/<[^<>]*>?|[^<]+/g)) {
    if (!senders.has(piece)) {
      const text = `P4: ${key} has ${piece.length} bytes at ${at} that nobody sent: ${piece.slice(0, 40)}`;
      violations.push({ text, calls: [] });
    }
    const known = places.get(piece) ?? new Set();
    places.set(piece, known.add(at));
    at += piece.length;
  }
  for (const [payload, sent] of senders) {
    const there = places.get(payload) ?? new Set();
    for (const call of sent) violations.push(...checkReceipt(key, call, payload, there));
    violations.push(...checkTimes(key, payload, sent, there.size));
  }
  // Where several calls have the same bytes, one may have been answered with where another's are.
  const alone = [...senders.values()].flatMap((sent) => (sent.length === 1 ? sent : []));
  const acknowledged = alone.flatMap((call) => {
    const start = startOf(call);
    return start === null ? [] : [{ call, start }];
  });
  for (const [one, other] of disorder(acknowledged, ({ start }) => start))
    violations.push({
      text: `P5: ${nameOf(one.call)} was acknowledged before ${nameOf(other.call)} was sent, and comes after it in ${key}`,
      calls: [one.call, other.call],
    });
  return violations;
}

const startOf = ({ outcome }: Delivery): number | null =>
  outcome?.kind === 'receipts' ? (outcome.receipts[0]?.start ?? null) : null;

function checkReceipt(key: string, call: Delivery, payload: string, there: ReadonlySet<number>): Violation[] {
  if (call.outcome?.kind !== 'receipts') return [];
  const [receipt, ...more] = call.outcome.receipts;
  const name = nameOf(call);
  if (receipt === undefined || more.length > 0)
    return [{ text: `receipt: call ${name} did not get one receipt`, calls: [call] }];
  const { object, start, end } = receipt;
  if (object === key && start !== null && there.has(start) && end === start + payload.length) return [];
  return [
    {
      text: `P1: call ${name} was told ${object} ${start}-${end}, and its payload is not there (it is at ${[...there].join(', ') || 'no place'})`,
      calls: [call],
    },
  ];
}

/** As many are in as receipts name, and no more than calls may have put there. */
function checkTimes(
  key: string,
  payload: string,
  calls: readonly Delivery[],
  found: number,
): readonly Violation[] {
  const least = new Set(calls.map(startOf).filter((start) => start !== null)).size;
  const most = calls.filter((call) => fateOf(call) !== 'not-in').length;
  if (found >= least && found <= most) return [];
  const told = calls.map((call) => `${nameOf(call)} ${fateOf(call)}`).join(', ');
  return [{ text: `P3: ${payload.slice(0, 20)} is in ${key} ${found} times (${told})`, calls }];
}
