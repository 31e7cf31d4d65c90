import { digestOf } from './digest.ts';
import type { DigestedRecord, EncodedAppend } from './encode.ts';
import type { LogFold } from './fold.ts';
import { segmentKey } from './segment.ts';
import type { LogRecord, NamedBody, RecordReceipt } from './types.ts';
import type { Finding, Place } from './window.ts';

/**
 * Why a record may not be appended. `other-body`: another body is in under the name of its own, or about to be. `receipts`
 * tell what of that is known to be in.
 */
export type Refusal =
  | ({ readonly record: LogRecord } & Exclude<Finding, { verdict: 'new' | 'in' }>)
  | { readonly verdict: 'other-body'; readonly receipts: readonly RecordReceipt[] };

interface Attempted {
  readonly segment: number;
  readonly start: number;
  readonly end: number;
  readonly atMs: number;
}

/** The receipts of one call, filled in as its records are found in the log. */
export class Receipts {
  readonly #key: string;
  readonly #writer: string;
  /** In the order given; `digest` tells a record from the others of the call. */
  readonly #records: readonly DigestedRecord[];
  readonly #found = new Map<string, Place | null>();
  /** Appends of this call that landed or may have landed, by segment and start. */
  readonly #attempts = new Map<string, Attempted>();

  constructor(key: string, records: readonly LogRecord[], writer: string) {
    this.#key = key;
    this.#records = records.map((record) => ({ record, digest: nameOf(record) }));
    this.#writer = writer;
  }

  /** What was found is in an object that is no more. */
  forget(): void {
    this.#found.clear();
    this.#attempts.clear();
  }

  attempted({ segment }: LogFold, { commit, body }: EncodedAppend): void {
    const { start, atMs } = commit;
    this.#attempts.set(`${segment}/${start}`, { segment, start, end: start + body.length, atMs });
  }

  /** Where the first of the attempts that cover the end of `fold` ends, or infinity if there was none. */
  attemptEndAfter({ segment, end }: LogFold): number {
    let first = Number.POSITIVE_INFINITY;
    for (const attempt of this.#attempts.values())
      if (attempt.segment === segment && attempt.start <= end && end < attempt.end)
        first = Math.min(first, attempt.end);
    return first;
  }

  /** Notes which of the records are in, and where. */
  note(fold: LogFold): void {
    for (const { record, digest } of this.#records) {
      if (this.#found.has(digest)) continue;
      const finding = fold.find(record, digest);
      if (finding.verdict === 'in') this.#found.set(digest, finding.place);
    }
  }

  /**
   * The records that are still to be appended, each once, and the first that may not be, if any. The others are noted,
   * those behind one that may not be appended aside.
   */
  fresh(fold: LogFold): { records: DigestedRecord[]; refusal: Refusal | null } {
    const records = new Map<string, DigestedRecord>();
    /** Of each producer, the last of its records to be appended. */
    const last = new Map<string, { readonly epoch: number; readonly number: number }>();
    for (const digested of this.#records) {
      const { record, digest } = digested;
      if (this.#found.has(digest) || records.has(digest)) continue;
      const { source, numbered } = record;
      let finding = fold.find(record, digest);
      if (finding.verdict === 'in') {
        this.#found.set(digest, finding.place);
        continue;
      }
      const before = last.get(source);
      if (before !== undefined) finding = following(before, numbered);
      if (finding.verdict === 'fenced' || finding.verdict === 'gap')
        return { records: [], refusal: { ...finding, record } };
      records.set(digest, digested);
      if (numbered !== undefined && numbered.epoch !== null)
        last.set(source, { epoch: numbered.epoch, number: numbered.number });
    }
    const receipts = this.#ofAnotherBody(fold, records);
    if (receipts !== null) return { records: [], refusal: { verdict: 'other-body', receipts } };
    return { records: [...records.values()], refusal: null };
  }

  /** What is in of another body with the name of one of ours; null if none is, nor is about to be with `fresh`. */
  #ofAnotherBody(fold: LogFold, fresh: ReadonlyMap<string, DigestedRecord>): RecordReceipt[] | null {
    /** Whether the first record of a body is to be appended: then all have to be. */
    const goesIn = new Map<NamedBody, boolean>();
    for (const { record, digest } of this.#records) {
      const { body } = record;
      if (body === undefined) continue;
      // A call that shares this append may have the same ids.
      const isOwn = fresh.get(digest)?.record === record;
      const first = goesIn.get(body) ?? isOwn;
      if (first !== isOwn) return this.#inAlready();
      if (goesIn.has(body)) continue;
      goesIn.set(body, isOwn);
      for (const id of body.strangers) {
        const stranger = { ...record, id };
        const found = fold.find(stranger, nameOf(stranger));
        if (found.verdict === 'in') return [...this.#inAlready(), this.#receipt(stranger, found.place, true)];
        if (fresh.has(nameOf(stranger))) return this.#inAlready();
      }
    }
    return null;
  }

  all(): RecordReceipt[] {
    const receipts = this.#inAlready();
    if (receipts.length === this.#records.length) return receipts;
    throw new Error(`a record of ${this.#key} is neither in nor to be appended`);
  }

  /** Of the records that were found, in the order given. */
  #inAlready(): RecordReceipt[] {
    const given = new Set<string>();
    const receipts: RecordReceipt[] = [];
    for (const { record, digest } of this.#records) {
      const place = this.#found.get(digest);
      if (place === undefined) continue;
      // An earlier call of this writer may have tried the same place: it did so at another time.
      // A checkpoint does not tell the writer; what it tells is enough, since only one append is at a place.
      const attempt = place === null ? undefined : this.#attempts.get(`${place.segment}/${place.start}`);
      const ours =
        place !== null &&
        (place.writer === this.#writer || place.writer === '') &&
        attempt?.atMs === place.atMs &&
        attempt.end >= place.end;
      const repeat = !ours || given.has(digest);
      given.add(digest);
      receipts.push(this.#receipt(record, place, repeat));
    }
    return receipts;
  }

  #receipt({ id, source }: LogRecord, place: Place | null, repeat: boolean): RecordReceipt {
    if (place === null)
      return { object: this.#key, start: null, end: null, id, source, record: null, repeat };
    const { segment, start, end, record } = place;
    return { object: segmentKey(this.#key, segment), start, end, id, source, record, repeat };
  }
}

/** Whether a producer's next record in a call goes on from the one before it. */
function following(
  before: { readonly epoch: number; readonly number: number },
  numbered: LogRecord['numbered'],
): Finding {
  const { epoch, number } = numbered ?? { epoch: null, number: 0 };
  if (epoch === null || epoch > before.epoch) return { verdict: 'new' };
  if (epoch < before.epoch) return { verdict: 'fenced', epoch: before.epoch };
  const expected = before.number + 1;
  return number === expected ? { verdict: 'new' } : { verdict: 'gap', expected };
}

/** Records of one call with one name are one. */
function nameOf({ source, id, numbered }: LogRecord): string {
  return numbered === undefined ? digestOf(source, id) : `${source}\0${numbered.epoch}\0${numbered.number}`;
}
