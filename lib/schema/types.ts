/** A JSON Schema, and what it says of a value. */

/** A schema document (draft 2020-12, or draft-07 where its `$schema` says so). `true` takes everything. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

/** What Ajv makes of a schema, and no more of it than is used. */
export interface Validate {
  (value: unknown): boolean;
  /** Of the last call. */
  readonly errors?: readonly ValidateError[] | null | undefined;
}

export interface ValidateError {
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** Where a value does not fit, and why. Holds none of the values. */
export interface Misfit {
  /** JSON Pointer (RFC 6901) to the value, or to the member that is missing or too many. Cut if it is very long. */
  readonly pointer: string;
  /** The keyword of the schema that is not met. */
  readonly keyword: string;
}

/** A document that is no JSON Schema, or not one that is taken here. */
export class SchemaMistake extends Error {
  override readonly name = 'SchemaMistake';
  /** Names from the top of the document to the place of the mistake, as far as that is known. */
  readonly path: readonly string[];

  constructor(path: readonly string[], message: string, options?: ErrorOptions) {
    super(message, options);
    this.path = path;
  }
}
