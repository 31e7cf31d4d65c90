/** Where the records of a log are, and what makes them the same. */
import type { RecordReceipt } from '../../lib/append/types.ts';
import type { ReferenceCommit, ReferenceRecord } from '../lib/append/reference.ts';
import type { Delivery, Given } from './calls.ts';
import type { Incarnation, Landing } from './oss.ts';

/** A record in a log. */
export interface Place {
  /** Which segment. */
  readonly segment: number;
  readonly object: string;
  readonly incarnation: Incarnation;
  readonly landing: Landing;
  readonly commit: ReferenceCommit;
  readonly record: number;
}

export interface LogReceipt extends RecordReceipt {
  readonly call: Delivery;
  /** What it is for. */
  readonly name: string;
  readonly place: Place | null;
}

/** Where the records are, by their names. */
export type Places = ReadonlyMap<string, readonly Place[]>;

/** What makes records the same record. */
export const recordName = ({ source, id, numbered }: Given): string =>
  `${source}/${numbered?.epoch ?? ''}/${id}`;
export const nameIn = ({ source, epoch, id }: ReferenceRecord): string => `${source}/${epoch ?? ''}/${id}`;

/** By their order in the log. */
export const compare = (one: Place, other: Place): number =>
  one.segment - other.segment || one.commit.start - other.commit.start || one.record - other.record;
