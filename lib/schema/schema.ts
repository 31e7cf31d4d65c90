/** A JSON Schema that the records of a target have to fit. */
import { compile } from './compile.ts';
import type { JsonSchema, Misfit, ValidateError } from './types.ts';

export interface Schema {
  readonly document: JsonSchema;
  /**
   * The first place that does not fit, with those in the alternatives that were tried there; none if all fits.
   * Throws `RangeError` for a value that is nested deeper than there is room to follow it.
   */
  check(value: unknown): readonly Misfit[];
}

/** Of a schema with very many alternatives, as many as tell something. */
const MISFITS_MAX = 10;
const POINTER_CHARS_MAX = 1000;
/** Where an error is about a member of the value: what Ajv calls its name. */
const MEMBERS = ['missingProperty', 'additionalProperty', 'unevaluatedProperty', 'propertyName'] as const;

/** `document` is JSON. Throws `SchemaMistake`. */
export function schemaOf(document: JsonSchema): Schema {
  const validate = compile(document);
  return {
    document,
    check(value) {
      if (validate(value)) return [];
      return (validate.errors ?? []).slice(0, MISFITS_MAX).map(misfitOf);
    },
  };
}

function misfitOf({ instancePath, keyword, params }: ValidateError): Misfit {
  const member = MEMBERS.map((name) => params[name]).find((name) => typeof name === 'string');
  const pointer = member === undefined ? instancePath : `${instancePath}/${escaped(member)}`;
  return {
    pointer: pointer.length > POINTER_CHARS_MAX ? `${pointer.slice(0, POINTER_CHARS_MAX)}…` : pointer,
    keyword,
  };
}

/** RFC 6901 §3 */
const escaped = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1');
