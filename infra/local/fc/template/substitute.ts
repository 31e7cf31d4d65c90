/**
 * Expressions of Serverless Devs in an s.yaml: `${vars.a.b}`, `${env(NAME)}`, `${env('NAME', 'default')}`.
 * Everything else in `${…}` is refused, since a value left as it stands would reach the function.
 */
import { PlatformError } from '../errors.ts';

export interface Scope {
  readonly vars: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** `vars` may use other `vars`; deeper than this they must be going round in a circle. */
const DEPTH_MAX = 10;

const EXPRESSION = /\$\{([^}]*)\}/g;
const VARS = /^vars((?:\.[\w-]+)+)$/;
const ENV = /^env\(\s*(['"]?)([A-Za-z_]\w*)\1\s*(?:,\s*(['"]?)(.*?)\3\s*)?\)$/;

/** A copy of `value` with all expressions replaced. Throws `PlatformError` that names `path`. */
export function substitute(value: unknown, scope: Scope, path = '', depth = 0): unknown {
  if (typeof value === 'string') return inText(value, scope, path, depth);
  if (Array.isArray(value)) return value.map((item, i) => substitute(item, scope, `${path}[${i}]`, depth));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      substitute(item, scope, path ? `${path}.${key}` : key, depth),
    ]),
  );
}

/** A text that is one expression takes the value's own type, so that `timeout: ${vars.timeout}` stays a number. */
function inText(text: string, scope: Scope, path: string, depth: number): unknown {
  const [whole] = [...text.matchAll(EXPRESSION)];
  if (whole?.[0] === text) return evaluate(whole[1] ?? '', scope, path, depth);
  return text.replace(EXPRESSION, (_, expression: string) =>
    String(evaluate(expression, scope, path, depth)),
  );
}

function evaluate(expression: string, scope: Scope, path: string, depth: number): unknown {
  if (depth > DEPTH_MAX) throw invalid(path, `\${${expression}} refers to itself`);
  const variable = VARS.exec(expression.trim());
  if (variable?.[1]) return substitute(lookUp(variable[1], scope, path), scope, path, depth + 1);
  const environment = ENV.exec(expression.trim());
  if (environment?.[2]) return fromEnvironment(environment[2], environment[4], scope, path);
  throw invalid(path, `\${${expression}} is not supported locally; use \${vars.…} or \${env(NAME, default)}`);
}

function lookUp(dotted: string, scope: Scope, path: string): unknown {
  let value: unknown = scope.vars;
  for (const key of dotted.slice(1).split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key))
      throw invalid(path, `vars${dotted} is not defined under 'vars'`);
    value = Object.entries(value).find(([name]) => name === key)?.[1];
  }
  return value;
}

function fromEnvironment(name: string, fallback: string | undefined, scope: Scope, path: string): string {
  const value = scope.env[name] ?? fallback;
  if (value === undefined) throw invalid(path, `environment variable ${name} is not set and has no default`);
  return value;
}

const invalid = (path: string, problem: string): PlatformError =>
  new PlatformError('InvalidTemplate', `${path}: ${problem}`);
