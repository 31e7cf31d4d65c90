import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOCAL_BUCKET, LOCAL_KEY, LOCAL_REGION } from '../../infra/cli/stack.ts';
import { jsonLine } from '../../lib/append/record.ts';
import { createAppender } from '../../lib/appender.ts';
import { systemRuntime } from '../../lib/runtime.ts';
import { ossStore } from '../../lib/store/oss.ts';
import { cli, clientOf, localOss } from './stack.ts';

const GROUP = '2026-11-22T20:00Z';
const TABLE = "'tables/events/**/*.parquet'";

let local: Awaited<ReturnType<typeof localOss>>;
let port: string[];

beforeAll(async () => {
  local = await localOss();
  port = local.port;
});
afterAll(() => local.end());

/** Records of one hour of the past, with these numbers as ids and amounts. */
async function append(...numbers: readonly number[]): Promise<void> {
  const runtime = systemRuntime();
  const store = ossStore({
    endpoint: local.oss.url,
    region: LOCAL_REGION,
    bucket: LOCAL_BUCKET,
    credentials: () => LOCAL_KEY,
    runtime,
  });
  const records = numbers.map((n) => ({
    line: jsonLine(`{"amount":${n}}`),
    id: `${n}`,
    source: 'test',
    timeMs: Date.UTC(2026, 10, 22, 20, n),
  }));
  const appender = createAppender({ store, runtime, writer: 'test' });
  await appender.appendRecords('events/2026/11/22/20.ndjson', records, { remainingMs: () => 10_000 });
}

async function said(name: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(name, [...args, ...port]);
  expect(code, stderr).toBe(0);
  return stdout.toString();
}

const keys = async (): Promise<string[]> => {
  const { objects = [] } = await clientOf(local.oss.port).listV2({ 'max-keys': '1000' }, {});
  return objects.map(({ name }) => name);
};

describe('npm run jobs', () => {
  it('shows what is due, does it, does it anew, and shows what was done', async () => {
    await append(1, 2, 3);
    expect(await said('jobs')).toMatch(/^events-table .* 1 due +0 .*\nevents-per-minute .* 1 due /m);
    const before = await keys();
    expect(await said('jobs', 'run', 'events-table', '--dry-run')).toMatch(
      new RegExp(`\\n${GROUP} +due +0 `),
    );
    expect(await keys()).toEqual(before);

    expect(await said('jobs', 'run', 'events-table')).toMatch(/^3 records, .*: 3 new rows, 0 repeats\.\n$/);
    expect(await said('jobs', 'run', 'events-table')).toBe('Nothing was to be done.\n');
    expect(await said('jobs', 'run', 'events-table', '--dry-run')).toBe('Nothing is due.\n');
    await append(4);
    expect(await said('jobs', 'backfill', 'events-table', GROUP)).toMatch(
      /^1 record, .*: 1 new row, 0 repeats/,
    );
    expect(await said('jobs', 'rebuild', 'events-table', GROUP)).toMatch(/^4 records, .*: 4 new rows/);
    const [table] = JSON.parse(await said('jobs', '--json'));
    expect(table).toMatchObject({ job: 'events-table', kind: 'compact', source: 'events' });
    expect(table.groups).toEqual([
      expect.objectContaining({ group: GROUP, state: 'done', claims: 3, records: 4, rows: 4, parts: 4 }),
    ]);
    expect(await said('jobs', 'status', 'events-table')).toMatch(
      new RegExp(`\\n${GROUP} +done +3 +4 +4 +0 +4 `),
    );
    const line = '{"n":4,"amount":10}\n';
    expect(await said('query', '--json', `SELECT count(*) AS n, sum(amount) AS amount FROM ${TABLE}`)).toBe(
      line,
    );
  }, 120_000);

  it('and query say what is wrong, in a line, and end with 2', async () => {
    for (const [name, args, message] of [
      ['jobs', ['run', 'orders'], 'There is no job orders in append.config.ts'],
      ['jobs', ['retire'], 'No target has a retention in append.config.ts'],
      ['jobs', ['start'], 'There are status, run, backfill, rebuild and retire'],
      ['jobs', ['rebuild', 'events-table'], 'Which group?'],
      ['query', ["FROM 'no/such/*.parquet'"], 'There is no object no/such/*.parquet'],
      ['query', ['SELECT 1 +'], 'syntax error'],
      ['query', [`CREATE TABLE x AS FROM ${TABLE}`], 'not one SELECT'],
    ] as const) {
      const { code, stderr } = await cli(name, [...args, ...port]);
      expect(stderr).toContain(message);
      expect(stderr).not.toMatch(/^ {4}at /m);
      expect(code).toBe(2);
    }
    const { code, stderr } = await cli('jobs', ['backfill', 'events-table', '2026-11-22T19:00Z', ...port]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('2026-11-22T19:00Z')]);
  }, 120_000);

  it('has a help, as query does, and checks the SQL without a stack', async () => {
    for (const name of ['jobs', 'query']) {
      const { code, stdout } = await cli(name, ['--help']);
      expect([code, stdout.toString()]).toEqual([0, expect.stringContaining(`npm run ${name} -- `)]);
    }
    const { code, stdout } = await cli('jobs', ['--check']);
    expect([code, stdout.toString()]).toEqual([0, '2 jobs can run\n']);
  }, 60_000);
});
