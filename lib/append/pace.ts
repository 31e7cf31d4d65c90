/**
 * When to attempt an append to a log that others write too (PROTOCOL.md §4.8).
 *
 * Writers of a busy log go round: next is the one whose last turn is longest ago, by the order of the commits. Each
 * looks at the log a period after its last turn, and again if a writer before it is late. Clocks only help to keep even
 * distances. Nothing breaks if views differ: a conflict is settled as always. A lone writer, and writers that rarely
 * meet, never wait.
 */
export interface Activity {
  readonly writer: string;
  /** When its commit was made, by its own clock, epoch milliseconds. */
  readonly atMs: number;
  readonly turn: Turn;
}

/** What a commit line tells of its writer's turn. */
export interface Turn {
  /** To the store, as the writer measured it; tenths of a millisecond. */
  readonly roundTripMs: number;
  /** So many commits of the same turn are meant to follow. */
  readonly more: number;
}

/** The moment of a decision. */
export interface Moment {
  readonly nowMs: number;
  /** To the store, as this writer measured it. */
  readonly roundTripMs: number;
  /** How long ago it first saw the last commit that it knows. */
  readonly idleMs: number;
}

/** What to do before an append. */
export interface Approach {
  readonly waitMs: number;
  /** After that: read what is new. */
  readonly reads: boolean;
  /** Another commit is awaited: read again so often, until there is something new. */
  readonly everyMs: number | null;
}

export const AT_ONCE: Approach = { waitMs: 0, reads: false, everyMs: null };

/**
 * A slot, in round trips, for n writers: `least + perWriter / n`, `most` at most. One is from commit to commit, the
 * rest is for what varies: a late commit delays those after it. Few writers have time, many do not.
 */
const SLOT = { least: 1.45, perWriter: 6, most: 3 };
/** Others' commits a round trip from which on turns cost less than conflicts. */
const BUSY_COMMITS = 0.15;
/** If so many commits of others are to be expected, a read costs less than a conflict. */
const STALE_COMMITS = 0.7;
/** Time over which commits are counted. */
const RATE_MS = 1000;
/** Older than this, activity says nothing about now. */
export const ACTIVE_MS_MAX = 10_000;
/** Rounds without a turn after which a writer does not count any more. */
const ROUNDS_MISSED_MAX = 2;
/** A late writer is waited for until so many turns were taken by writers that had theirs after it. */
const OVERTAKEN_MAX = 2;
/** Fewer writers than this do not wait for a late one: a conflict costs them less. */
const AWAITING_WRITERS = 8;
/** From so many writers on, a late one is watched closely: time is short, and the requests are shared by many records. */
const WATCHING_WRITERS = 17;
/** How often, in round trips. */
const WATCH = 0.25;
/** From commit to commit while writers wait for each other, in round trips. */
const PASS = 1.4;
/** How far even distances may move a turn, in periods. */
const MOVED_MAX = 0.25;
/** A writer that has no turn yet tries again within so many slots. */
const NEWCOMER_SLOTS_MAX = 8;
/** Commits in one turn of a writer that always has more, and in a round of all. */
const TURN_COMMITS_MAX = 16;
const ROUND_COMMITS_MAX = 256;
/** Commits of one turn follow each other a bit faster than measured, so that the next writer is not late. */
const FOLLOWING = 0.9;
/** A writer goes, whoever's turn it is, after so many times that it was not its own: a clock may stand still. */
const TRIES_MAX = 32;

/** How to approach the next append. `tries`: times it was not its turn since its last commit. `dice`: from 0 to 1. */
export function approach(
  activity: readonly Activity[],
  me: string,
  moment: Moment & { readonly tries: number; readonly refilled: boolean; readonly dice: number },
): Approach {
  if (isAlone(activity, me)) return AT_ONCE;
  const { nowMs, roundTripMs, tries, refilled, dice } = moment;
  const ring = ringOf(activity, me, roundTripMs);
  const { mine, last, slotMs } = ring;
  if (refilled && mine !== null && last === mine && mine.more > 0) return AT_ONCE;
  const perMs = othersPerMs(activity, me, nowMs);
  if (perMs * roundTripMs < BUSY_COMMITS) {
    const reads = tries > 0 || (mine !== null && perMs * (nowMs - mine.startMs) > STALE_COMMITS);
    return { ...AT_ONCE, reads };
  }
  if (mine === null) {
    const slots = tries === 0 ? 0 : Math.min(NEWCOMER_SLOTS_MAX, 2 ** tries);
    return { waitMs: dice * slots * slotMs, reads: true, everyMs: null };
  }
  return {
    waitMs: untilTurnMs(ring, moment),
    reads: true,
    everyMs: nowMs > ring.dueMs && watches(ring, moment) ? WATCH * roundTripMs : null,
  };
}

/**
 * Whether `me` may append now. `fresh`: what it knows of the log was read after its last conflict, if it had one; if
 * not, whether it should read on.
 */
export function isTurn(
  activity: readonly Activity[],
  me: string,
  moment: Moment & { readonly tries: number; readonly conflicted: boolean; readonly fresh: boolean },
): boolean {
  const { nowMs, roundTripMs, idleMs, tries, conflicted, fresh } = moment;
  if (tries >= TRIES_MAX) return true;
  if (isAlone(activity, me) || othersPerMs(activity, me, nowMs) * roundTripMs < BUSY_COMMITS) return true;
  const ring = ringOf(activity, me, roundTripMs);
  // Without a turn it pushes in.
  if (ring.mine === null) return !conflicted;
  if (!fresh) return true;
  if (untilTurnMs(ring, moment) > 0 || isHeld(ring, idleMs)) return false;
  return ring.ahead === 0 || ring.writers < AWAITING_WRITERS || idleMs >= ring.ahead * ring.slotMs;
}

/** What the next commit of `me` tells. `refilled`: it always has more to append. */
export function turnOf(
  activity: readonly Activity[],
  me: string,
  { roundTripMs, refilled }: { readonly roundTripMs: number; readonly refilled: boolean },
): Turn {
  return {
    roundTripMs: Math.round(roundTripMs * 10) / 10,
    more: refilled ? commitsLeft(activity, me) - 1 : 0,
  };
}

/** Of the turn of `me`, the next one among them. */
function commitsLeft(activity: readonly Activity[], me: string): number {
  const last = activity.at(-1);
  if (last?.writer === me && last.turn.more > 0) return last.turn.more;
  const writers = new Set(activity.map(({ writer }) => writer)).add(me).size;
  return Math.max(1, Math.min(TURN_COMMITS_MAX, Math.floor(ROUND_COMMITS_MAX / writers)));
}

/** A turn that was taken: a commit, and those that it said would follow. */
interface Taken {
  readonly writer: string;
  readonly startMs: number;
  commits: number;
  more: number;
}

interface Ring {
  readonly last: Taken | undefined;
  readonly mine: Taken | null;
  readonly writers: number;
  readonly roundTripMs: number;
  readonly slotMs: number;
  /** When my turn is expected. */
  readonly dueMs: number;
  /** Writers that have their turn before me. */
  readonly ahead: number;
}

function ringOf(activity: readonly Activity[], me: string, ownRoundTripMs: number): Ring {
  const taken = takenTurns(activity);
  const last = taken.at(-1);
  /** The last turn of each active writer, the latest first. */
  const members = new Map<string, Taken>();
  let mine: Taken | null = null;
  let ahead = 0;
  let again = 0;
  for (let back = 0, own = 0; back < taken.length; back++) {
    const turn = taken[taken.length - 1 - back] as Taken;
    if (back > ROUNDS_MISSED_MAX * (members.size + 1) || own > ROUNDS_MISSED_MAX) break;
    if (turn.writer === me) own++;
    if (members.has(turn.writer)) {
      again++;
      continue;
    }
    members.set(turn.writer, turn);
    if (turn.writer === me) mine = turn;
    else if (mine !== null && again < OVERTAKEN_MAX) ahead++;
  }
  const writers = members.size + (mine === null ? 1 : 0);
  const trips = activity.slice(-members.size).map(({ turn }) => turn.roundTripMs);
  const roundTripMs = trips.sort((a, b) => a - b)[trips.length >> 1] ?? ownRoundTripMs;
  const slotMs = roundTripMs * Math.min(SLOT.most, SLOT.least + SLOT.perWriter / writers);
  const dueMs = mine === null ? 0 : dueOf([...members.values()], mine, { last, slotMs, roundTripMs });
  return { last, mine, writers, roundTripMs, slotMs, dueMs, ahead };
}

/** A period after my last turn, or later, so that I am a slot behind those before me; by clocks that can be right. */
function dueOf(
  members: readonly Taken[],
  mine: Taken,
  { last, slotMs, roundTripMs }: Pick<Ring, 'last' | 'slotMs' | 'roundTripMs'>,
): number {
  let periodMs = 0;
  for (const turn of members) {
    const commits = turn.commits + (turn === last ? turn.more : 0);
    periodMs += commits > 1 ? commits * roundTripMs * FOLLOWING : slotMs;
  }
  let beforeMs = Number.NEGATIVE_INFINITY;
  for (const { startMs } of members.slice(members.indexOf(mine) + 1).reverse()) {
    const sinceMs = mine.startMs - startMs;
    const plausible = sinceMs > -2 * slotMs && sinceMs < 1.5 * periodMs;
    beforeMs = Math.max(beforeMs + slotMs, plausible ? startMs + periodMs : Number.NEGATIVE_INFINITY);
  }
  const dueMs = mine.startMs + periodMs;
  return Math.max(dueMs, Math.min(beforeMs + slotMs, dueMs + MOVED_MAX * periodMs));
}

function takenTurns(activity: readonly Activity[]): Taken[] {
  const taken: Taken[] = [];
  for (const { writer, atMs, turn } of activity) {
    const last = taken.at(-1);
    if (last !== undefined && last.writer === writer && last.more > 0) {
      last.commits++;
      last.more = turn.more;
    } else taken.push({ writer, startMs: atMs, commits: 1, more: turn.more });
  }
  return taken;
}

/** How long to wait before the next look. */
function untilTurnMs(ring: Ring, { nowMs, idleMs }: Moment): number {
  const { dueMs, last, ahead, writers, slotMs, roundTripMs } = ring;
  // No round takes longer: a clock that says so went back.
  const roundMsMax = 2 * writers * slotMs + ROUND_COMMITS_MAX * roundTripMs;
  if (dueMs > nowMs && dueMs - nowMs < roundMsMax) return dueMs - nowMs;
  const more = isHeld(ring, idleMs) ? (last?.more ?? 0) - 1 : 0;
  const heldMs = Math.min(more * roundTripMs, 2 * slotMs) - idleMs;
  const passMs = writers < AWAITING_WRITERS ? 0 : (ahead - 1) * PASS * roundTripMs - idleMs;
  return Math.max(0, heldMs) + Math.max(0, passMs);
}

/** Whether another writer is in the middle of a turn: it said so, and there was no time yet to see that it is not. */
function isHeld({ last, mine, slotMs }: Ring, idleMs: number): boolean {
  return last !== undefined && last !== mine && last.more > 0 && idleMs < 2 * slotMs;
}

/** Whether the next commit is the last one before me. */
function watches(ring: Ring, { idleMs }: Moment): boolean {
  if (isHeld(ring, idleMs)) return ring.ahead === 0;
  return ring.ahead === 1 && ring.writers >= WATCHING_WRITERS;
}

/**
 * Commits of others a millisecond: those since a turn of mine, by my clock, or by the clocks of those that committed
 * more than once. Infinite if neither says anything, because then they have only just begun.
 */
function othersPerMs(activity: readonly Activity[], me: string, nowMs: number): number {
  let others = 0;
  let latestMs = Number.NEGATIVE_INFINITY;
  let spanMs = 0;
  const lastMs = new Map<string, number>();
  for (let at = activity.length - 1; at >= 0; at--) {
    const { writer, atMs } = activity[at] as Activity;
    latestMs = Math.max(latestMs, atMs);
    if (writer === me) {
      if (atMs <= nowMs - RATE_MS) return others / (nowMs - atMs);
    } else others++;
    if (!lastMs.has(writer)) lastMs.set(writer, atMs);
    spanMs = Math.max(spanMs, (lastMs.get(writer) ?? atMs) - atMs);
  }
  return nowMs - latestMs > ACTIVE_MS_MAX ? 0 : others / spanMs;
}

/** A lone writer pays nothing for any of this: hundreds of its commits are passed over, in a loop that V8 soon compiles. */
function isAlone(activity: readonly Activity[], me: string): boolean {
  for (const { writer } of activity) if (writer !== me) return false;
  return true;
}
