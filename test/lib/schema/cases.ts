/** Schemas, with values that fit and values that do not: what both forms of a validator have to say alike. */
import type { JsonSchema } from '../../../lib/schema/types.ts';

export interface SchemaCase {
  readonly name: string;
  readonly schema: JsonSchema;
  /** JSON texts. */
  readonly fits: readonly string[];
  /** JSON texts, with the places and keywords that are told. */
  readonly misfits: readonly (readonly [string, ...(readonly [pointer: string, keyword: string])[]])[];
}

export const CASES: readonly SchemaCase[] = [
  {
    name: 'an order',
    schema: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      required: ['order'],
      additionalProperties: false,
      properties: {
        order: { type: 'integer', minimum: 1 },
        items: { type: 'array', maxItems: 3, items: { $ref: '#/$defs/item' } },
        note: { type: 'string', maxLength: 3, pattern: '^\\p{L}*$' },
      },
      $defs: { item: { type: 'object', required: ['a/b~c'], properties: { count: { type: 'integer' } } } },
    },
    fits: [
      '{"order":17}',
      '{"order":1,"items":[{"a/b~c":null}],"note":"日本語"}',
      // The last of two members counts, and a number is the double that is nearest to it.
      '{"order":"x","order":17}',
      '{"order":9007199254740993}',
      '{"order":1.00000000000000000001}',
    ],
    misfits: [
      ['{}', ['/order', 'required']],
      ['{"order":"17"}', ['/order', 'type']],
      ['{"order":0.5}', ['/order', 'type']],
      ['{"order":0}', ['/order', 'minimum']],
      ['{"order":1e400}', ['/order', 'type']],
      ['{"order":1,"itens":[]}', ['/itens', 'additionalProperties']],
      ['{"order":1,"items":[{"a/b~c":1},{}]}', ['/items/1/a~1b~0c', 'required']],
      ['{"order":1,"items":[{"a/b~c":1,"count":"2"}]}', ['/items/0/count', 'type']],
      ['{"order":1,"note":"日本語x"}', ['/note', 'maxLength']],
      ['{"order":1,"note":"a1"}', ['/note', 'pattern']],
      ['[]', ['', 'type']],
      ['"order"', ['', 'type']],
    ],
  },
  {
    name: 'names that every object inherits',
    schema: { required: ['toString'], properties: { constructor: { type: 'string' }, __proto__: {} } },
    fits: ['{"toString":1}', '{"toString":1,"constructor":"x"}', '{"toString":1,"__proto__":{"a":1}}'],
    misfits: [
      ['{}', ['/toString', 'required']],
      ['{"toString":1,"constructor":1}', ['/constructor', 'type']],
    ],
  },
  {
    name: 'alternatives, each told',
    schema: { oneOf: [{ type: 'string' }, { type: 'object', unevaluatedProperties: false }] },
    fits: ['"a"', '{}'],
    misfits: [
      ['1', ['', 'type'], ['', 'type'], ['', 'oneOf']],
      ['{"a":1}', ['', 'type'], ['/a', 'unevaluatedProperties'], ['', 'oneOf']],
    ],
  },
  {
    name: 'draft 2020-12, with tuples and a recursive schema',
    schema: {
      $id: 'https://schemas.example/tree',
      $ref: '#tree',
      $defs: {
        tree: {
          $anchor: 'tree',
          type: 'array',
          prefixItems: [{ type: 'integer' }],
          items: { $ref: '#tree' },
        },
      },
    },
    fits: ['[1]', '[1,[2],[3,[4]]]'],
    misfits: [
      ['["1"]', ['/0', 'type']],
      ['[1,[2,[[]]]]', ['/1/1/0', 'type']],
    ],
  },
  {
    name: 'draft-07, with tuples and definitions of its own',
    schema: {
      $schema: 'http://json-schema.org/draft-07/schema#',
      items: [{ $ref: '#/definitions/n' }],
      additionalItems: false,
      definitions: { n: { type: 'number' } },
    },
    fits: ['[1]', '[]'],
    misfits: [
      ['["1"]', ['/0', 'type']],
      ['[1,2]', ['', 'additionalItems']],
    ],
  },
  {
    name: 'format, which is an annotation',
    schema: { type: 'string', format: 'date-time' },
    fits: ['"2026-11-22T20:30:00Z"', '"yesterday"'],
    misfits: [['1', ['', 'type']]],
  },
  { name: 'true', schema: true, fits: ['1', '{"a":[]}'], misfits: [] },
  { name: 'false', schema: false, fits: [], misfits: [['1', ['', 'false schema']]] },
];
