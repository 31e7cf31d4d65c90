import { createHash } from 'node:crypto';
import type { JsonSchema } from './types.ts';

/** By which a bundle finds the validator that was made of a schema. */
export const schemaHash = (document: JsonSchema): string =>
  createHash('sha256').update(JSON.stringify(document)).digest('hex');
