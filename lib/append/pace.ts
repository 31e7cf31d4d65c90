/**
 * When to attempt an append to a log that others write too (PROTOCOL.md §4.8).
 *
 * Time is cut into slots a bit longer than a round trip, and the slots into cycles. Every commit line claims a slot of
 * the cycle for its writer; because an append is a compare-and-set, two writers never hold one slot for long. Each
 * appends in its own slot, so that together they attempt about once a round trip and mostly do not meet. Nothing
 * breaks if two clocks or views differ: a conflict is settled as always. A lone writer, and writers that rarely meet,
 * never wait.
 */
export interface Activity {
  readonly writer: string;
  /** Time of its commit, epoch milliseconds. */
  readonly atMs: number;
  readonly turn: Turn;
}

/** What a commit line claims for its writer. */
export interface Turn {
  /** Which slot of a cycle, from 0. */
  readonly slot: number;
  /** Length of a slot. */
  readonly slotMs: number;
}

/** The moment of a decision. */
export interface Moment {
  readonly nowMs: number;
  /** To the store, as this writer measured it. */
  readonly roundTripMs: number;
  /** How many conflicts this append has met. */
  readonly conflicts: number;
  /** From 0 to 1: spreads the writers that have no slot. */
  readonly dice: number;
}

/** A slot, in round trips: reading what is new and appending take one and a half, and both vary. */
const SLOT_ROUND_TRIPS = 1.8;
/** The slot of the last commit is kept while it is between these, so that all writers have the same. */
const SLOT_ROUND_TRIPS_MIN = 1.2;
const SLOT_ROUND_TRIPS_MAX = 2.4;
/** Others' commits a round trip from which on waiting one's turn is cheaper than conflicts. */
const BUSY_COMMITS_A_ROUND_TRIP = 0.25;
/** Time over which those are counted. */
const RATE_MS = 1000;
/** Older than this, activity says nothing about now. */
export const ACTIVE_MS_MAX = 10_000;
/** The claim of a writer that was not heard of for so many cycles is void. */
const CYCLES_MISSED_MAX = 3;
const ACTIVE_MS_MIN = 500;
/** A writer without a slot tries again within so many slots. */
const NEWCOMER_SLOTS_MAX = 8;
/** From so many slots a cycle on, a conflict costs so much time that it is worth a request to wait for a late commit. */
const AWAITED_CYCLE = 8;
/** The part of a slot in which it may still be taken. */
const SLOT_OPEN = 0.3;

/** How long `me` waits for its turn, in milliseconds; null if turns need not be taken. `activity` is oldest first. */
export function turnMs(activity: readonly Activity[], me: string, moment: Moment): number | null {
  if (isAlone(activity, me)) return null;
  const { nowMs, roundTripMs, conflicts, dice } = moment;
  const latestMs = latestOf(activity);
  if (nowMs - latestMs > ACTIVE_MS_MAX) return null;
  const others = activity.filter(({ writer, atMs }) => writer !== me && atMs > latestMs - RATE_MS);
  if ((others.length / RATE_MS) * roundTripMs < BUSY_COMMITS_A_ROUND_TRIP) return null;

  const claims = claimsOf(activity, latestMs);
  const slotMs = slotMsOf(activity, roundTripMs);
  const slot = claims.get(me);
  // Without a slot it pushes in, a little more spread out each time; its commit claims one.
  if (slot === undefined) return dice * slotMs * Math.min(NEWCOMER_SLOTS_MAX, 2 ** (conflicts + 1));
  const cycleMs = slotMs * cycleOf(claims);
  const sinceSlotMs = modulo(nowMs - slot * slotMs, cycleMs);
  return sinceSlotMs < slotMs * SLOT_OPEN ? 0 : cycleMs - sinceSlotMs;
}

/**
 * What the next commit of `me` claims: the slot it has, or else the first free one. It also moves there from a slot
 * beyond the number of writers, so that a cycle is no longer than it has to be.
 */
export function turnOf(activity: readonly Activity[], me: string, roundTripMs: number): Turn {
  if (isAlone(activity, me)) return { slot: 0, slotMs: slotMsOf(activity, roundTripMs) };
  const claims = claimsOf(activity, latestOf(activity));
  const taken = new Set(claims.values());
  const own = claims.get(me);
  let free = 0;
  while (taken.has(free)) free++;
  const slot = own !== undefined && own < claims.size ? own : free;
  return { slot, slotMs: slotMsOf(activity, roundTripMs) };
}

/**
 * Whether `me`, who read the log in the slot it has at `nowMs`, should read it once more: the writer of the slot before has
 * committed in every cycle and not yet in this one, so it is late, and an append now would meet its.
 */
export function awaitsAnother(activity: readonly Activity[], me: string, nowMs: number): boolean {
  if (isAlone(activity, me)) return false;
  const claims = claimsOf(activity, latestOf(activity));
  const own = claims.get(me);
  const cycle = cycleOf(claims);
  if (own === undefined || cycle < AWAITED_CYCLE) return false;
  const before = [...claims].find(([, slot]) => slot === modulo(own - 1, cycle))?.[0];
  const slotMs = activity.at(-1)?.turn.slotMs ?? 0;
  const cycleMs = slotMs * cycle;
  const startMs = nowMs - modulo(nowMs - own * slotMs, cycleMs);
  const lastMs = latestOf(activity.filter(({ writer }) => writer === before));
  return lastMs < startMs - 1.5 * slotMs && lastMs > startMs - cycleMs - 2.5 * slotMs;
}

/** The slot of each active writer. Of two that claim one, the later has lost it. */
function claimsOf(activity: readonly Activity[], latestMs: number): Map<string, number> {
  const highest = activity.reduce((most, { turn }) => Math.max(most, turn.slot), 0);
  const cycleMs = (activity.at(-1)?.turn.slotMs ?? 0) * powerOfTwo(highest + 1);
  const sinceMs = latestMs - Math.max(ACTIVE_MS_MIN, CYCLES_MISSED_MAX * cycleMs);
  const holders = new Map<number, string>();
  const claims = new Map<string, number>();
  for (const { writer, atMs, turn } of activity) {
    if (atMs < sinceMs) continue;
    const before = claims.get(writer);
    if (before !== undefined && before !== turn.slot && holders.get(before) === writer)
      holders.delete(before);
    if (!holders.has(turn.slot)) holders.set(turn.slot, writer);
    claims.set(writer, turn.slot);
  }
  for (const [writer, slot] of claims) if (holders.get(slot) !== writer) claims.delete(writer);
  return claims;
}

/** Slots a cycle: a power of two, so that it seldom changes, and then keeps everyone's place in the half of it. */
const cycleOf = (claims: ReadonlyMap<string, number>): number =>
  powerOfTwo(Math.max(0, ...claims.values()) + 1);

function slotMsOf(activity: readonly Activity[], roundTripMs: number): number {
  const last = activity.at(-1)?.turn.slotMs ?? 0;
  if (last >= SLOT_ROUND_TRIPS_MIN * roundTripMs && last <= SLOT_ROUND_TRIPS_MAX * roundTripMs) return last;
  return Math.max(1, Math.round(SLOT_ROUND_TRIPS * roundTripMs));
}

/** A lone writer pays nothing for any of this. */
const isAlone = (activity: readonly Activity[], me: string): boolean =>
  activity.every(({ writer }) => writer === me);

const latestOf = (activity: readonly Activity[]): number =>
  activity.reduce((latest, { atMs }) => Math.max(latest, atMs), Number.NEGATIVE_INFINITY);

const powerOfTwo = (least: number): number => 2 ** Math.ceil(Math.log2(least));

const modulo = (value: number, by: number): number => ((value % by) + by) % by;
