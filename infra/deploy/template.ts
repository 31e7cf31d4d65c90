/**
 * s.yaml as Serverless Devs reads it: YAML, then `${…}` replaced in every string value.
 *
 * Understood are `${vars.name}`, `${env('NAME')}` and `${env('NAME', 'default')}`, the three that s.yaml uses. The
 * tool takes an empty environment variable for an absent one, and an unquoted default for a part of the name; the
 * first is copied here, the second refused. Values that cannot be resolved are problems at their path, not errors.
 */
import { parseDocument } from 'yaml';

/** Something wrong in s.yaml: where (`resources.queue.props.timeout`), and what to do about it. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

export interface Template {
  /** The document with its variables replaced, not yet checked. */
  readonly value: unknown;
  readonly problems: readonly Problem[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the text of an s.yaml. Never throws: text that is not YAML is a problem too. */
export function readTemplate(text: string, environment: Environment): Template {
  const document = parseDocument(text);
  if (document.errors.length > 0) {
    return { value: null, problems: document.errors.map(({ message }) => ({ path: '', message })) };
  }
  const raw: unknown = document.toJS();
  const resolver = new Resolver(environment, isRecord(raw) ? raw['vars'] : undefined);
  const value = resolver.resolve(raw, []);
  return { value, problems: resolver.problems };
}

/** `['triggers', 0, 'name']` as `triggers[0].name`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const ENV = /^env\(\s*(['"]?)([A-Za-z_]\w*)\1\s*(?:,\s*(['"])(.*)\3\s*)?\)$/;
const VARS = /^vars\.([\w.-]+)$/;
/** A variable may name another; one that goes deeper than this names itself. */
const DEPTH_MAX = 8;

class Resolver {
  readonly problems: Problem[] = [];
  readonly #environment: Environment;
  readonly #vars: unknown;

  constructor(environment: Environment, vars: unknown) {
    this.#environment = environment;
    this.#vars = vars;
  }

  resolve(value: unknown, path: readonly PropertyKey[]): unknown {
    if (typeof value === 'string') return this.#text(value, path, 0);
    if (Array.isArray(value)) return value.map((item, index) => this.resolve(item, [...path, index]));
    if (!isRecord(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, this.resolve(item, [...path, key])]),
    );
  }

  #text(text: string, path: readonly PropertyKey[], depth: number): string {
    return text.replace(/\$\{([^{}]*)\}/g, (whole, expression: string) => {
      const found = depth < DEPTH_MAX ? this.#lookUp(expression.trim()) : 'it leads back to itself';
      if (typeof found !== 'string') return this.#text(found.value, path, depth + 1);
      this.#report(pathText(path), `${whole}: ${found}`);
      return whole;
    });
  }

  /** Once for each expression, at its first place: one missing variable is one thing to do. */
  #report(path: string, message: string): void {
    if (!this.problems.some((known) => known.message === message)) this.problems.push({ path, message });
  }

  /** The value of an expression, or why it has none. */
  #lookUp(expression: string): { readonly value: string } | string {
    const [, , name = '', , fallback] = ENV.exec(expression) ?? [];
    if (name !== '') {
      const value = this.#environment[name] || fallback;
      return value === undefined ? `set the environment variable ${name}` : { value };
    }
    const [, key = ''] = VARS.exec(expression) ?? [];
    if (key === '') return `only vars.name, env('NAME') and env('NAME', 'default') are understood here`;
    const value = key
      .split('.')
      .reduce<unknown>((at, part) => (isRecord(at) ? at[part] : undefined), this.#vars);
    return typeof value === 'string' ? { value } : `vars has no text "${key}"`;
  }
}
