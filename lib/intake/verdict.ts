/**
 * What becomes of a message of a queue that was not appended, judged by the error's code and fate and by nothing else.
 *
 * The platform delivers a whole batch again or nothing of it. So only what may pass by itself, or what is nobody's
 * message's fault, may fail the call; a message that would fail for ever has to leave the queue without being lost.
 */
import type { AppendErrorCode } from '../append/errors.ts';
import type { IntakeErrorCode } from './errors.ts';
import type { Failure } from './failure.ts';

/**
 * `again`: the call fails, and the batch comes back. `park`: the message is kept among the dead letters, and the call goes
 * on. `drop`: there is nothing to append and nothing to keep.
 */
export type Verdict = 'again' | 'park' | 'drop';

const VERDICTS: Readonly<Record<IntakeErrorCode | AppendErrorCode, Verdict>> = {
  // It is the message: however often it comes, it ends the same.
  UndecodableMessage: 'park',
  UnknownQueue: 'park',
  InvalidKey: 'park',
  MalformedPayload: 'park',
  InvalidRecord: 'park',
  PayloadTooLarge: 'park',
  SchemaMismatch: 'park',
  UnsupportedMediaType: 'park',

  // A `raw` object is the same before and after an empty message.
  EmptyPayload: 'drop',

  // It is the store, its load, or the deployment.
  NotAppended: 'again',
  OutcomeUnknown: 'again',
  AppendRefused: 'again',
  MissingCredentials: 'again',

  // No message of a queue ends with these. Should one do so after all, nothing is lost by another try.
  PositionMismatch: 'again',
  ProducerFenced: 'again',
  SequenceGap: 'again',
  AccessUnavailable: 'again',
  ExpectationFailed: 'again',
  Forbidden: 'again',
  HeadersTooLarge: 'again',
  IdempotencyMismatch: 'again',
  InvalidCondition: 'again',
  InvalidIdempotencyKey: 'again',
  InvalidProducer: 'again',
  InvalidSignature: 'again',
  MalformedRequest: 'again',
  MethodNotAllowed: 'again',
  NotFound: 'again',
  Gone: 'again',
  ObjectTooLarge: 'again',
  OutOfTime: 'again',
  RangeNotSatisfiable: 'again',
  Unauthenticated: 'again',
  UnknownSchedule: 'again',
  UnknownTarget: 'again',
  UriTooLong: 'again',
};

/** A code that is not known, or a message that may be in, never leaves the queue. */
export function verdictOf({ code, fate }: Pick<Failure, 'code' | 'fate'>): Verdict {
  if (fate !== 'not-in' || !Object.hasOwn(VERDICTS, code)) return 'again';
  return VERDICTS[code as keyof typeof VERDICTS];
}
