import {
  type AppendError,
  type AppendErrorDetail,
  AppendRefused,
  type CodeRule,
  IdempotencyMismatch,
  NotAppended,
  OutcomeUnknown,
  PositionMismatch,
  ProducerFenced,
  ruleOf,
  SequenceGap,
} from './errors.ts';
import type { Activity } from './pace.ts';
import { type ByteLength, type Position, position, type RecordReceipt } from './types.ts';

/**
 * How the pure core asks for what it cannot do itself.
 *
 * A plan is a generator: it yields an `Ask` (one request to the store, or a pause), is resumed with the `Reply`, and
 * returns or throws in the end. Whoever drives it (`lib/appender.ts`, a simulator) owns the store, the clock and the
 * dice. A driver may answer any ask with `stop`; the plan then ends with an error that tells the payload's fate.
 */
export type Plan<T> = Generator<Ask, T, Reply>;

export type Ask =
  | { readonly ask: 'append'; readonly key: string; readonly position: Position; readonly body: Uint8Array }
  | { readonly ask: 'head'; readonly key: string }
  | { readonly ask: 'read'; readonly key: string; readonly start: Position; readonly end: Position }
  /** The last `bytesMax` bytes of the object. */
  | { readonly ask: 'tail'; readonly key: string; readonly bytesMax: ByteLength }
  /** Wait `delayMs` as the store asked, or else with backoff for the `tries`-th failure in a row. */
  | { readonly ask: 'pause'; readonly tries: number; readonly delayMs: number | null }
  /** Whether it is one's turn among the writers of `activity` (PROTOCOL.md §4.8; `isTurn`). */
  | {
      readonly ask: 'turn';
      readonly activity: readonly Activity[];
      readonly conflicted: boolean;
      readonly fresh: boolean;
    };

export type Reply =
  | { readonly kind: 'appended'; readonly nextPosition: number; readonly crc64: bigint | null }
  | { readonly kind: 'conflict'; readonly length: number | null }
  | { readonly kind: 'failed'; readonly failure: Failure }
  /** To `head`; null if nothing is there. */
  | {
      readonly kind: 'info';
      readonly info: { readonly length: number; readonly crc64: bigint | null } | null;
    }
  /** To `read` and `tail`; null if nothing is there. */
  | { readonly kind: 'bytes'; readonly read: ReadBytes | null }
  /** To `pause`, and to `turn` if it is. */
  | { readonly kind: 'resumed' }
  /** To `turn`: not yet. */
  | { readonly kind: 'later' }
  /** Not done: the time or the attempts are used up. */
  | { readonly kind: 'stop'; readonly reason: StopReason };

export type StopReason = 'time' | 'attempts';

export interface ReadBytes {
  readonly bytes: Uint8Array;
  readonly start: number;
  /** Length of the whole object when it was read. */
  readonly length: number;
  readonly crc64: bigint | null;
  /** `Appendable`, or that of an object that cannot be appended to; null if the store did not say. */
  readonly type: string | null;
}

/** What the store said instead of an answer. A `StoreError` is one. */
export interface Failure {
  readonly code: string;
  readonly status: number | null;
  readonly requestId: string | null;
  readonly delayMs: number | null;
}

/** What an attempt came to, with `failed` judged by the table of codes (PROTOCOL.md §6). */
export type Attempt =
  | { readonly outcome: 'appended'; readonly nextPosition: number; readonly crc64: bigint | null }
  | { readonly outcome: 'conflict'; readonly length: Position | null }
  | { readonly outcome: 'unclear' | 'throttled' }
  /** Nothing can be appended to what is under the key: a tombstone (§3.7), or else the call ends with `error`. */
  | { readonly outcome: 'barred'; readonly error: AppendError };

/** What to read of the object. */
type Range = Omit<Extract<Ask, { ask: 'read' }>, 'key'> | Omit<Extract<Ask, { ask: 'tail' }>, 'key'>;

/** When the store asks for no delay: long enough for the writers that won to finish. */
const RETRY_AFTER_MS = 1000;
/** Positions kept for an error's detail. */
const POSITIONS_KEPT = 16;

/**
 * One call's tries: makes each request, counts, and knows whether an attempt is still unclear, which decides what
 * every error says about the payload.
 */
export class Tries {
  /** The object that the next request is about. */
  key: string;
  readonly #positions: number[] = [];
  #attempts = 0;
  #failuresInARow = 0;
  /** The last failure, null once an answer came after it. */
  #failure: Failure | null = null;
  #conflicts = 0;
  /** Where an attempt without an answer may have landed, or may still. */
  unclearAt: Position | null = null;

  constructor(key: string) {
    this.key = key;
  }

  /** One attempt. Throws if it is refused, unless the object itself bars it. */
  *append(at: Position, body: Uint8Array): Plan<Attempt> {
    this.#attempts++;
    this.#positions.push(at);
    if (this.#positions.length > POSITIONS_KEPT) this.#positions.shift();
    const reply = yield { ask: 'append', key: this.key, position: at, body };
    switch (reply.kind) {
      case 'appended':
        return { outcome: 'appended', nextPosition: reply.nextPosition, crc64: reply.crc64 };
      case 'conflict':
        return this.#conflict(reply.length);
      default: {
        const rule = this.#ruleFor(reply);
        if (rule.outcome === 'conflict') return this.#conflict(null);
        if (rule.outcome === 'barred') return { outcome: 'barred', error: this.#refused(rule) };
        if (rule.retry === 'never') throw this.#refused(rule);
        if (rule.mayHaveWritten) this.unclearAt = at;
        yield* this.pause();
        return { outcome: rule.outcome === 'throttled' ? 'throttled' : 'unclear' };
      }
    }
  }

  *head(): Plan<{ length: number; crc64: bigint | null } | null> {
    for (;;) {
      const reply = yield { ask: 'head', key: this.key };
      if (reply.kind === 'info') return reply.info;
      this.#judge(reply);
      yield* this.pause();
    }
  }

  *bytes(range: Range): Plan<ReadBytes | null> {
    for (;;) {
      const reply = yield { key: this.key, ...range };
      if (reply.kind === 'bytes') return reply.read;
      this.#judge(reply);
      yield* this.pause();
    }
  }

  *pause(): Plan<void> {
    const reply = yield {
      ask: 'pause',
      tries: ++this.#failuresInARow,
      delayMs: this.#failure?.delayMs ?? null,
    };
    if (reply.kind === 'stop') throw this.#stopped(reply.reason);
  }

  /** Whether it is the writer's turn. */
  *turn(activity: readonly Activity[], { fresh }: { readonly fresh: boolean }): Plan<boolean> {
    const reply = yield { ask: 'turn', activity, conflicted: this.#conflicts > 0, fresh };
    if (reply.kind === 'stop') throw this.#stopped(reply.reason);
    return reply.kind !== 'later';
  }

  mismatch(length: number, asked: number): PositionMismatch {
    return new PositionMismatch(length, asked, this.#detail());
  }

  fenced(source: string, asked: number, epoch: number): ProducerFenced {
    return new ProducerFenced(source, asked, epoch, this.#detail());
  }

  gap(source: string, received: number, expected: number): SequenceGap {
    return new SequenceGap(source, received, expected, this.#detail());
  }

  /** `receipts`: of what is in under the name of the body. */
  otherBody(receipts: readonly RecordReceipt[]): IdempotencyMismatch {
    return new IdempotencyMismatch(
      `A body of another number of records is in ${this.key} under the name of this one. Send this one under a name of its own.`,
      receipts,
      this.#detail(),
    );
  }

  /** The payload's fate cannot be told. */
  unknown(why: string): OutcomeUnknown {
    return new OutcomeUnknown(`${why} Whether the payload is in ${this.key} is not known.`, this.#detail());
  }

  #conflict(length: number | null): Attempt {
    this.#conflicts++;
    this.#failuresInARow = 0;
    this.#failure = null;
    return { outcome: 'conflict', length: length === null ? null : position(length) };
  }

  /** Throws for a failure that cannot be tried again, and for a stop. */
  #judge(reply: Reply): void {
    const rule = this.#ruleFor(reply);
    if (rule.retry === 'never') throw this.#refused(rule);
  }

  /** The rule for a failure; throws for a stop. */
  #ruleFor(reply: Reply): CodeRule {
    if (reply.kind === 'stop') throw this.#stopped(reply.reason);
    if (reply.kind !== 'failed') throw new TypeError(`a driver answered ${reply.kind} to something else`);
    this.#failure = reply.failure;
    return ruleOf(reply.failure);
  }

  #refused(rule: CodeRule): AppendError {
    if (this.unclearAt === null) return new AppendRefused(rule, this.#detail());
    return this.unknown(`An attempt had no answer, and the next was refused. ${rule.advice}`);
  }

  #stopped(reason: StopReason): AppendError {
    const spent = reason === 'time' ? 'The time ran out' : 'The attempts ran out';
    if (this.unclearAt !== null) return this.unknown(`${spent} while an attempt was without an answer.`);
    const code = this.#code();
    const advice = code === null ? 'Send it again.' : ruleOf(this.#failure ?? conflictFailure).advice;
    return new NotAppended(`${spent} and nothing was appended to ${this.key}. ${advice}`, this.#detail());
  }

  #detail(): AppendErrorDetail {
    return {
      key: this.key,
      attempts: this.#attempts,
      positions: [...this.#positions],
      storeCode: this.#code(),
      requestId: this.#failure?.requestId ?? null,
      retryAfterMs: this.#failure?.delayMs ?? RETRY_AFTER_MS,
      cause: this.#failure,
    };
  }

  #code(): string | null {
    return this.#failure?.code ?? (this.#conflicts > 0 ? conflictFailure.code : null);
  }
}

const conflictFailure: Failure = {
  code: 'PositionNotEqualToLength',
  status: 409,
  requestId: null,
  delayMs: null,
};
