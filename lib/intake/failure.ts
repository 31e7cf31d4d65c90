/** What may be told of any error: to a log, and over HTTP. Only typed errors have more to say than their name. */
import {
  AppendError,
  type Fate,
  PositionMismatch,
  ProducerFenced,
  ruleOf,
  SequenceGap,
} from '../append/errors.ts';
import type { LogFields } from '../runtime.ts';
import type { Misfit } from '../schema/types.ts';
import { StoreError } from '../store/port.ts';
import { IntakeError } from './errors.ts';

export interface Failure {
  readonly code: string;
  readonly httpStatus: number;
  readonly fate: Fate;
  /** Which record of a call with several it is about, from 0. */
  readonly index: number | null;
  /** Where a record does not fit the schema of its target. */
  readonly misfits: readonly Misfit[] | null;
  /** For people. Empty if the error is none of ours: its message could hold a payload. */
  readonly message: string;
  readonly object: string | null;
  readonly attempts: number | null;
  /** Positions tried. */
  readonly positions: readonly number[] | null;
  /** The object's length, if the caller asked for another position. */
  readonly position: number | null;
  /** The epoch that the log knows, if the caller has an older one. */
  readonly epoch: number | null;
  /** The number that is next, and the one that came in its place. */
  readonly expectedSeq: number | null;
  readonly receivedSeq: number | null;
  readonly storeCode: string | null;
  readonly storeRequestId: string | null;
  readonly retryAfterMs: number | null;
}

const NOTHING_MORE = {
  index: null,
  misfits: null,
  object: null,
  attempts: null,
  positions: null,
  position: null,
  epoch: null,
  expectedSeq: null,
  receivedSeq: null,
  storeCode: null,
  storeRequestId: null,
  retryAfterMs: null,
};

export function failureOf(error: unknown): Failure {
  if (error instanceof AppendError) {
    const { code, httpStatus, fate, message, detail } = error;
    return {
      code,
      httpStatus,
      fate,
      message,
      index: null,
      misfits: null,
      object: detail.key || null,
      attempts: detail.attempts,
      positions: detail.positions,
      position: error instanceof PositionMismatch ? error.length : null,
      epoch: error instanceof ProducerFenced ? error.epoch : null,
      expectedSeq: error instanceof SequenceGap ? error.expected : null,
      receivedSeq: error instanceof SequenceGap ? error.received : null,
      storeCode: detail.storeCode,
      storeRequestId: detail.requestId,
      retryAfterMs: detail.retryAfterMs,
    };
  }
  if (error instanceof IntakeError) {
    const { code, httpStatus, fate, message, index, misfits } = error;
    return {
      code,
      httpStatus,
      fate,
      message,
      ...NOTHING_MORE,
      index,
      misfits: misfits.length > 0 ? misfits : null,
    };
  }
  if (error instanceof StoreError) return readFailure(error);
  return { code: 'InternalError', httpStatus: 500, fate: 'unknown', message: '', ...NOTHING_MORE };
}

/** Errors of the store come out of reads alone: those of appends are `AppendError`s. */
function readFailure(error: StoreError): Failure {
  const { httpStatus, retry, advice } = ruleOf(error);
  const message = `The object could not be read: the store says ${error.code}. ${retry === 'same' ? 'Try again.' : advice}`;
  return {
    code: 'ReadFailed',
    httpStatus,
    fate: 'not-in',
    message,
    ...NOTHING_MORE,
    storeCode: error.code,
    storeRequestId: error.requestId,
    retryAfterMs: error.delayMs,
  };
}

/**
 * For the log. Where a record does not fit is left out: the names on the way can be the payload's own. An error that is none of ours
 * is told by its class and the place it came from.
 */
export function reportOf(error: unknown): LogFields {
  const { positions, httpStatus: _, misfits: __, message, ...fields } = failureOf(error);
  const told = Object.entries({
    ...fields,
    message: message || null,
    positions: positions?.join(' ') || null,
  });
  const known = Object.fromEntries(told.filter(([, value]) => value !== null));
  if (!(error instanceof Error) || message !== '') return known;
  return { ...known, errorName: error.name, at: placeOf(error) };
}

/** The innermost frame: the stack without the message before it. */
function placeOf({ stack = '' }: Error): string | undefined {
  return stack
    .split('\n')
    .find((line) => /^\s+at /.test(line))
    ?.trim();
}
