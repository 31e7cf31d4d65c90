import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { verify } from '../../../infra/bench/report/verify.ts';

const object = (...lines: string[]) => Buffer.from(lines.map((line) => `${line}\n`).join(''));
const line = (id: string) => JSON.stringify({ id, text: 'x' });

describe('looking into the objects of a run', () => {
  it('finds nothing wrong where each record is there once', () => {
    const commit = '{"$commit":{"v":1}}';
    const found = verify([object(line('a'), commit), object(line('b'), line('c'), commit)], ['a', 'b']);
    expect(found).toEqual({ records: 3, lost: [], twice: [], strange: 0 });
  });

  it('finds what was acknowledged and is not there', () => {
    expect(verify([object(line('a'))], ['a', 'b']).lost).toEqual(['b']);
    expect(verify([], ['a']).lost).toEqual(['a']);
  });

  it('finds what is there more than once, in one object or in two', () => {
    expect(verify([object(line('a'), line('a'))], ['a'])).toMatchObject({ records: 1, twice: ['a'] });
    expect(verify([object(line('a')), object(line('a'))], ['a']).twice).toEqual(['a']);
  });

  it('counts lines that are no record', () => {
    expect(verify([object('{"id":1}', 'half a li', '7', line('a'))], ['a'])).toMatchObject({
      records: 1,
      strange: 3,
    });
  });

  it('finds every planted loss and every planted repeat', () => {
    const ids = fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 20 });
    const fates = fc.infiniteStream(fc.integer({ min: 0, max: 2 }));
    fc.assert(
      fc.property(ids, fates, (acknowledged, dice) => {
        const times = new Map(acknowledged.map((id) => [id, dice.next().value ?? 1]));
        const lines = acknowledged.flatMap((id) => Array<string>(times.get(id) ?? 0).fill(line(id)));
        const found = verify([object(...lines)], acknowledged);
        expect(found.lost).toEqual(acknowledged.filter((id) => times.get(id) === 0));
        expect(found.twice).toEqual(acknowledged.filter((id) => times.get(id) === 2));
      }),
    );
  });
});
