import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../lib/config/error.ts';
import { type ConfigInput, defineConfig } from '../../../lib/config.ts';

/** What is wrong with a configuration, which may be of any shape: types do not reach what is loaded. */
function problems(input: unknown): readonly string[] {
  try {
    defineConfig(input as ConfigInput<string>);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

const targets = {
  notes: { format: 'raw', key: 'notes/{path}' },
  events: { format: 'log', key: 'events/{time:yyyy/MM/dd/HH}.ndjson' },
  stats: { format: 'log', key: 'stats/{time:yyyy/MM/dd}.ndjson' },
} as const;
const table = {
  kind: 'compact',
  source: 'events',
  window: 'hour',
  output: 'tables/events/day={time:yyyy-MM-dd}/hour={time:HH}',
} as const;
const rollup = {
  kind: 'rollup',
  source: 'events',
  window: 'hour',
  sql: 'SELECT count(*) AS n FROM records',
  into: { target: 'stats' },
} as const;

/** The problems of one job, without its name. */
const ofJob = (job: object, more: object = {}) =>
  problems({ targets: { ...targets, ...more }, jobs: { j: job } }).map((text) =>
    text.replace(/^jobs\.j\.?/, ''),
  );

describe('jobs in the configuration', () => {
  it('are filled in', () => {
    const { jobs, jobLogs } = defineConfig({ targets, jobs: { 'events-table': table, 'per-hour': rollup } });
    expect(jobLogs).toEqual({ prefix: 'jobs/' });
    expect(jobs.get('events-table')).toMatchObject({
      name: 'events-table',
      kind: 'compact',
      logKey: 'jobs/events-table.ndjson',
      source: { name: 'events', key: { text: 'events/{time:yyyy/MM/dd/HH}.ndjson' } },
      window: 'hour',
      output: { text: table.output },
      format: 'parquet',
      columns: [],
      sort: [],
      rollup: null,
      graceMs: 60_000,
      claimBytesMax: 1024 ** 3,
      memoryBytesMax: 512 * 1024 ** 2,
    });
    expect(jobs.get('per-hour')).toMatchObject({
      logKey: 'jobs/per-hour.ndjson',
      output: { text: 'jobs/per-hour/day={time:yyyy-MM-dd}/hour={time:HH}' },
      rollup: { sql: rollup.sql, rowKey: [], into: { name: 'stats', contentType: 'application/x-ndjson' } },
    });
  });

  it('of SQL write files where they say so', () => {
    const files = 'rollups/day={time:yyyy-MM-dd}/hour={time:HH}';
    const { jobs } = defineConfig({ targets, jobs: { j: { ...rollup, into: { files } } } });
    expect(jobs.get('j')?.rollup).toMatchObject({ into: { files: { text: files, prefix: 'rollups/day=' } } });
    // @ts-expect-error: it is one or the other
    const none = () => defineConfig({ targets, jobs: { j: { ...rollup, into: {} } } });
    expect(none).toThrowError(ConfigError);
  });

  it('are none where none are named', () => {
    const { jobs, targets: read } = defineConfig({ targets: { j: { format: 'log', key: 'jobs/x' } } });
    expect(jobs.size).toBe(0);
    expect(read.get('j')?.retention).toBe(null);
  });

  it('keep the order of their columns', () => {
    const columns = {
      b: { path: '$.b', type: 'DOUBLE' },
      a: { path: '$."x y"[0].z', type: 'DECIMAL(18,2)' },
    };
    const { jobs } = defineConfig({ targets, jobs: { j: { ...table, columns, sort: ['a', 'time'] } } });
    expect(jobs.get('j')?.columns.map(({ name }) => name)).toEqual(['b', 'a']);
    expect(jobs.get('j')?.sort).toEqual(['a', 'time']);
  });

  it('have the names of targets also for the compiler', () => {
    const job = { ...table, source: 'event' } as const;
    // @ts-expect-error: there is no target event
    expect(() => defineConfig({ targets, jobs: { j: job } })).toThrowError(ConfigError);
  });

  it('tell all mistakes at once, each with its place and what to write', () => {
    expect(
      problems({
        targets,
        jobs: {
          No_Name: table,
          a: 'events',
          b: { kind: 'copy' },
          c: { kind: 'compact' },
          d: { ...table, output: 'tables/{path}', format: 'csv', sql: 'SELECT 1', sort: 'time', graceMs: -1 },
          e: { ...rollup, sql: ' ', into: 'stats', rowKey: [''] },
          f: { ...table, window: 'week', columns: { x: { path: 'amount', type: 'INT; DROP' } } },
          g: { ...table, claimBytesMax: 10, memoryBytesMax: 0.5 },
        },
        jobLogs: { prefix: '' },
      }),
    ).toEqual([
      'jobs.No_Name: write jobs by name, with a-z, 0-9 and - in a name',
      'jobLogs.prefix: write what the keys of their logs start with, such as "jobs/"',
      'jobs.a: write "compact" (records into files of rows) or "rollup" (SQL over the records of a window)',
      'jobs.b.kind: write "compact" (records into files of rows) or "rollup" (SQL over the records of a window)',
      'jobs.c.source: is missing; write the name of a target with format "log"',
      'jobs.c.window: is missing; write "minute", "hour" or "day"',
      'jobs.c.output: is missing; write a directory for each window, such as "tables/orders/day={time:yyyy-MM-dd}/hour={time:HH}"',
      'jobs.d.graceMs: write milliseconds from 0 to 86,400,000 (a day)',
      'jobs.d.format: write "parquet", "ndjson-gzip" or "ndjson-zstd"',
      'jobs.d.sort: write names of columns, such as ["time"]',
      'jobs.d.sql: there is no such setting; there are kind, source, window, columns, graceMs, claimBytesMax, memoryBytesMax, output, format, sort',
      'jobs.e.sql: write a query over records, such as "SELECT count(*) AS orders FROM records"',
      'jobs.e.rowKey.0: write names of columns, such as ["time"]',
      'jobs.e.into: write an object with target or files',
      'jobs.f.window: write "minute", "hour" or "day"',
      'jobs.f.columns.x.path: write where the value is in a record, such as "$.amount" or "$.items[0].price"',
      'jobs.f.columns.x.type: write a type of SQL, such as VARCHAR, BIGINT, DOUBLE, DECIMAL(18,2), TIMESTAMP or VARCHAR[]',
      'jobs.g.claimBytesMax: write bytes from 1,048,576 (1 MiB) to 8,589,934,592 (8 GiB)',
      'jobs.g.memoryBytesMax: write bytes from 134,217,728 (128 MiB) to 68,719,476,736 (64 GiB)',
    ]);
  });

  it('read a log that there is, and whose keys tell what they are of', () => {
    expect(ofJob({ ...table, source: 'orders' })).toEqual([
      'source: write the name of a target with format "log": events, stats',
    ]);
    expect(ofJob({ ...table, source: 'notes' })).toEqual([
      'source: notes is "raw", and has no records; write the name of a target with format "log": events, stats',
    ]);
    const vague = { format: 'log', key: 'v/{field.a}-{field.b}-{time:yyyy}.ndjson' };
    expect(ofJob({ ...table, source: 'v' }, { v: vague })).toEqual([
      expect.stringMatching(/^source: v has a key: /),
    ]);
    const free = { format: 'log', key: 'free/{path}' };
    expect(ofJob({ ...table, source: 'free' }, { free })).toEqual([]);
  });

  it('put each window into a directory of its own', () => {
    const output = (text: string, window = 'hour') => ofJob({ ...table, window, output: text });
    expect(output('tables/day={time:yyyy-MM-dd}')).toEqual([
      'output: two windows would share a directory; write all of yyyy MM dd HH in its {time:…}, such as "tables/orders/day={time:yyyy-MM-dd}/hour={time:HH}"',
    ]);
    expect(output('tables/{time:HH}/{time:yyyy}/{time:MM.dd}')).toEqual([]);
    expect(output('tables/{time:yyyyMMdd}'.replace('yyyyMMdd', 'yyyy/MM/dd'), 'day')).toEqual([]);
    expect(output('tables/{time:yyyy-MM-ddTHH}', 'minute')).toEqual([
      expect.stringContaining('yyyy MM dd HH mm in its {time:…}'),
    ]);
    expect(output('tables/{time:yyyy-MM-dd}/{field.shop}/{time:HH}')).toEqual([
      expect.stringContaining('windows, which bring {time:…} only; take {field.shop} out'),
    ]);
    expect(output('tables/{day}')).toEqual([expect.stringContaining('{day} is no placeholder')]);
  });

  it('share no directory with a target, a dead letter, a log of jobs or each other', () => {
    const hour = '{time:yyyy-MM-ddTHH}';
    const output = (text: string) => ofJob({ ...table, output: text });
    expect(output(`events/${hour}`)).toEqual([expect.stringMatching(/^output: .*keys of targets\.events; /)]);
    expect(output(`dead-letters/${hour}`)).toEqual([
      expect.stringMatching(/^output: .*keys of deadLetters; /),
    ]);
    expect(output(`jobs/${hour}`)).toEqual([expect.stringMatching(/^output: .*keys of jobLogs; /)]);
    expect(output(`jobs/j/${hour}`)).toEqual([]);
    const two = { a: table, b: { ...table, output: `tables/events/${hour}` } };
    expect(problems({ targets, jobs: two })).toEqual([
      expect.stringMatching(
        /^jobs\.b\.output: could write the keys of jobs\.a\.output; start "tables.* with different text/,
      ),
    ]);
    const own = { targets: { ...targets, mine: { format: 'log', key: 'jobs/{path}' } }, jobs: { j: table } };
    expect(problems(own)).toEqual([expect.stringMatching(/^jobLogs\.prefix: .*keys of targets\.mine; /)]);
    expect(problems({ ...own, jobLogs: { prefix: 'state/jobs/' } })).toEqual([]);
    expect(problems({ targets, jobs: { j: table }, jobLogs: { prefix: 'dead-letters/' } })).toEqual([
      expect.stringMatching(/^jobLogs\.prefix: .*keys of deadLetters; /),
    ]);
  });

  it('of SQL put files by the rules of an output, beside their own and all others', () => {
    const hour = '{time:yyyy-MM-ddTHH}';
    const into = (value: object, more: object = {}) => ofJob({ ...rollup, ...more, into: value });
    const either =
      'into: write either target, the name of one with format "log", or files, a directory for each window';
    expect(into({})).toEqual([either]);
    expect(into({ target: 'stats', files: `r/${hour}` })).toEqual([either]);
    expect(into({ file: `r/${hour}` })).toEqual([
      'into.file: there is no such setting; there are target or files',
      either,
    ]);
    expect(into({ files: 5 })).toEqual([expect.stringMatching(/^into\.files: write a directory for each/)]);
    expect(into({ files: '{time:yyyy}' })).toEqual([
      expect.stringMatching(/^into\.files: start it with text/),
    ]);
    expect(into({ files: 'r/day={time:yyyy-MM-dd}' })).toEqual([
      expect.stringMatching(/^into\.files: two windows would share a directory; write all of yyyy MM dd HH/),
    ]);
    expect(into({ files: `r/{queue}/${hour}` })).toEqual([
      expect.stringMatching(/^into\.files: .* take \{queue\} out/),
    ]);
    expect(into({ files: `events/${hour}` })).toEqual([
      expect.stringMatching(/^into\.files: could write the keys of targets\.events; /),
    ]);
    expect(into({ files: `jobs/${hour}` })).toEqual([
      expect.stringMatching(/^into\.files: could write the keys of jobLogs; /),
      expect.stringMatching(/^into\.files: could write the keys of jobs\.j\.output; /),
    ]);
    expect(into({ files: `r/${hour}` }, { output: 'r/day={time:yyyy-MM-dd}/{time:HH}' })).toEqual([
      expect.stringMatching(/^into\.files: could write the keys of jobs\.j\.output; /),
    ]);
    const two = { a: { ...rollup, into: { files: table.output } }, b: table };
    expect(problems({ targets, jobs: two })).toEqual([
      expect.stringMatching(/^jobs\.b\.output: could write the keys of jobs\.a\.into\.files; /),
    ]);
  });

  it('name columns once, and sort by those that there are', () => {
    const column = { path: '$.x', type: 'BIGINT' };
    expect(ofJob({ ...table, columns: { Time: column, x: column, X: column } })).toEqual([
      expect.stringMatching(/^columns\.Time: there is a column of this name already/),
      expect.stringMatching(/^columns\.X: there is a column of this name already/),
    ]);
    expect(ofJob({ ...table, columns: { x: column }, sort: ['x', 'y'] })).toEqual([
      'sort: there is no column "y"; there are id, source, epoch, time, log, object, start, end, record, data, x',
    ]);
  });

  it('of SQL put rows where a window can, and not back into their source', () => {
    const into = (key: string, more: object = {}) =>
      ofJob({ ...rollup, into: { target: 'x' } }, { x: { format: 'log', key, ...more } });
    expect(ofJob({ ...rollup, into: { target: 'events' } })).toEqual([
      'into.target: is the source itself, which would never come to an end; choose another target',
    ]);
    expect(ofJob({ ...rollup, into: { target: 'notes' } })).toEqual([
      expect.stringMatching(/^into\.target: notes is "raw"/),
    ]);
    expect(into('x/{path}')).toEqual([expect.stringMatching(/^into\.target: x needs \{path\}/)]);
    expect(into('x/{queue}/a')).toEqual([expect.stringMatching(/^into\.target: x needs \{queue\}/)]);
    expect(into('x/{field.a}/a')).toEqual([expect.stringMatching(/^into\.target: x needs \{field\.a\}/)]);
    expect(into('x/{lane}', { lanes: { by: 'id', count: 4 } })).toEqual([
      expect.stringMatching(/^into\.target: x has lanes/),
    ]);
    const more = { c: { format: 'log', key: 'c/x' }, d: { format: 'log', key: 'd/x' } };
    const chain = (source: string, target: string) => ({ ...rollup, source, into: { target } });
    expect(
      problems({
        targets: { ...targets, ...more },
        jobs: {
          a: chain('events', 'c'),
          b: chain('c', 'd'),
          z: chain('d', 'events'),
          fine: chain('c', 'stats'),
        },
      }),
    ).toEqual([
      'jobs.a.into.target: its rows come back to its source through b, z, without end; choose another target',
    ]);
  });

  it('keep what retention takes away', () => {
    const kept = (key: string, jobs: object) =>
      problems({ targets: { e: { format: 'log', key, retention: { ageMs: 86_400_000 } } }, jobs });
    const day = 'e/{time:yyyy/MM/dd}.ndjson';
    const job = { ...table, source: 'e' };
    expect(kept(day, { job })).toEqual([]);
    const needs =
      'targets.e.retention: no job keeps the records; add a job { kind: "compact", source: "e", format: "parquet", … }';
    expect(kept(day, {})).toEqual([needs]);
    expect(kept(day, { job: { ...job, format: 'ndjson-gzip' } })).toEqual([needs]);
    expect(kept('e/{time:HH}.ndjson', { job })).toEqual([
      'targets.e.retention: the key has no {time:…} from yyyy on, so its objects never end; add one, or take retention out',
    ]);
    expect(
      kept(day, { job }).concat(
        problems({ targets: { e: { format: 'log', key: day, retention: { ageMs: 5 } } } }),
      ),
    ).toEqual(['targets.e.retention.ageMs: write an age in milliseconds, 60,000 or more']);
    expect(problems({ targets: { r: { format: 'raw', key: 'r/x', retention: { ageMs: 60_000 } } } })).toEqual(
      [expect.stringMatching(/^targets\.r\.retention: there is no such setting/)],
    );
  });
});
