/**
 * JSON Schema as it is understood here, set up in Ajv. Never part of a bundle: there, what Ajv makes of the schemas takes
 * its place (`infra/bundle/json-schemas.ts`), since Ajv itself would double the time of a cold start.
 *
 * - Drafts 2020-12 (by default) and 07, whole: what a schema refers to has to be in it.
 * - A keyword that the draft does not have is a mistake, not an annotation: it is mostly one that is misspelt.
 * - `format` is an annotation, as draft 2020-12 has it: nothing is checked. `pattern` is.
 * - The first place that does not fit ends the check. Going on would let a caller fill the memory with errors.
 */
import { Ajv, type AnySchema, type ErrorObject, type Options, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { type JsonSchema, SchemaMistake } from './types.ts';

const OPTIONS: Options = {
  strictSchema: true,
  strictTypes: false,
  strictTuples: false,
  validateFormats: false,
  // Else every object has members such as `constructor`.
  ownProperties: true,
  allErrors: false,
  logger: false,
};

const DRAFTS = [
  {
    uri: /^https?:\/\/json-schema\.org\/draft\/2020-12\/schema#?$/,
    make: (options: Options) => new Ajv2020(options),
  },
  { uri: /^https?:\/\/json-schema\.org\/draft-07\/schema#?$/, make: (options: Options) => new Ajv(options) },
] as const;
const DRAFT_2020 = 'https://json-schema.org/draft/2020-12/schema';

/** The validator of a schema, and the Ajv that made it. Throws `SchemaMistake`. */
export function compiled(
  document: JsonSchema,
  code: Options['code'] = {},
): { readonly ajv: Ajv; readonly validate: ValidateFunction } {
  const { $schema: uri = DRAFT_2020 } = Object(document);
  const draft = DRAFTS.find((known) => known.uri.test(uri));
  if (draft === undefined) {
    throw new SchemaMistake(
      ['$schema'],
      'write "https://json-schema.org/draft/2020-12/schema" or "http://json-schema.org/draft-07/schema#", or leave it out for the former',
    );
  }
  const ajv = draft.make({ ...OPTIONS, code });
  // Ajv follows references to anchors, and leaves the keyword off its list of known ones.
  if (!ajv.RULES.keywords['$anchor']) ajv.addVocabulary(['$anchor']);
  const wrong = wrongPart(ajv, document);
  if (wrong !== null) throw wrong;
  try {
    const validate = ajv.compile(document as AnySchema);
    // Such a validator answers with a promise, which would pass for "fits".
    if (!('$async' in validate)) return { ajv, validate };
  } catch (cause) {
    throw new SchemaMistake([], messageOf(cause), { cause });
  }
  throw new SchemaMistake(['$async'], 'is no keyword of JSON Schema; take it out');
}

/** The first part that the draft's own schema does not take. */
function wrongPart(ajv: Ajv, document: JsonSchema): SchemaMistake | null {
  try {
    if (ajv.validateSchema(document as AnySchema) === true) return null;
  } catch (cause) {
    return new SchemaMistake([], messageOf(cause), { cause });
  }
  const [error] = ajv.errors ?? [];
  return error ? new SchemaMistake(segments(error.instancePath), wrongness(error)) : null;
}

/** Ajv speaks of the schema here, never of a payload. */
function messageOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message.replace(/^strict mode: /, '') : 'is no schema';
  return `is no JSON Schema that is taken here: ${text}`;
}

function wrongness({ message = 'is wrong', params }: ErrorObject): string {
  const { allowedValues } = params as { allowedValues?: readonly unknown[] };
  return `${message}${allowedValues ? ` (${allowedValues.join(', ')})` : ''}, as JSON Schema has it`;
}

const segments = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
