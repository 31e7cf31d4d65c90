import { describe, expect, it } from 'vitest';
import { schemaOf } from '../../../lib/schema/schema.ts';
import { CASES } from './cases.ts';

describe('a schema', () => {
  it.each(CASES)('takes what fits and tells what does not: $name', ({ schema, fits, misfits }) => {
    const { check } = schemaOf(schema);
    for (const json of fits) expect([json, check(JSON.parse(json))]).toEqual([json, []]);
    for (const [json, ...places] of misfits) {
      const told = check(JSON.parse(json)).map(({ pointer, keyword }) => [pointer, keyword]);
      expect([json, told]).toEqual([json, places]);
    }
  });

  it('tells no value, and none of the names that it does not have to tell', () => {
    const { check } = schemaOf({
      additionalProperties: { enum: ['a'], type: 'string', pattern: '^a$' },
      propertyNames: { maxLength: 5 },
    });
    expect(check({ name: 'secret' })).toEqual([{ pointer: '/name', keyword: 'enum' }]);
  });

  it('ends at the first place that does not fit, however many there are', () => {
    const { check } = schemaOf({ items: { type: 'string' } });
    expect(check(Array.from({ length: 100_000 }, () => 1))).toEqual([{ pointer: '/0', keyword: 'type' }]);
  });

  it('tells so much and no more of many alternatives and of a long name', () => {
    const many = schemaOf({ anyOf: Array.from({ length: 50 }, (_, n) => ({ const: n })) });
    expect(many.check('x')).toHaveLength(10);
    const [misfit] = schemaOf({ additionalProperties: false }).check({ ['x'.repeat(5000)]: 1 });
    expect(misfit?.pointer).toHaveLength(1001);
  });
});
