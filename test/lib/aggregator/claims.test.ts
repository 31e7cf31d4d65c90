import { describe, expect, it } from 'vitest';
import { JobError } from '../../../lib/aggregate/errors.ts';
import type { Invoker } from '../../../lib/aggregate/ports.ts';
import type { JobEngine } from '../../../lib/aggregator/context.ts';
import { plainEngine } from '../../simulation/aggregate/engine.ts';
import { memoryWorkspace } from '../../simulation/aggregate/workspace.ts';
import { bench, HOUR_MS, jobOf, LATER_MS, PLENTY, T20, template } from './support.ts';

const job = jobOf();
const GROUP = '2026-11-22T20:00Z';

/** An engine that does this before it makes anything. */
function interrupted(before: () => unknown) {
  const workspace = memoryWorkspace();
  const engine = plainEngine(workspace);
  const compact: JobEngine['compact'] = async (work) => {
    await before();
    return engine.compact(work);
  };
  return { workspace, engine: { ...engine, compact } };
}

/** An engine that waits for `until`; and when it has come to that. */
function stopping(until: Promise<void>) {
  let begun = () => {};
  const claimed = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const engine = interrupted(() => {
    begun();
    return until;
  });
  return [claimed, engine] as const;
}

function calls() {
  const made: { job: string; group: string | null }[] = [];
  const invoker: Invoker = { invoke: async (call) => void made.push(call) };
  return { made, invoker };
}

describe('claims', () => {
  it('of a run that ended anywhere are done by another when its time is over, and once', async () => {
    const { another, runtime, append, rows } = bench();
    await append(T20, ['a', 'b']);
    runtime.nowMs = T20 + HOUR_MS + LATER_MS;
    const hang = new Promise<never>(() => {});
    const [claimed, engine] = stopping(hang);
    void another(engine).run(job, { remainingMs: () => 10_000 });
    await claimed;
    expect(await another().run(job, PLENTY)).toMatchObject({ claims: 0 });
    expect(await another().backfill(job, GROUP, PLENTY)).toMatchObject({ busy: [GROUP], finished: false });
    runtime.nowMs += 10_001;
    expect(await another().run(job, PLENTY)).toMatchObject({ claims: 1, rows: 2 });
    expect((await rows()).length).toBe(2);
  });

  it('are made once where two runs want the same, and a frozen run that goes on changes nothing', async () => {
    const { another, append, runtime, parts } = bench();
    await append(T20, ['a', 'b']);
    runtime.nowMs = T20 + HOUR_MS + LATER_MS;
    let thaw = () => {};
    const frozen = new Promise<void>((resolve) => {
      thaw = resolve;
    });
    const [claimed, engine] = stopping(frozen);
    const first = another(engine).run(job, { remainingMs: () => 10_000 });
    await claimed;
    runtime.nowMs += 20_000;
    await another().run(job, PLENTY);
    await append(T20, ['c']);
    await another().rebuild(job, GROUP, PLENTY);
    const before = await parts();
    expect([...before.values()].map((rows) => rows.length)).toEqual([0, 3]);
    thaw();
    await first;
    expect(await parts()).toEqual(before);
    expect(await another().run(job, PLENTY)).toMatchObject({ claims: 0, finished: true });
  });

  it('stop a frozen run that would take a repeat for a record, since a rebuild emptied the part that has it', async () => {
    const minutes = jobOf({
      window: 'minute',
      source: { name: 'events', key: template('events/{time:yyyy/MM/dd/HH}/{lane}.ndjson') },
      output: template('tables/{time:yyyy-MM-dd-HH-mm}', false),
    });
    const { another, append, runtime, rows } = bench({ job: minutes });
    runtime.nowMs = T20 + HOUR_MS + LATER_MS;
    await append(T20, ['a'], { lane: '0' });
    await another().run(minutes, PLENTY);
    // A claim of a repeat alone, with another time: it has no part, so no name is taken.
    await append(T20 + 60_000, ['a'], { lane: '1' });
    let thaw = () => {};
    const frozen = new Promise<void>((resolve) => {
      thaw = resolve;
    });
    const [claimed, engine] = stopping(frozen);
    const first = another(engine).run(minutes, { remainingMs: () => 10_000 });
    await claimed;
    runtime.nowMs += 20_000;
    expect(await another().run(minutes, PLENTY)).toMatchObject({ claims: 1, rows: 0, repeats: 1 });
    await another().rebuild(minutes, GROUP, PLENTY);
    thaw();
    expect(await first).toMatchObject({ claims: 0, busy: [GROUP] });
    expect(await rows()).toEqual([JSON.stringify({ id: 'a' })]);
  });

  it('of a run that failed are given up, and taken over at once', async () => {
    const { another, append, runtime, rows } = bench();
    await append(T20, ['a']);
    runtime.nowMs = T20 + HOUR_MS + LATER_MS;
    const failure = new Error('disk full');
    const failing = interrupted(() => Promise.reject(failure));
    await expect(another(failing).run(job, PLENTY)).rejects.toBe(failure);
    expect(await another().run(job, PLENTY)).toMatchObject({ claims: 1 });
    expect((await rows()).length).toBe(1);
  });
});

describe('time and others', () => {
  it('lets others work on the groups beside the oldest, as many as it may', async () => {
    const { made, invoker } = calls();
    const { another, append, runtime, parts } = bench();
    for (let hour = 0; hour < 6; hour++) await append(T20 + hour * HOUR_MS, ['a']);
    runtime.nowMs = T20 + 6 * HOUR_MS + LATER_MS;
    const result = await another({ invoker }).run(jobOf({ fanOut: 3 }), PLENTY);
    expect(result).toMatchObject({ claims: 3, finished: false });
    expect(made.map(({ group }) => group)).toEqual([
      '2026-11-22T21:00Z',
      '2026-11-22T22:00Z',
      '2026-11-22T23:00Z',
    ]);
    expect(result.handedOn).toEqual(made.map(({ group }) => group));
    for (const { group } of made) await another({ invoker }).run(job, { ...PLENTY, group });
    expect((await parts()).size).toBe(6);
  });

  it('commits what it did before its time is up, and hands on the rest', async () => {
    const { made, invoker } = calls();
    const { another, append, runtime, rows } = bench();
    for (let n = 0; n < 10; n++) await append(T20, [`id-${n}`]);
    runtime.nowMs = T20 + HOUR_MS + LATER_MS;
    const endMs = runtime.nowMs + 60_000;
    const slow = interrupted(() => {
      runtime.nowMs += 25_000;
    });
    const small = jobOf({ claimBytesMax: 1000 });
    const result = await another({ invoker, ...slow }).run(small, {
      remainingMs: () => endMs - runtime.nowMs,
    });
    expect(result.claims).toBeGreaterThan(0);
    expect(result).toMatchObject({ finished: false, handedOn: [GROUP] });
    expect(made).toEqual([{ job: 'table', group: GROUP }]);
    expect((await rows()).length).toBe(result.rows);
    await another().run(small, { ...PLENTY, group: GROUP });
    expect((await rows()).length).toBe(10);
  });

  it('gives a claim up that it has no time for, without handing it on for ever', async () => {
    const { made, invoker } = calls();
    const { another, append, runtime, rows } = bench();
    await append(T20, ['a']);
    runtime.nowMs = T20 + HOUR_MS + LATER_MS;
    const endMs = runtime.nowMs + 60_000;
    const slow = interrupted(() => {
      runtime.nowMs += 58_000;
    });
    const run = another({ invoker, ...slow }).run(job, { remainingMs: () => endMs - runtime.nowMs });
    await expect(run).rejects.toBeInstanceOf(JobError);
    await expect(run).rejects.toMatchObject({ code: 'OutOfTime' });
    expect(made).toEqual([]);
    expect(await another().run(job, PLENTY)).toMatchObject({ claims: 1 });
    expect((await rows()).length).toBe(1);
  });

  it('goes on where nobody can be called', async () => {
    const invoker: Invoker = { invoke: () => Promise.reject(new Error('no way')) };
    const { another, append, runtime, parts } = bench();
    for (let hour = 0; hour < 3; hour++) await append(T20 + hour * HOUR_MS, ['a']);
    runtime.nowMs = T20 + 3 * HOUR_MS + LATER_MS;
    expect(await another({ invoker }).run(jobOf({ fanOut: 1 }), PLENTY)).toMatchObject({ handedOn: [] });
    await another().run(job, PLENTY);
    expect((await parts()).size).toBe(3);
  });
});

describe('a rebuild', () => {
  it('makes the parts anew from the source, in as many claims as it takes', async () => {
    const { another, append, runtime, parts, rows } = bench();
    runtime.nowMs = T20 + HOUR_MS + LATER_MS;
    for (let n = 0; n < 6; n++) {
      await append(T20, [`id-${n}`]);
      await another().run(job, PLENTY);
    }
    expect((await parts()).size).toBe(6);
    expect(await another().rebuild(job, GROUP, PLENTY)).toMatchObject({ claims: 1, rows: 6, finished: true });
    expect([...(await parts()).values()].map((one) => one.length)).toEqual([0, 0, 0, 0, 0, 0, 6]);
    const small = jobOf({ claimBytesMax: 700 });
    const { claims } = await another().rebuild(small, GROUP, PLENTY);
    expect(claims).toBeGreaterThan(1);
    expect((await rows()).length).toBe(6);
    expect(await another().run(job, PLENTY)).toMatchObject({ claims: 0, finished: true });
    await append(T20, ['late']);
    await another().run(job, PLENTY);
    expect((await rows()).length).toBe(7);
  });
});
