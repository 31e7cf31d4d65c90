import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc64 } from '../../../lib/append/crc64.ts';
import { instanceLane, type LaneInput, laneOf } from '../../../lib/intake/lane.ts';

const byId = (count: number) => ({ by: 'id', count }) as const;
const byTenant = (count: number) => ({ by: 'field', field: 'tenant', count }) as const;

const lane = (count: number, input: Partial<LaneInput>) =>
  laneOf(byId(count), { source: 's', id: 'i', ...input }, 'me');
const tenantLane = (count: number, tenant: string) =>
  laneOf(byTenant(count), { source: 's', id: 'i', fields: new Map([['tenant', tenant]]) }, 'me');

const counts = fc.integer({ min: 2, max: 1024 });

describe('a lane by hash', () => {
  it('is the CRC-64/XZ of the value, modulo the lanes', () => {
    // The check value of the catalogue: CRC-64/XZ of "123456789" is 0x995dc9bbdf1939fa.
    expect(tenantLane(1024, '123456789')).toBe(String(0x1fa).padStart(4, '0'));
    expect(tenantLane(10, '123456789')).toBe(String(0x995dc9bbdf1939fan % 10n));
    expect(lane(1000, { source: 'http', id: 'ö' })).toBe(
      String(crc64(Buffer.from('http\0ö')) % 1000n).padStart(3, '0'),
    );
  });

  it('never changes: these are in buckets already', () => {
    expect(['a', 'acme', 'größe', '👩'].map((value) => tenantLane(16, value))).toEqual([
      '05',
      '02',
      '07',
      '15',
    ]);
    expect([
      lane(16, { source: 'http', id: 'order-17' }),
      lane(100, { source: 'queue/q', id: 'm-1' }),
    ]).toEqual(['13', '91']);
  });

  it('is of the same width for all, and one of them', () => {
    fc.assert(
      fc.property(counts, fc.string({ unit: 'binary' }), (count, id) => {
        const made = lane(count, { id });
        expect(made).toMatch(/^\d+$/);
        expect(made).toHaveLength(String(count - 1).length);
        expect(Number(made)).toBeLessThan(count);
        expect(lane(count, { id })).toBe(made);
      }),
    );
  });

  it('is any of them: none is left out, none is much busier', () => {
    for (const count of [2, 3, 10, 16, 1024]) {
      const used = new Map<string, number>();
      for (let id = 0; id < count * 50; id++) {
        const made = lane(count, { id: `order-${id}` });
        used.set(made, (used.get(made) ?? 0) + 1);
      }
      expect(used.size).toBe(count);
      expect(Math.max(...used.values())).toBeLessThan(150);
    }
  });

  it('by the id tells sources apart, and keeps together what a source numbers', () => {
    const lanes = (inputs: Partial<LaneInput>[]) => new Set(inputs.map((input) => lane(1024, input)));
    expect(lanes([{ source: 'a', id: 'b' }, { source: 'a\u0001', id: 'b' }, { id: 'c' }]).size).toBe(3);
    const numbered = (number: number, source: string) => ({
      source,
      id: String(number),
      numbered: { number, epoch: null },
    });
    expect(lanes(Array.from({ length: 100 }, (_, number) => numbered(number, 'queue/t/t-0'))).size).toBe(1);
    expect(lanes([numbered(1, 'queue/t/t-0'), numbered(1, 'queue/t/t-1')]).size).toBe(2);
  });

  it('by a field needs the field', () => {
    for (const fields of [undefined, new Map([['other', 'x']]), new Map([['tenant', '']])]) {
      expect(() => laneOf(byTenant(4), { source: 's', id: 'i', fields }, 'me')).toThrowError(
        expect.objectContaining({ code: 'InvalidKey', message: expect.stringContaining('the field tenant') }),
      );
    }
  });
});

describe('the lane of an instance', () => {
  it('is its name, where that can be part of any key', () => {
    const name = 'c-6742a1f0-15c0ffee-0123456789ab';
    expect(laneOf({ by: 'instance' }, { source: 's', id: 'i' }, instanceLane(name))).toBe(name);
  });

  it('is a name of its own for any other', () => {
    const names = ['a/b', '..', 'a.b', 'a b', 'a~00001', '', 'x'.repeat(101), 'é', 'a\\b'];
    const lanes = names.map(instanceLane);
    for (const made of lanes) expect(made).toMatch(/^[0-9a-f]{16}$/);
    expect(new Set(lanes).size).toBe(names.length);
  });
});
