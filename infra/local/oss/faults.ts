/**
 * Faults on demand: which requests go wrong, and how.
 *
 * A rule names a fault, the requests it is for, and how often it strikes. For each request the rules are asked in
 * order; `slow` only adds delay and lets later rules strike too, of the others the first that strikes ends the search.
 *
 * | fault             | the store acts | the client sees                                              |
 * |-------------------|----------------|--------------------------------------------------------------|
 * | `request-lost`    | no             | the connection closed without an answer                      |
 * | `reset`           | no             | the connection reset                                         |
 * | `error-500`       | no             | `InternalError`                                              |
 * | `throttle`        | no             | 503 `TotalQpsLimitExceeded`, `x-oss-qos-delay-time: delayMs` |
 * | `answer-lost`     | yes            | the connection closed without an answer                      |
 * | `error-500-after` | yes            | `InternalError`                                              |
 * | `truncated`       | yes            | an answer that breaks off in the middle                      |
 * | `no-position`     | yes            | the answer without `x-oss-next-append-position`              |
 * | `slow`            | yes            | the answer, `delayMs` later                                  |
 */
import { z } from 'zod';
import { OPERATIONS, type OperationName } from './routes.ts';

export const FAULTS = [
  'answer-lost',
  'request-lost',
  'reset',
  'error-500',
  'error-500-after',
  'throttle',
  'truncated',
  'no-position',
  'slow',
] as const;
export type Fault = (typeof FAULTS)[number];

const DELAY_MS = 100;

export const faultRuleSchema = z.strictObject({
  fault: z.enum(FAULTS),
  /** All that are given must hold. */
  match: z
    .strictObject({
      method: z.string().min(1).optional(),
      /** An operation's name, as in the request log: `append`, `get`, `head`, … */
      operation: z.enum(OPERATIONS).optional(),
      /** Prefix of the object's key. */
      key: z.string().optional(),
    })
    .optional(),
  /** Strikes this many times, then never again. Unlimited if absent. */
  times: z.int().min(1).optional(),
  /** Strikes with this probability. 1 if absent. */
  probability: z.number().min(0).max(1).optional(),
  /** Lets this many matching requests pass first. */
  after: z.int().min(0).optional(),
  /** For `slow`: how much later the answer comes. For `throttle`: the wait that is asked for. */
  delayMs: z.number().min(0).max(600_000).optional(),
});

export type FaultRule = Readonly<z.infer<typeof faultRuleSchema>>;

/** A rule, with what it has done so far. */
export interface FaultStatus extends FaultRule {
  readonly matched: number;
  readonly struck: number;
}

export interface Faults {
  add(rule: FaultRule): void;
  clear(): void;
  list(): FaultStatus[];
}

/** What is to go wrong with one request. */
export interface Strike {
  readonly fault: Exclude<Fault, 'slow'> | null;
  readonly slowMs: number;
  /** For `throttle`. */
  readonly askedDelayMs: number;
}

export interface Target {
  readonly method: string;
  readonly operation: OperationName;
  readonly key: string | null;
}

interface RuleState {
  readonly rule: FaultRule;
  matched: number;
  struck: number;
}

export class FaultPlan implements Faults {
  readonly #random: () => number;
  #rules: RuleState[] = [];

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Throws a `ZodError` for what is not a rule. */
  add(rule: FaultRule): void {
    this.#rules.push({ rule: faultRuleSchema.parse(rule), matched: 0, struck: 0 });
  }

  clear(): void {
    this.#rules = [];
  }

  list(): FaultStatus[] {
    return this.#rules.map(({ rule, matched, struck }) => ({ ...rule, matched, struck }));
  }

  strike(target: Target): Strike {
    let slowMs = 0;
    for (const state of this.#rules) {
      if (!matches(state.rule, target) || !this.#strikes(state)) continue;
      const { fault, delayMs = DELAY_MS } = state.rule;
      if (fault !== 'slow') return { fault, slowMs, askedDelayMs: delayMs };
      slowMs += delayMs;
    }
    return { fault: null, slowMs, askedDelayMs: 0 };
  }

  #strikes(state: RuleState): boolean {
    const { after = 0, times = Number.POSITIVE_INFINITY, probability = 1 } = state.rule;
    state.matched += 1;
    if (state.matched <= after || state.struck >= times) return false;
    if (probability < 1 && this.#random() >= probability) return false;
    state.struck += 1;
    return true;
  }
}

function matches({ match = {} }: FaultRule, target: Target): boolean {
  return (
    (match.method === undefined || match.method.toUpperCase() === target.method) &&
    (match.operation === undefined || match.operation === target.operation) &&
    (match.key === undefined || (target.key?.startsWith(match.key) ?? false))
  );
}

/**
 * A rule in the command line's spelling: `<fault>[:<operation>][:<setting>=<value>]…`, with the settings `times`,
 * `probability`, `after`, `delayMs`, `method` and `key`. Throws `FaultSyntaxError`.
 */
export function parseFault(text: string): FaultRule {
  const [fault, ...parts] = text.split(':');
  const settings = new Map<string, string>();
  for (const part of parts) {
    const equals = part.indexOf('=');
    const name = equals < 0 ? 'operation' : part.slice(0, equals);
    if (settings.has(name)) throw new FaultSyntaxError(text, `${name} is given twice`);
    settings.set(name, part.slice(equals + 1));
  }
  const match: Record<string, string> = {};
  const rule: Record<string, unknown> = { fault, match };
  for (const [name, value] of settings) {
    if (name === 'operation' || name === 'method' || name === 'key') match[name] = value;
    else rule[name] = value.trim() === '' ? value : Number(value);
  }
  const parsed = faultRuleSchema.safeParse(rule);
  if (parsed.success) return parsed.data;
  throw new FaultSyntaxError(text, z.prettifyError(parsed.error));
}

export class FaultSyntaxError extends Error {
  override readonly name = 'FaultSyntaxError';

  constructor(text: string, reason: string) {
    super(`Not a fault rule: ${text}. ${reason}`);
  }
}
