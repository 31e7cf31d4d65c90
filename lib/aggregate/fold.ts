/**
 * What the records of a job's log come to, in their order (PROTOCOL.md §10.2). The order arbitrates: of two runs that
 * want the same bytes, the one whose claim comes first has them, and the other finds its own claim void.
 */
import type {
  Claim,
  ClaimCommit,
  GroupSnapshot,
  JobRecord,
  JobSnapshot,
  Release,
  Retired,
} from './records.ts';
import type { CommittedPart, Range } from './types.ts';

const HASH_BITS = 64;

export interface GroupState extends Omit<GroupSnapshot, 'ends'> {
  readonly ends: ReadonlyMap<string, number>;
}

/** Of a group that no claim was made in. */
const nothing = (group: string): GroupState => ({
  group,
  seq: 0,
  claimedMs: 0,
  open: null,
  ends: new Map(),
  retired: [],
  parts: [],
  rollups: [],
  records: 0,
  rows: 0,
  repeats: 0,
  hash: 0n,
});

export class JobFold {
  #layout: string | null;
  readonly #groups: Map<string, GroupState>;

  private constructor(layout: string | null, groups: Map<string, GroupState>) {
    this.#layout = layout;
    this.#groups = groups;
  }

  static empty(): JobFold {
    return new JobFold(null, new Map());
  }

  static restored({ layout, groups }: JobSnapshot): JobFold {
    const states = groups.map((group) => [group.group, { ...group, ends: new Map(group.ends) }] as const);
    return new JobFold(layout, new Map(states));
  }

  snapshot(): JobSnapshot {
    const groups = [...this.#groups.values()].map((group) => ({ ...group, ends: [...group.ends] }));
    return { type: 'state', layout: this.#layout, groups };
  }

  /** JSON of the job's layout, null if it has not begun. */
  get layout(): string | null {
    return this.#layout;
  }

  get groups(): Iterable<GroupState> {
    return this.#groups.values();
  }

  group(name: string): GroupState {
    return this.#groups.get(name) ?? nothing(name);
  }

  /** Takes the next record; false if it is void. */
  apply(record: JobRecord): boolean {
    if (record.type === 'state') return true; // it says what is known
    if (record.type === 'job') {
      if (this.#layout !== null) return false;
      this.#layout = record.layout;
      return true;
    }
    if (this.#layout === null) return false;
    const next = after(this.group(record.group), record);
    if (next !== null) this.#groups.set(record.group, next);
    return next !== null;
  }
}

/** The group after a record, null if the record is void. */
function after(group: GroupState, record: Claim | ClaimCommit | Release | Retired): GroupState | null {
  const { open } = group;
  switch (record.type) {
    case 'claim': {
      const isValid = open === null ? isNext(group, record) : takesOver(open, record);
      return isValid ? { ...group, seq: record.seq, claimedMs: record.atMs, open: record } : null;
    }
    case 'commit':
      return open?.seq === record.seq ? committed(group, open, record) : null;
    case 'release':
      if (open?.seq !== record.seq || open.run !== record.run) return null;
      return { ...group, open: { ...open, untilMs: 0 } };
    case 'retired': {
      const areCommitted = record.objects.every(({ object, length }) => group.ends.get(object) === length);
      if (open !== null || !areCommitted) return null;
      const objects = record.objects.map(({ object }) => object);
      return { ...group, retired: [...new Set([...group.retired, ...objects])] };
    }
  }
}

function isNext(group: GroupState, { seq, over, rebuild, ranges }: Claim): boolean {
  if (seq !== group.seq + 1 || over !== null || (rebuild && group.retired.length > 0)) return false;
  if (new Set(ranges.map(({ object }) => object)).size !== ranges.length) return false;
  return ranges.every(
    ({ object, from, to }) => from < to && from === (rebuild ? 0 : (group.ends.get(object) ?? 0)),
  );
}

/** Only from the run that has it: of two that want it, one gets it. */
function takesOver(open: Claim, claim: Claim): boolean {
  return (
    claim.seq === open.seq &&
    claim.over === open.run &&
    claim.rebuild === open.rebuild &&
    sameRanges(claim.ranges, open.ranges)
  );
}

function sameRanges(some: readonly Range[], others: readonly Range[]): boolean {
  return (
    some.length === others.length &&
    some.every((range, at) => {
      const other = others[at];
      return range.object === other?.object && range.from === other.from && range.to === other.to;
    })
  );
}

/** Whose commit it is does not matter: what a claim comes to is a function of the claim. */
function committed(group: GroupState, open: Claim, commit: ClaimCommit): GroupState {
  const before = open.rebuild ? { ...nothing(group.group), seq: group.seq } : group;
  const ends = new Map(before.ends);
  for (const { object, to } of open.ranges) ends.set(object, to);
  // A rebuild begins without parts, and still has to take away what was made of them.
  const rollups = new Map([...group.rollups, ...commit.rollups].map((file) => [file.windowMs, file]));
  return {
    ...before,
    claimedMs: group.claimedMs,
    open: null,
    ends,
    parts: [...before.parts, ...commit.parts] satisfies CommittedPart[],
    rollups: [...rollups.values()],
    records: before.records + commit.records,
    rows: before.rows + commit.rows,
    repeats: before.repeats + commit.repeats,
    hash: BigInt.asUintN(HASH_BITS, before.hash + commit.hash),
  };
}
