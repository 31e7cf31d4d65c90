import { describe, expect, it } from 'vitest';
import type { Job, RunCall, RunResult } from '../../../lib/aggregate/job.ts';
import { EngineError } from '../../../lib/aggregate/ports.ts';
import { createJobHandler } from '../../../lib/aggregator/handler.ts';
import { defineConfig } from '../../../lib/config.ts';
import { InvalidJobCall, type JobCall } from '../../../lib/invoke/event.ts';
import type { LogFields } from '../../../lib/runtime.ts';

const table = { kind: 'compact', source: 'events', window: 'day' } as const;
const { jobs } = defineConfig({
  targets: { events: { format: 'log', key: 'events/{time:yyyy}' } },
  jobs: {
    a: { ...table, output: 'tables/a/{time:yyyy-MM-dd}' },
    b: { ...table, output: 'tables/b/{time:yyyy-MM-dd}' },
    c: { ...table, output: 'tables/c/{time:yyyy-MM-dd}' },
  },
});

const result: RunResult = {
  claims: 0,
  records: 0,
  rows: 0,
  repeats: 0,
  bytes: 0,
  handedOn: [],
  busy: [],
  finished: true,
};

/** A handler whose runs take `tookMs` each, of 1,000. */
function setting({ tookMs = 0, fails = [] as string[], invokeFails = false } = {}) {
  const seen = {
    ran: [] as [string, string | null | undefined][],
    invoked: [] as JobCall[],
    retired: [] as string[],
    verified: [] as string[],
    logged: [] as LogFields[],
  };
  let remainingMs = 1000;
  const run = async (job: Job, call: RunCall) => {
    seen.ran.push([job.name, call.group]);
    expect(call.remainingMs()).toBe(remainingMs);
    remainingMs -= tookMs;
    if (fails.includes(job.name)) throw new EngineError('BadSql', `no table in ${job.name}`);
    return result;
  };
  const note = (_event: string, fields: LogFields = {}) => void seen.logged.push(fields);
  const handler = createJobHandler({
    jobs,
    aggregatorOf: () => ({ run }),
    retained: ['events'],
    async retire(target) {
      seen.retired.push(target);
      return { logs: [], finished: true };
    },
    logs: ['events'],
    async verify(target) {
      seen.verified.push(target);
      return { target, sound: true, report: null };
    },
    invoker: {
      async invoke(call) {
        if (invokeFails) throw new Error('no answer');
        seen.invoked.push(call);
      },
    },
    runtime: { log: { info: note, warn: note, error: note } },
  });
  const fire = (payload: string) =>
    handler({ detail: { payload } } as Parameters<typeof handler>[0], {
      getRemainingTimeInMillis: () => remainingMs,
    });
  return { ...seen, fire };
}

describe('the timer of jobs', () => {
  it('runs all jobs without a payload, and one with', async () => {
    const all = setting();
    expect(await all.fire('')).toEqual({ ran: ['a', 'b', 'c'].map((job) => ({ job, result })) });
    expect(all.ran).toEqual([
      ['a', null],
      ['b', null],
      ['c', null],
    ]);
    const one = setting();
    await one.fire('{"job":"b","group":"2026-01-01T00:00Z"}');
    expect(one.ran).toEqual([['b', '2026-01-01T00:00Z']]);
  });

  it('removes what is old in a target, and runs nothing', async () => {
    const { fire, ran, retired } = setting();
    expect(await fire('{"retire":"events"}')).toEqual({ ran: [], retired: { logs: [], finished: true } });
    expect([ran, retired]).toEqual([[], ['events']]);
  });

  it('audits a target, and runs nothing', async () => {
    const { fire, ran, verified } = setting();
    const audited = { target: 'events', sound: true, report: null };
    expect(await fire('{"verify":"events"}')).toEqual({ ran: [], audited });
    expect([ran, verified]).toEqual([[], ['events']]);
  });

  it('refuses a payload that is no call of a job that there is', async () => {
    for (const payload of [
      'b',
      '{}',
      '{"job":1}',
      '{"job":"b","run":2}',
      '{"job":"d"}',
      '{"retire":"stats"}',
      '{"verify":"notes"}',
      '{"verify":"events","job":"b"}',
    ]) {
      const { fire, ran } = setting();
      await expect(fire(payload)).rejects.toBeInstanceOf(InvalidJobCall);
      expect(ran).toEqual([]);
    }
  });

  it('hands jobs to other instances when half of the time is gone, but never the first', async () => {
    const { fire, ran, invoked } = setting({ tookMs: 600 });
    expect((await fire('')).ran.map((one) => one.result === null)).toEqual([false, true, true]);
    expect(ran).toEqual([['a', null]]);
    expect(invoked).toEqual([
      { job: 'b', group: null },
      { job: 'c', group: null },
    ]);
  });

  it('fails when a job did, once the others have run', async () => {
    const { fire, ran, logged } = setting({ fails: ['a', 'c'] });
    const error: unknown = await fire('').catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(AggregateError);
    expect(error).toMatchObject({ errors: [{ code: 'BadSql' }, { code: 'BadSql' }] });
    expect(ran.map(([job]) => job)).toEqual(['a', 'b', 'c']);
    expect(logged).toEqual(['a', 'c'].map((job) => ({ job, code: 'BadSql', message: `no table in ${job}` })));
  });

  it('fails when a job could not be handed on, too', async () => {
    const { fire } = setting({ tookMs: 600, invokeFails: true });
    await expect(fire('')).rejects.toMatchObject({
      errors: [{ message: 'no answer' }, { message: 'no answer' }],
    });
  });
});
