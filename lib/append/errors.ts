/**
 * What can go wrong with an append, and the one table that decides what each code means (PROTOCOL.md §6).
 *
 * Every error says what became of the payload (`fate`), so that a caller knows whether to send it again. The message
 * is for people; programs read `code`, `fate` and `storeCode`.
 */
import type { RecordReceipt } from './types.ts';

/** `in`: the payload is in the object. `not-in`: it is not and will not be. `unknown`: nobody can tell yet. */
export type Fate = 'in' | 'not-in' | 'unknown';

/** What one attempt at a position came to (PROTOCOL.md §4). */
export type Outcome = 'appended' | 'conflict' | 'unclear' | 'throttled' | 'barred' | 'refused';

export interface CodeRule {
  readonly outcome: Exclude<Outcome, 'appended'>;
  /** `same`: the same bytes at the same position. `rebase`: at the length found. `never`: not without a person. */
  readonly retry: 'same' | 'rebase' | 'never';
  readonly mayHaveWritten: boolean;
  /** Status for a caller over HTTP if the append ends with this code. */
  readonly httpStatus: number;
  /** What to do about it. */
  readonly advice: string;
}

const unclear = (httpStatus: number, advice: string): CodeRule => ({
  outcome: 'unclear',
  retry: 'same',
  mayHaveWritten: true,
  httpStatus,
  advice,
});
const throttled = (advice: string): CodeRule => ({
  outcome: 'throttled',
  retry: 'same',
  mayHaveWritten: false,
  httpStatus: 503,
  advice,
});
const refused = (httpStatus: number, advice: string): CodeRule => ({
  outcome: 'refused',
  retry: 'never',
  mayHaveWritten: false,
  httpStatus,
  advice,
});

const SLOW_DOWN = 'Send it again later; ask for a higher quota if it happens often.';
const SEND_AGAIN = 'Send it again under the same id.';
const CREDENTIALS = 'Check the credentials of the function: its role, and that the token is of this call.';

/** The one list of codes. Nothing else in the project decides by a store's code. */
export const CODES: Readonly<Record<string, CodeRule>> = {
  PositionNotEqualToLength: {
    outcome: 'conflict',
    retry: 'rebase',
    mayHaveWritten: false,
    httpStatus: 503,
    advice: 'Other writers were faster every time. Send it again, or spread the load over more objects.',
  },

  NoAnswer: unclear(504, SEND_AGAIN),
  InternalError: unclear(503, SEND_AGAIN),
  ServiceUnavailable: unclear(503, SEND_AGAIN),
  RequestTimeout: unclear(503, SEND_AGAIN),

  TotalQpsLimitExceeded: throttled(SLOW_DOWN),
  MetaOperationQpsLimitExceeded: throttled(SLOW_DOWN),
  UploadTrafficRateLimitExceeded: throttled(SLOW_DOWN),
  DownloadTrafficRateLimitExceeded: throttled(SLOW_DOWN),

  /** A log goes on behind a tombstone (§3.7); anything else that cannot be appended to refuses. */
  ObjectNotAppendable: {
    ...refused(
      409,
      'Under this key is an object that cannot be appended to. Choose another key, or remove that object first.',
    ),
    outcome: 'barred',
  },
  FileImmutable: refused(409, 'A retention policy protects this object. Choose another key.'),
  EntityTooLarge: refused(409, 'The object has reached its size limit. Choose another key.'),
  InvalidDigest: refused(502, 'The bytes were damaged on the way. Send it again.'),
  InvalidObjectName: refused(400, 'Choose another key: 1 to 1023 bytes of UTF-8, not starting with / or \\.'),
  AccessDenied: refused(
    502,
    'Grant oss:PutObject and oss:GetObject on this key to the role of the function.',
  ),
  InvalidAccessKeyId: refused(502, CREDENTIALS),
  SignatureDoesNotMatch: refused(502, CREDENTIALS),
  SecurityTokenExpired: refused(502, CREDENTIALS),
  InvalidSecurityToken: refused(502, CREDENTIALS),
  RequestTimeTooSkewed: refused(502, 'Set the clock: it is off by more than 15 minutes.'),
  NoSuchBucket: refused(502, 'Create the bucket, or correct OSS_BUCKET and OSS_ENDPOINT.'),
  /** The two of our own adapter: nothing was sent. */
  NoCredentials: refused(500, 'Give the function a role, or set keys.'),
  InvalidRequest: refused(500, 'Check the bucket, the key and the content type: they make no valid request.'),
  KmsServiceNotEnabled: refused(502, 'Turn on the key service that the bucket asks for.'),
};

/**
 * The rule for a store's code. A code that is not in the table is judged by its status: nobody knows what a 5xx or a
 * missing answer did, and a 4xx wrote nothing.
 */
export function ruleOf(failure: { code: string; status: number | null; delayMs: number | null }): CodeRule {
  // A 503 that says how long to wait is a throttle, whatever its code is: it was turned away before it acted.
  if (failure.delayMs !== null && failure.status === 503) return throttled(SLOW_DOWN);
  const known = Object.hasOwn(CODES, failure.code) ? CODES[failure.code] : undefined;
  if (known !== undefined) return known;
  const { status } = failure;
  // Something in between may answer in the store's place: what is no refusal says nothing about the bytes.
  if (status === null || status >= 500 || status < 400) return unclear(503, SEND_AGAIN);
  return refused(502, 'The store refused the request. Look the code up in its documentation.');
}

/** What every error of an append tells. */
export interface AppendErrorDetail {
  readonly key: string;
  readonly attempts: number;
  /** The positions tried, in order, the last ones if there were many. */
  readonly positions: readonly number[];
  /** The store's code behind it, null if the store had no part in it. */
  readonly storeCode: string | null;
  readonly requestId: string | null;
  readonly retryAfterMs: number | null;
  readonly cause: unknown;
}

export type AppendErrorCode =
  | 'AppendRefused'
  | 'NotAppended'
  | 'OutcomeUnknown'
  | 'PositionMismatch'
  | 'ProducerFenced'
  | 'SequenceGap'
  | 'IdempotencyMismatch'
  | 'InvalidRecord';

export abstract class AppendError extends Error {
  abstract readonly code: AppendErrorCode;
  abstract readonly fate: Fate;
  abstract readonly httpStatus: number;
  readonly detail: Omit<AppendErrorDetail, 'cause'>;

  constructor(message: string, { cause, ...detail }: Partial<AppendErrorDetail> = {}) {
    super(message, cause === undefined || cause === null ? undefined : { cause });
    this.detail = {
      key: '',
      attempts: 0,
      positions: [],
      storeCode: null,
      requestId: null,
      retryAfterMs: null,
      ...detail,
    };
  }
}

/** The store said no and nothing was written. Another try ends the same until a person changes something. */
export class AppendRefused extends AppendError {
  override readonly name = 'AppendRefused';
  readonly code = 'AppendRefused';
  readonly fate = 'not-in';
  readonly httpStatus: number;

  constructor(rule: CodeRule, detail: Partial<AppendErrorDetail>) {
    super(`The append to ${detail.key} was refused with ${detail.storeCode}. ${rule.advice}`, {
      ...detail,
      retryAfterMs: null,
    });
    this.httpStatus = rule.httpStatus;
  }
}

/** Time or attempts ran out, and the payload is not in. Send it again. */
export class NotAppended extends AppendError {
  override readonly name = 'NotAppended';
  readonly code = 'NotAppended';
  readonly fate = 'not-in';
  readonly httpStatus = 503;
}

/** Time or attempts ran out, and the payload may be in. Send it again: in a `log` its id will be recognised. */
export class OutcomeUnknown extends AppendError {
  override readonly name = 'OutcomeUnknown';
  readonly code = 'OutcomeUnknown';
  readonly fate = 'unknown';
  readonly httpStatus = 504;
}

/** The caller asked for a position that is not the object's length. Nothing was written. */
export class PositionMismatch extends AppendError {
  override readonly name = 'PositionMismatch';
  readonly code = 'PositionMismatch';
  readonly fate = 'not-in';
  readonly httpStatus = 412;
  /** The object's length when it was asked, in bytes. */
  readonly length: number;

  constructor(length: number, asked: number, detail: Partial<AppendErrorDetail>) {
    super(`${detail.key} is ${length} bytes long, so nothing was appended at ${asked}.`, {
      ...detail,
      retryAfterMs: null,
    });
    this.length = length;
  }
}

/** The log has records of a later epoch of the same producer (PROTOCOL.md §3.4). Nothing was written. */
export class ProducerFenced extends AppendError {
  override readonly name = 'ProducerFenced';
  readonly code = 'ProducerFenced';
  readonly fate = 'not-in';
  readonly httpStatus = 403;
  /** The epoch that the log knows. */
  readonly epoch: number;

  constructor(source: string, asked: number, epoch: number, detail: Partial<AppendErrorDetail>) {
    super(
      `${source} is at epoch ${epoch} in ${detail.key}, so nothing of its epoch ${asked} is appended. Whoever took over goes on; stop this one.`,
      { ...detail, retryAfterMs: null },
    );
    this.epoch = epoch;
  }
}

/** A producer's number is neither the next one nor one that is in (PROTOCOL.md §3.4). Nothing was written. */
export class SequenceGap extends AppendError {
  override readonly name = 'SequenceGap';
  readonly code = 'SequenceGap';
  readonly fate = 'not-in';
  readonly httpStatus = 409;
  /** The number that would be appended. */
  readonly expected: number;
  readonly received: number;

  constructor(source: string, received: number, expected: number, detail: Partial<AppendErrorDetail>) {
    super(
      `${source} comes with number ${received} in ${detail.key}, and ${expected} is next. Send what is between first.`,
      { ...detail, retryAfterMs: null },
    );
    this.expected = expected;
    this.received = received;
  }
}

/** Another body is in under the name that the caller gave to this one (PROTOCOL.md §8). Nothing was written. */
export class IdempotencyMismatch extends AppendError {
  override readonly name = 'IdempotencyMismatch';
  readonly code = 'IdempotencyMismatch';
  readonly fate = 'not-in';
  readonly httpStatus = 422;
  /** Of what is known to be in under that name. */
  readonly receipts: readonly RecordReceipt[];

  constructor(message: string, receipts: readonly RecordReceipt[], detail: Partial<AppendErrorDetail> = {}) {
    super(message, { ...detail, retryAfterMs: null });
    this.receipts = receipts;
  }
}

/** A record that cannot be a line of a log: not JSON, not UTF-8, or without a usable id. */
export class InvalidRecord extends AppendError {
  override readonly name = 'InvalidRecord';
  readonly code = 'InvalidRecord';
  readonly fate = 'not-in';
  readonly httpStatus = 400;
}
