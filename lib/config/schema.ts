/** The JSON Schema of a target, as `append.config.ts` has it. */
import { type Schema, schemaOf } from '../schema/schema.ts';
import { type JsonSchema, SchemaMistake } from '../schema/types.ts';

const SCHEMA =
  'a JSON Schema: an object such as { type: "object", required: ["order"], properties: { order: { type: "integer" } } }';

/** Null if there is none. A problem begins with where it is: `schema.properties.order.type: …` */
export function readSchema(value: unknown): Schema | { readonly problem: string } | null {
  if (value === undefined) return null;
  const document = jsonOf(value);
  if (document === null) return { problem: `schema: write ${SCHEMA}` };
  try {
    return schemaOf(document);
  } catch (error) {
    if (!(error instanceof SchemaMistake)) throw error;
    return { problem: `${['schema', ...error.path].join('.')}: ${error.message}` };
  }
}

/** The document as JSON: what is no JSON, such as a regular expression, would mean something else in a function. */
function jsonOf(value: unknown): JsonSchema | null {
  try {
    const json: unknown = JSON.parse(JSON.stringify(value));
    const isSchema =
      typeof json === 'boolean' || (typeof json === 'object' && json !== null && !Array.isArray(json));
    return isSchema ? (json as JsonSchema) : null;
  } catch {
    return null;
  }
}
