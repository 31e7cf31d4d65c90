import { describe, expect, it } from 'vitest';
import { progressOf } from '../../../infra/cli/jobs/progress.ts';
import { retiredText, retiring } from '../../../infra/cli/jobs/retire.ts';
import { runToEnd } from '../../../infra/cli/jobs/run.ts';
import { groupsTable, jobsTable } from '../../../infra/cli/jobs/table.ts';
import { JobError } from '../../../lib/aggregate/errors.ts';
import type { GroupStatus, RunResult } from '../../../lib/aggregate/job.ts';
import { defineConfig } from '../../../lib/config.ts';

const NOW_MS = Date.UTC(2026, 10, 22, 21, 30);

const { jobs } = defineConfig({
  targets: {
    events: { format: 'log', key: 'events/{time:yyyy/MM/dd/HH}.ndjson' },
    stats: { format: 'log', key: 'stats.ndjson' },
  },
  jobs: {
    hourly: { kind: 'compact', source: 'events', window: 'hour', output: 'tables/{time:yyyy-MM-ddTHH}' },
    log: { kind: 'rollup', source: 'events', window: 'hour', sql: 'FROM records', into: { target: 'stats' } },
    files: {
      kind: 'rollup',
      source: 'events',
      window: 'hour',
      sql: 'FROM records',
      into: { files: 'rollups/{time:yyyy-MM-ddTHH}' },
    },
  },
});
const job = jobs.get('hourly');

const group = (name: string, rest: Partial<GroupStatus>): GroupStatus => ({
  group: name,
  claims: 1,
  claimedMs: NOW_MS - 90_000,
  openUntilMs: null,
  committedBytes: 1000,
  bytes: 1000,
  records: 12_345,
  rows: 12_340,
  repeats: 5,
  parts: 1,
  ...rest,
});

const GROUPS = [
  group('2026-11-22T18:00Z', {}),
  group('2026-11-22T19:00Z', { bytes: 2_500_000, claimedMs: NOW_MS - 7_200_000 }),
  group('2026-11-22T20:00Z', { openUntilMs: NOW_MS + 30_000 }),
  group('2026-11-22T21:00Z', {
    claims: 0,
    claimedMs: null,
    committedBytes: 0,
    records: 0,
    rows: 0,
    repeats: 0,
    parts: 0,
  }),
];

async function progress(groups = GROUPS) {
  if (job === undefined) throw new Error('no job');
  return progressOf(job, { status: async () => ({ groups }) }, () => 1000, NOW_MS);
}

describe('how far jobs are', () => {
  it('is told by what there is to do, and when', async () => {
    const { groups } = await progress();
    expect(groups.map(({ state }) => state)).toEqual(['done', 'due', 'open', 'waiting']);
  });

  it('is told with where rows go', async () => {
    const shown = [...jobs.values()].map((one) =>
      progressOf(one, { status: async () => ({ groups: [] }) }, () => 1000, NOW_MS),
    );
    expect((await Promise.all(shown)).map(({ into }) => into)).toEqual([
      'tables/{time:yyyy-MM-ddTHH}',
      'stats',
      'rollups/{time:yyyy-MM-ddTHH}',
    ]);
  });

  it('is a table of jobs, and one of the groups of a job', async () => {
    const shown = await progress();
    const [header, line, ...more] = jobsTable([shown], NOW_MS).split('\n');
    expect(header).toMatch(/^job +kind +from +to +groups +rows +behind +last claim +open$/);
    expect(line).toMatch(
      /^hourly +compact +events +tables\/\{time:yyyy-MM-ddTHH\} +1 done, 1 open, 1 due, 1 waiting +37,020 +2\.5 MB +90 s ago +2026-11-22T20:00Z since 90 s ago$/,
    );
    expect(more).toEqual(['']);
    expect(
      groupsTable(shown, NOW_MS)
        .split('\n')
        .map((text) => text.split(/ {2,}/).slice(0, 3)),
    ).toEqual([
      ['group', 'state', 'claims'],
      ['2026-11-22T18:00Z', 'done', '1'],
      ['2026-11-22T19:00Z', 'due', '1'],
      ['2026-11-22T20:00Z', 'open, 30 s left', '1'],
      ['2026-11-22T21:00Z', 'waiting', '0'],
      [''],
    ]);
    expect(jobsTable([await progress([])], NOW_MS)).toMatch(/none yet/);
  });
});

describe('what retention did', () => {
  const target = {
    target: 'events',
    finished: false,
    logs: [
      { key: 'events/20.ndjson', segments: 2, bytes: 1_500_000, outcome: 'removed', reason: null },
      { key: 'events/21.ndjson', segments: 1, bytes: 10, outcome: 'kept', reason: 'a run is at it' },
    ],
  } as const;

  it('is a line a log, and says whether there is more', () => {
    expect(retiredText(target, false).split('\n')).toEqual([
      'events/20.ndjson: removed, 2 objects, 1.5 MB',
      'events/21.ndjson: stays: a run is at it',
      'events: there is more. Run the command again.',
      '',
    ]);
    expect(retiredText(target, true)).toContain('events/20.ndjson: would be removed, 2 objects');
    expect(retiredText({ ...target, logs: [], finished: true }, true)).toBe(
      'events: nothing is old enough.\n',
    );
  });

  it('is asked of targets that have one', () => {
    const retention = { ageMs: 60_000 };
    const config = defineConfig({
      targets: {
        events: { format: 'log', key: 'events/{time:yyyy/MM/dd}.ndjson', retention },
        notes: { format: 'raw', key: 'notes/{path}' },
      },
      jobs: {
        daily: { kind: 'compact', source: 'events', window: 'day', output: 'tables/{time:yyyy-MM-dd}' },
      },
    });
    expect(retiring(config, undefined).map(({ name }) => name)).toEqual(['events']);
    expect(retiring(config, 'events').map(({ name }) => name)).toEqual(['events']);
    expect(() => retiring(config, 'notes')).toThrow('The target notes has no retention');
    expect(() => retiring(config, 'orders')).toThrow('There is no target orders');
  });
});

describe('a run to the end', () => {
  const result = (claims: number, finished = true): RunResult => ({
    claims,
    records: 10 * claims,
    rows: 9 * claims,
    repeats: claims,
    bytes: 100 * claims,
    handedOn: [],
    busy: [],
    finished,
  });

  function setting(results: readonly RunResult[], open: readonly (readonly string[])[] = []) {
    const seen = { waited: [] as (readonly string[])[], calls: 0, looks: 0, remaining: [] as number[] };
    let stopped = false;
    const ended = runToEnd(
      async ({ remainingMs }) => {
        const next = results[seen.calls++];
        if (next === undefined) throw new Error('one run too many');
        if (seen.calls === results.length && next.claims > 0) stopped = true;
        seen.remaining.push(remainingMs());
        return next;
      },
      {
        runtime: { monotonic: () => 0, sleep: async () => {} },
        stop: { asked: () => stopped },
        openGroups: async () => open[seen.looks++] ?? [],
        onWait: (groups) => void seen.waited.push(groups),
      },
    );
    return { seen, ended };
  }

  it('goes on until a run finds nothing to do, and counts all of them', async () => {
    const { seen, ended } = setting([result(2, false), result(1), result(0)]);
    expect(await ended).toEqual({
      claims: 3,
      records: 30,
      rows: 27,
      repeats: 3,
      bytes: 300,
      wasStopped: false,
    });
    expect(seen.waited).toEqual([]);
  });

  it('waits for runs of others, and then looks again', async () => {
    const { seen, ended } = setting([result(0), result(0), result(0)], [['a'], ['a', 'b'], []]);
    expect(await ended).toMatchObject({ claims: 0, wasStopped: false });
    expect(seen.waited).toEqual([['a']]);
    expect(seen.calls).toBe(3);
  });

  it('was stopped, and not out of time, when it is asked to end before anything is done', async () => {
    const run = (asked: boolean) =>
      runToEnd(() => Promise.reject(new JobError('OutOfTime', 'The time of the run is up.')), {
        runtime: { monotonic: () => 0, sleep: async () => {} },
        stop: { asked: () => asked },
        openGroups: async () => [],
        onWait: () => {},
      });
    expect(await run(true)).toMatchObject({ claims: 0, wasStopped: true });
    await expect(run(false)).rejects.toMatchObject({ code: 'OutOfTime' });
  });

  it('ends when it is asked to, and leaves a run the time to give its claim up', async () => {
    const { seen, ended } = setting([result(1, false), result(1, false)]);
    expect(await ended).toMatchObject({ claims: 2, wasStopped: true });
    expect(seen.remaining).toEqual([600_000, 5000]);
  });
});
