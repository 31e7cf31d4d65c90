/**
 * What can be wrong with a call before anything is appended: the one table of codes and HTTP statuses.
 *
 * Nothing was written when one of these is thrown, so each has the fate `not-in`. What goes wrong during an append
 * is an `AppendError`; both have `code`, `httpStatus` and `fate`, and whoever reports an error reads only those.
 */
import type { Misfit } from '../schema/types.ts';

export const INTAKE_STATUS = {
  /** The body, or a record in it, is not what its content type says. */
  MalformedPayload: 400,
  EmptyPayload: 400,
  /** The key that the call asks for is not allowed, or the call brings too little to make one. */
  InvalidKey: 400,
  /** `If-Match` in a form that says no position, or in a call that would append to several objects. */
  InvalidCondition: 400,
  InvalidIdempotencyKey: 400,
  /** Headers of a producer that make none, or in a call that numbers cannot be kept for. */
  InvalidProducer: 400,
  /** The request has a URL or a host that is none. */
  MalformedRequest: 400,
  /** No credential that the target knows, or one that does not hold. */
  Unauthenticated: 401,
  InvalidSignature: 401,
  /** A good credential for something else. */
  Forbidden: 403,
  UnknownTarget: 404,
  NotFound: 404,
  MethodNotAllowed: 405,
  /** Retention has removed it. */
  Gone: 410,
  PayloadTooLarge: 413,
  /** More than one answer holds: it is read in parts. */
  ObjectTooLarge: 413,
  /** The path with the query, or the headers, are longer than Function Compute takes. */
  UriTooLong: 414,
  UnsupportedMediaType: 415,
  RangeNotSatisfiable: 416,
  /** `Expect` asks for something else than `100-continue`. */
  ExpectationFailed: 417,
  /** A record that does not fit the schema of its target. */
  SchemaMismatch: 422,
  HeadersTooLarge: 431,
  /** A message of a queue, or a firing of a timer, that `append.config.ts` gives no target. */
  UnknownQueue: 500,
  /** What came from a queue is no event that any source is known to send. */
  UndecodableMessage: 500,
  UnknownSchedule: 500,
  MissingCredentials: 500,
  /** What it takes to check a credential is out of reach. */
  AccessUnavailable: 503,
  /** The call's time was up before anything could be asked of the store. */
  OutOfTime: 503,
} as const;

export type IntakeErrorCode = keyof typeof INTAKE_STATUS;

export interface IntakeErrorOptions extends ErrorOptions {
  /** Which record of a call with several it is about, from 0. */
  readonly index?: number;
  /** Where the record does not fit the schema of its target. */
  readonly misfits?: readonly Misfit[];
}

export class IntakeError extends Error {
  override readonly name: string;
  readonly code: IntakeErrorCode;
  readonly httpStatus: number;
  readonly fate = 'not-in';
  readonly index: number | null;
  readonly misfits: readonly Misfit[];

  /** `message` is for people and says what to do. It never holds the payload. */
  constructor(
    code: IntakeErrorCode,
    message: string,
    { index, misfits = [], ...options }: IntakeErrorOptions = {},
  ) {
    super(message, options);
    this.name = code;
    this.index = index ?? null;
    this.misfits = misfits;
    this.code = code;
    this.httpStatus = INTAKE_STATUS[code];
  }
}

const QUOTED_CHARS_MAX = 80;

/** A name that came in, fit for a message: on one line, and not too long. */
export function quote(name: string): string {
  return JSON.stringify(name.length > QUOTED_CHARS_MAX ? `${name.slice(0, QUOTED_CHARS_MAX)}…` : name);
}
