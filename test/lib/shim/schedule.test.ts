import type { ScheduledEvent } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { fcSchedule, MalformedEventError, type ScheduleDetail } from '../../../lib/shim/index.ts';
import { bytesOf, eventOf, fcContext, manualClock, rejection } from './support.ts';

async function scheduled(event: Buffer): Promise<ScheduledEvent<ScheduleDetail>[]> {
  const seen: ScheduledEvent<ScheduleDetail>[] = [];
  const handler = fcSchedule(async (arrived) => {
    seen.push(arrived);
  }, manualClock());
  await handler(event, fcContext());
  return seen;
}

describe('fcSchedule', () => {
  it('gives a timer as a scheduled event with the payload as it is configured', async () => {
    expect(await scheduled(eventOf('timer'))).toEqual([
      {
        version: '0',
        id: 'hourly-2026-11-22T20:05:00Z',
        'detail-type': 'Scheduled Event',
        source: 'acs:fc:timer',
        account: '1234567890123456',
        time: '2026-11-22T20:05:00Z',
        region: 'cn-shanghai',
        resources: ['hourly'],
        detail: { triggerName: 'hourly', payload: '{"task":"rotate"}' },
      },
    ]);
  });

  it('gives the same id for the same trigger and time', async () => {
    const [first, second] = [...(await scheduled(eventOf('timer'))), ...(await scheduled(eventOf('timer')))];
    expect(first?.id).toBe(second?.id);
  });

  it('takes a missing payload for an empty one', async () => {
    const [event] = await scheduled(bytesOf({ triggerName: 'hourly', triggerTime: '2026-11-22T20:05:00Z' }));
    expect(event?.detail.payload).toBe('');
  });

  it.each([
    ['triggerName', { triggerTime: '2026-11-22T20:05:00Z' }],
    ['triggerTime', { triggerName: 'hourly', triggerTime: 'soon' }],
    ['payload', { triggerName: 'hourly', triggerTime: '2026-11-22T20:05:00Z', payload: { task: 1 } }],
    ['event', ['hourly']],
  ])('names a malformed %s', async (field, event) => {
    const error = await rejection(scheduled(bytesOf(event)));
    expect(error).toBeInstanceOf(MalformedEventError);
    expect(error).toMatchObject({ trigger: 'timer', field });
  });

  it('lets the error of a handler through, so that FC tries again', async () => {
    const failure = new TypeError('not now');
    const handler = fcSchedule(async () => {
      throw failure;
    }, manualClock());
    expect(await rejection(handler(eventOf('timer'), fcContext()))).toBe(failure);
  });
});
