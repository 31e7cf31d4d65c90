import { describe, expect, it } from 'vitest';
import { createScheduleHandler } from '../../../lib/intake/schedule.ts';
import { type FcContext, fcSchedule } from '../../../lib/shim/index.ts';
import { StoreError } from '../../../lib/store/port.ts';
import { type Bench, bench } from './support.ts';

const config = {
  targets: {
    events: { format: 'log', key: 'events/{time:yyyy-MM-dd-HH}' },
    wire: { format: 'raw', key: 'wire/x' },
    checked: { format: 'log', key: 'checked/x', schema: { properties: { n: { type: 'integer' } } } },
  },
  schedules: { hourly: { target: 'events' }, wired: { target: 'wire' }, checked: { target: 'checked' } },
} as const;

const OBJECT = 'events/2026-11-22-20';

const FC: FcContext = {
  requestId: '1-2-3',
  credentials: {},
  function: { name: 'schedule', handler: 'index.handler', memory: 512, timeout: 60 },
  service: { logProject: '', logStore: '', qualifier: 'LATEST' },
  region: 'cn-hangzhou',
  accountId: '1234567890123456',
  logger: console,
};

/** Fires a timer the way the platform does. */
function firing({ config, intake, runtime }: Bench) {
  const platform = fcSchedule(createScheduleHandler({ config, intake }), { now: runtime.monotonic });
  return (triggerName: string, payload: string, triggerTime = '2026-11-22T20:05:00Z') =>
    platform(Buffer.from(JSON.stringify({ triggerName, triggerTime, payload })), FC);
}

describe('a timer', () => {
  it('appends its payload, under a name and at the time of this firing', async () => {
    const it = bench(config);
    it.nowMs += 86_400_000;
    expect(await firing(it)('hourly', '{"n":9007199254740993}')).toMatchObject({
      receipts: [
        { object: OBJECT, source: 'schedule/hourly', id: 'hourly-2026-11-22T20:05:00Z', repeat: false },
      ],
    });
    expect(await it.lines(OBJECT)).toEqual(['{"n":9007199254740993}']);
  });

  it('that is delivered twice appends once, and again when it fires again', async () => {
    const it = bench(config);
    const fire = firing(it);
    await fire('hourly', 'tick');
    await fire('hourly', 'tick');
    await fire('hourly', 'tick', '2026-11-22T20:10:00Z');
    expect(await it.lines(OBJECT)).toEqual(['"tick"', '"tick"']);
  });

  it('without a payload says that it fired', async () => {
    const it = bench(config);
    await firing(it)('hourly', '');
    expect(await it.lines(OBJECT)).toEqual(['{"schedule":"hourly","time":"2026-11-22T20:05:00Z"}']);
  });

  it('appends its payload verbatim to a raw target, and fails if there is none', async () => {
    const it = bench(config);
    await firing(it)('wired', '{ "a" : 1 }');
    expect(await it.text('wire/x')).toBe('{ "a" : 1 }');
    await expect(firing(it)('wired', '')).rejects.toMatchObject({ name: 'EmptyPayload' });
  });

  it('without a target fails, and says where to give it one', async () => {
    const it = bench(config);
    await expect(firing(it)('stray', 'x')).rejects.toThrowError(/"stray".*"schedules" in append\.config\.ts/);
    expect(it.appends).toEqual([]);
  });

  it('fails when the store refuses, so that the platform tries again', async () => {
    const it = bench(config);
    const failure = new StoreError('NoSuchBucket', 'no', { status: 404 });
    it.intercept = () => ({ kind: 'failed', failure });
    await expect(firing(it)('hourly', 'x')).rejects.toMatchObject({ name: 'AppendRefused' });
  });

  it('fails with a payload that does not fit the schema of its target', async () => {
    const it = bench(config);
    await expect(firing(it)('checked', '{"n":"1"}')).rejects.toMatchObject({
      code: 'SchemaMismatch',
      misfits: [{ pointer: '/n', keyword: 'type' }],
    });
    expect(it.appends).toEqual([]);
    await firing(it)('checked', '');
    await firing(it)('checked', '{"n":1}', '2026-11-22T20:06:00Z');
    expect(await it.lines('checked/x')).toEqual([
      '{"schedule":"checked","time":"2026-11-22T20:05:00Z"}',
      '{"n":1}',
    ]);
  });
});
