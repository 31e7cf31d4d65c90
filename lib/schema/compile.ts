/** Makes validators of schemas. Bundles have another module in its place, with those that were made when it was built. */
import { compiled } from './ajv.ts';
import type { JsonSchema, Validate } from './types.ts';

/** Throws `SchemaMistake`. */
export const compile = (document: JsonSchema): Validate => compiled(document).validate as Validate;
