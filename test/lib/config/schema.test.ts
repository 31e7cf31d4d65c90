import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../lib/config/error.ts';
import { readSchema } from '../../../lib/config/schema.ts';
import { defineConfig } from '../../../lib/config.ts';

const log = { format: 'log', key: 'orders/x' } as const;

describe('the schema of a target', () => {
  it('is null where there is none, and in a target that is raw', () => {
    const { targets } = defineConfig({ targets: { orders: log, notes: { format: 'raw', key: 'notes/x' } } });
    expect([...targets.values()].map(({ schema }) => schema)).toEqual([null, null]);
  });

  it('is kept as it was written', () => {
    const schema = { type: 'object', required: ['order'] } as const;
    const { targets, deadLetters } = defineConfig({ targets: { orders: { ...log, schema } } });
    expect(targets.get('orders')?.schema?.document).toEqual(schema);
    expect(deadLetters.schema).toBeNull();
  });

  it.each([
    ['no object', 'x', 'schema: write a JSON Schema: an object such as'],
    ['a list', [], 'schema: write a JSON Schema: an object such as'],
    ['a function', () => true, 'schema: write a JSON Schema: an object such as'],
    [
      'a type that is none',
      { properties: { a: { type: 'strng' } } },
      'schema.properties.a.type: must be equal to one of the allowed values (array, boolean,',
    ],
    [
      'a limit that is none',
      { properties: { 'a/b': { minimum: '1' } } },
      'schema.properties.a/b.minimum: must be number',
    ],
    [
      'a keyword that is misspelt',
      { type: 'object', requried: ['a'] },
      'schema: is no JSON Schema that is taken here: unknown keyword: "requried"',
    ],
    [
      'a keyword of another draft',
      { items: {}, additionalItems: false },
      'schema: is no JSON Schema that is taken here: unknown keyword: "additionalItems"',
    ],
    [
      'a pattern that is none',
      { pattern: '(' },
      'schema: is no JSON Schema that is taken here: Invalid regular expression',
    ],
    [
      'a schema that is elsewhere',
      { $ref: 'https://schemas.example/order.json' },
      "schema: is no JSON Schema that is taken here: can't resolve reference https://schemas.example/order.json",
    ],
    [
      'a draft that is not known',
      { $schema: 'http://json-schema.org/draft-04/schema#' },
      'schema.$schema: write "https://json-schema.org/draft/2020-12/schema" or',
    ],
    [
      'a draft that is no text',
      { $schema: 7 },
      'schema.$schema: write "https://json-schema.org/draft/2020-12/schema" or',
    ],
    [
      'what would answer later',
      { $async: true, type: 'object' },
      'schema.$async: is no keyword of JSON Schema',
    ],
  ])('is a mistake of the configuration if it is %s', (_what, schema, start) => {
    const problem = Object(readSchema(schema)).problem;
    expect(problem.slice(0, start.length)).toBe(start);
  });

  it('is told with its target, beside the other mistakes', () => {
    const targets = { orders: { ...log, schema: { type: 'x' } }, b: { ...log, key: 'b/{date}' } };
    expect(() => defineConfig({ targets })).toThrowError(ConfigError);
    expect(() => defineConfig({ targets })).toThrowError(
      /\n {2}targets\.orders\.schema\.type: .*\n {2}targets\.b\.key: /,
    );
  });
});
