/** Which problem documents an operation may answer with: the codes and statuses of the tables that the code itself uses. */
import {
  type AppendErrorCode,
  CODES,
  IdempotencyMismatch,
  InvalidRecord,
  NotAppended,
  OutcomeUnknown,
  PositionMismatch,
  ProducerFenced,
  ruleOf,
  SequenceGap,
} from '../../lib/append/errors.ts';
import type { Target } from '../../lib/config.ts';
import { problemType } from '../../lib/http/problem.ts';
import { INTAKE_STATUS, type IntakeErrorCode } from '../../lib/intake/errors.ts';

/** `none`: calls that are no operation, such as those for a target that is not there. */
export type Where = 'append' | 'read' | 'none';
export type Code = IntakeErrorCode | AppendErrorCode | 'ReadFailed' | 'InternalError';

interface Use {
  readonly where: readonly Where[];
  /** Only of these targets. */
  readonly of?: (target: Target, asksCredential: boolean) => boolean;
}

const everywhere: Use = { where: ['append', 'read', 'none'] };
const target: Use = { where: ['append', 'read'] };
const append: Use = { where: ['append'] };
const read: Use = { where: ['read'] };
const none: Use = { where: ['none'] };
const guarded: Use = { ...everywhere, of: (_, asksCredential) => asksCredential };
const signed: Use = {
  ...append,
  of: ({ access }) => Array.isArray(access) && access.some(({ scheme }) => /^(webhook|github)$/.test(scheme)),
};
const log: Use = { ...append, of: ({ format }) => format === 'log' };
const nowhere: Use = { where: [] };

const USES: Readonly<Record<Code, Use>> = {
  MalformedPayload: append,
  EmptyPayload: append,
  InvalidKey: everywhere,
  InvalidCondition: target,
  InvalidIdempotencyKey: append,
  InvalidProducer: append,
  MalformedRequest: everywhere,
  Unauthenticated: guarded,
  InvalidSignature: signed,
  Forbidden: guarded,
  UnknownTarget: none,
  NotFound: { where: ['read', 'none'] },
  Gone: { ...read, of: ({ format }) => format === 'log' },
  MethodNotAllowed: none,
  PayloadTooLarge: append,
  ObjectTooLarge: read,
  UriTooLong: everywhere,
  UnsupportedMediaType: log,
  RangeNotSatisfiable: read,
  ExpectationFailed: everywhere,
  SchemaMismatch: { ...append, of: ({ schema }) => schema !== null },
  IdempotencyMismatch: log,
  HeadersTooLarge: everywhere,
  UnknownQueue: nowhere,
  UndecodableMessage: nowhere,
  UnknownSchedule: nowhere,
  MissingCredentials: target,
  AccessUnavailable: {
    ...target,
    of: ({ access }) => Array.isArray(access) && access.some(({ scheme }) => scheme === 'jwt'),
  },
  OutOfTime: read,
  AppendRefused: append,
  NotAppended: append,
  OutcomeUnknown: append,
  PositionMismatch: append,
  ProducerFenced: log,
  SequenceGap: log,
  InvalidRecord: log,
  ReadFailed: read,
  InternalError: everywhere,
};

const rules = [
  ...Object.values(CODES),
  ruleOf({ code: '', status: 400, delayMs: null }),
  ruleOf({ code: '', status: 500, delayMs: null }),
];
const refusals = rules.filter(({ outcome }) => outcome === 'refused');

const STATUSES: Readonly<Record<Exclude<Code, IntakeErrorCode>, readonly number[]>> = {
  AppendRefused: unique(refusals.map(({ httpStatus }) => httpStatus)),
  NotAppended: [new NotAppended('').httpStatus],
  OutcomeUnknown: [new OutcomeUnknown('').httpStatus],
  PositionMismatch: [new PositionMismatch(0, 0, {}).httpStatus],
  ProducerFenced: [new ProducerFenced('', 0, 0, {}).httpStatus],
  SequenceGap: [new SequenceGap('', 0, 0, {}).httpStatus],
  IdempotencyMismatch: [new IdempotencyMismatch('', []).httpStatus],
  InvalidRecord: [new InvalidRecord('').httpStatus],
  // By the store's code. Only appends conflict.
  ReadFailed: unique(
    rules.filter(({ outcome }) => outcome !== 'conflict').map(({ httpStatus }) => httpStatus),
  ),
  InternalError: [500],
};

function statusesOf(code: Code): readonly number[] {
  return isIntakeCode(code) ? [INTAKE_STATUS[code]] : STATUSES[code];
}

const isIntakeCode = (code: Code): code is IntakeErrorCode => Object.hasOwn(INTAKE_STATUS, code);

/** All types that there are over HTTP. */
export const problemTypes: readonly string[] = codesWhere((use) => use.where.length > 0).map(problemType);

/** By status, the types of the problems that calls of this kind may be answered with. */
export function problemsBy(
  where: Where,
  of?: { readonly target: Target; readonly asksCredential: boolean },
): ReadonlyMap<number, readonly string[]> {
  const found = new Map<number, string[]>();
  const codes = codesWhere(
    (use) =>
      use.where.includes(where) &&
      (of === undefined || use.of === undefined || use.of(of.target, of.asksCredential)),
  );
  for (const code of codes)
    for (const status of statusesOf(code))
      found.set(status, [...(found.get(status) ?? []), problemType(code)]);
  return new Map([...found].sort(([a], [b]) => a - b));
}

function codesWhere(is: (use: Use) => boolean): Code[] {
  return (Object.keys(USES) as Code[]).filter((code) => is(USES[code]));
}

function unique(statuses: readonly number[]): number[] {
  return [...new Set(statuses)].sort();
}
