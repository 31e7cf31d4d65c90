/** Targets with lanes, from the intake down to a store in memory. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { IntakeCall, Outcome } from '../../../lib/intake/intake.ts';
import type { Payload } from '../../../lib/intake/payload.ts';
import { type Bench, bench } from './support.ts';

const LANES = 4;
const targets = {
  ids: { format: 'log', key: 'ids/{lane}.ndjson', lanes: { by: 'id', count: LANES } },
  tenants: { format: 'log', key: 'tenants/{lane}', lanes: { by: 'field.tenant', count: LANES } },
  wire: { format: 'raw', key: 'wire/{lane}/{path}', lanes: { by: 'field.tenant', count: LANES } },
  own: { format: 'log', key: 'own/{time:yyyy}/{lane}', lanes: { by: 'instance' } },
} as const;

const CALL: IntakeCall = { remainingMs: () => 5000, invalid: 'fails-call' };

const record = (id: string, json: unknown = id, more: Partial<Payload> = {}): Payload => ({
  content: { kind: 'json', json: JSON.stringify(json) },
  source: 'test',
  id,
  ...more,
});
const ofTenant = (tenant: string, id: string, json?: unknown): Payload =>
  record(id, json, { fields: new Map([['tenant', tenant]]) });

const receipts = (outcomes: readonly Outcome[]) =>
  outcomes.map((outcome) => {
    if ('error' in outcome) throw outcome.error;
    return outcome.receipt;
  });
const objects = (outcomes: readonly Outcome[]) => receipts(outcomes).map(({ object }) => object);

/** What all lanes of `tenants` hold, line by line. */
async function lanes({ lines }: Bench): Promise<[string, number][][]> {
  const all = await Promise.all(Array.from({ length: LANES }, (_, lane) => lines(`tenants/${lane}`)));
  return all.map((one) => one.map((line): [string, number] => JSON.parse(line)));
}

describe('a target with lanes', () => {
  it('takes the records of a call with one append a lane, their order kept', async () => {
    const { intake, target, appends, lines } = bench({ targets });
    const ids = Array.from({ length: 200 }, (_, n) => `id-${n}`);
    const outcomes = await intake.take(
      target('ids'),
      ids.map((id) => record(id)),
      CALL,
    );
    const used = ['ids/0.ndjson', 'ids/1.ndjson', 'ids/2.ndjson', 'ids/3.ndjson'];
    expect(appends.sort()).toEqual(used);
    for (const object of used) {
      const there = ids.filter((_, place) => objects(outcomes)[place] === object);
      expect((await lines(object)).map((line) => JSON.parse(line))).toEqual(there);
    }
  });

  it('holds, for any calls, each record once, and those of one key in their order, in one lane', async () => {
    const tenants = fc.constantFrom(...'abcdefgh');
    const calls = fc.array(fc.array(fc.tuple(tenants, fc.nat(9)), { maxLength: 12 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(calls, async (all) => {
        const it = bench({ targets });
        const laneOfTenant = new Map<string, Set<string>>();
        const expected = new Map<string, number[]>();
        for (const call of all) {
          const payloads = call.map(([tenant, n]) => ofTenant(tenant, `${tenant}-${n}`, [tenant, n]));
          const outcomes = await it.intake.take(it.target('tenants'), payloads, CALL);
          for (const [place, [tenant, n]] of call.entries()) {
            const seen = expected.get(tenant) ?? [];
            expect(receipts(outcomes)[place]).toMatchObject({ repeat: seen.includes(n) });
            if (!seen.includes(n)) expected.set(tenant, [...seen, n]);
            const used = laneOfTenant.get(tenant) ?? new Set<string>();
            laneOfTenant.set(tenant, used.add(objects(outcomes)[place] ?? ''));
          }
        }
        for (const used of laneOfTenant.values()) expect(used.size).toBe(1);
        const held = new Map<string, number[]>();
        for (const [tenant, n] of (await lanes(it)).flat())
          held.set(tenant, [...(held.get(tenant) ?? []), n]);
        expect(held).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });

  it('uses all of its lanes', async () => {
    const it = bench({ targets });
    const payloads = Array.from({ length: 40 }, (_, n) => ofTenant(`t-${n}`, `id-${n}`, [`t-${n}`, n]));
    await it.intake.take(it.target('tenants'), payloads, CALL);
    for (const lane of await lanes(it)) expect(lane.length).toBeGreaterThan(2);
  });

  it('keeps what a source numbers together', async () => {
    const { intake, target, appends } = bench({ targets });
    const numbered = Array.from({ length: 50 }, (_, number) =>
      record(String(number), number, { source: 'queue/t/t-0', numbered: { number, epoch: null } }),
    );
    await intake.take(target('ids'), numbered, CALL);
    expect(appends).toHaveLength(1);
  });

  it('takes a record without an id too', async () => {
    const { intake, target } = bench({ targets });
    const { id: _, ...nameless } = record('x');
    const outcomes = await intake.take(target('ids'), [nameless], CALL);
    const [receipt] = receipts(outcomes);
    const again = await intake.take(
      target('ids'),
      [{ ...nameless, id: (receipt as { id: string }).id }],
      CALL,
    );
    expect(receipts(again)).toEqual([{ ...receipt, repeat: true }]);
  });

  it('of bytes spreads them by a field, and says so if it is missing', async () => {
    const { intake, target, text } = bench({ targets });
    const payload = (fields?: ReadonlyMap<string, string>): Payload => ({
      content: { kind: 'text', text: 'x' },
      source: 'test',
      path: 'a.txt',
      ...(fields && { fields }),
    });
    const tenant = new Map([['tenant', 'acme']]);
    const outcomes = await intake.take(target('wire'), [payload(tenant), payload(tenant)], CALL);
    expect(new Set(objects(outcomes)).size).toBe(1);
    expect(await text(objects(outcomes)[0] ?? '')).toBe('xx');
    await expect(intake.take(target('wire'), [payload(new Map())], CALL)).rejects.toMatchObject({
      code: 'InvalidKey',
    });
  });

  it('of instances has one for this instance', async () => {
    const { intake, target, appends } = bench({ targets });
    await intake.take(target('own'), [record('1'), record('2')], CALL);
    expect(appends).toEqual(['own/2026/test']);
  });

  it('takes a condition only where all of a call is for one lane', async () => {
    const { intake, target } = bench({ targets });
    const at0 = { ...CALL, ifPosition: 0 };
    const several = Array.from({ length: 20 }, (_, n) => record(`id-${n}`));
    await expect(intake.take(target('ids'), several, at0)).rejects.toMatchObject({
      code: 'InvalidCondition',
    });
    expect(receipts(await intake.take(target('ids'), [record('one')], at0))).toMatchObject([{ start: 0 }]);
  });
});

describe('the intake of a log', () => {
  it('goes on in the next segment when one is as long as the target says, and still knows what is in', async () => {
    const { intake, target, appends, lines } = bench({
      targets: { short: { format: 'log', key: 'short/x.ndjson', segmentBytesMax: 1024 } },
    });
    const take = async (id: string) =>
      receipts(await intake.take(target('short'), [record(id, 'x'.repeat(600))], CALL))[0];
    const first = await take('1');
    for (const id of ['2', '3', '4']) await take(id);
    expect([...new Set(appends)].slice(0, 2)).toEqual(['short/x.ndjson', 'short/x~00001.ndjson']);
    expect(await take('1')).toEqual({ ...first, repeat: true });
    const held = await Promise.all([...new Set(appends)].map(lines));
    expect(held.flat()).toHaveLength(4);
  });

  it('forgets what is further back than its target says', async () => {
    const { intake, target, lines } = bench({
      targets: { short: { format: 'log', key: 'short/x', dedupe: { records: 2 } } },
    });
    for (const id of ['1', '2', '3', '4', '3', '1']) await intake.take(target('short'), [record(id)], CALL);
    expect(await lines('short/x')).toEqual(['"1"', '"2"', '"3"', '"4"', '"1"']);
  });

  it('passes on what its target is set to, with every append', async () => {
    const options: unknown[] = [];
    const it = bench({
      targets: {
        short: {
          format: 'log',
          key: 'short/x',
          dedupe: { records: 5, ageMs: 60_000 },
          segmentBytesMax: 1024,
        },
        usual: { format: 'log', key: 'usual/x' },
        own: { format: 'log', key: 'own/{lane}', lanes: { by: 'instance' } },
        shared: { format: 'log', key: 'shared/{lane}', lanes: { by: 'id', count: 2 } },
      },
    });
    const watched = it.intakeOver({
      ...it.appender,
      appendRecords: (key, records, call) => {
        options.push(call);
        return it.appender.appendRecords(key, records, call);
      },
    });
    await watched.take(it.target('short'), [record('1')], CALL);
    for (const name of ['usual', 'own', 'shared']) await watched.take(it.target(name), [record('1')], CALL);
    expect(options).toMatchObject([
      { dedupe: { records: 5, ageMs: 60_000 }, segmentBytesMax: 1024, contentType: 'application/x-ndjson' },
      { dedupe: { records: 16_000, ageMs: null }, segmentBytesMax: 1024 ** 3, expectsNew: false },
      { expectsNew: true },
      { expectsNew: false },
    ]);
  });
});
