import { describe, expect, it } from 'vitest';
import { shimContext } from '../../../lib/shim/context.ts';
import { fcQueue, MalformedEventError, UnsupportedError } from '../../../lib/shim/index.ts';
import { eventOf, fcContext, manualClock, rejection } from './support.ts';

describe('the Lambda context', () => {
  it('says of the function and the call what FC says', () => {
    const context = shimContext(fcContext(), manualClock());
    expect(context).toMatchObject({
      awsRequestId: '1-6742a1f0-15c0ffee-0123456789ab',
      functionName: 'relay-intake',
      functionVersion: '7',
      invokedFunctionArn: 'acs:fc:cn-shanghai:1234567890123456:functions/relay-intake',
      memoryLimitInMB: '512',
      logGroupName: 'relay-sls',
      logStreamName: 'fc-logs',
    });
  });

  it('names the qualifier where there is no version, and the service in FC 2.0', () => {
    const service = { name: 'relay', logProject: '', logStore: '', qualifier: 'prod' };
    const context = shimContext(fcContext({ service }), manualClock());
    expect(context.functionVersion).toBe('prod');
    expect(context.invokedFunctionArn).toBe(
      'acs:fc:cn-shanghai:1234567890123456:services/relay.prod/functions/relay-intake',
    );
  });

  it('carries the original context, so that credentials are of this call', () => {
    const fc = fcContext({ credentials: { accessKeyId: 'STS.of-this-call' } });
    expect(shimContext(fc, manualClock()).fc.credentials.accessKeyId).toBe('STS.of-this-call');
  });

  it('counts the remaining time down from the time-out, and not below zero', () => {
    const clock = manualClock();
    const context = shimContext(fcContext(), clock);
    expect(context.getRemainingTimeInMillis()).toBe(30_000);
    clock.advance(29_000);
    expect(context.getRemainingTimeInMillis()).toBe(1000);
    clock.advance(2000);
    expect(context.getRemainingTimeInMillis()).toBe(0);
  });

  it('gives a queue handler no more than the five minutes of an event stream', async () => {
    const fc = fcContext({ function: { name: 'f', handler: 'h', memory: 512, timeout: 3600 } });
    let remainingMs = 0;
    const handler = fcQueue(async (_event, context) => {
      remainingMs = context.getRemainingTimeInMillis();
    }, manualClock());
    await handler(eventOf('smq'), fc);
    expect(remainingMs).toBe(300_000);
  });

  it('is refused without a time-out, since no deadline could be kept', () => {
    const fc = fcContext({ function: { name: 'f', handler: 'h', memory: 512, timeout: Number.NaN } });
    expect(() => shimContext(fc, manualClock())).toThrow(MalformedEventError);
  });

  it('refuses callbacks instead of ignoring them', async () => {
    const context = shimContext(fcContext(), manualClock());
    expect(() => context.done()).toThrow(UnsupportedError);
    expect(() => context.fail('x')).toThrow(UnsupportedError);
    expect(() => context.succeed('x')).toThrow(UnsupportedError);
    const handler = fcQueue((_event, _context, callback) => callback(null), manualClock());
    expect(await rejection(handler(eventOf('smq'), fcContext()))).toBeInstanceOf(UnsupportedError);
  });
});
