/**
 * A context without `service`, which has names of versions and logs, or without `function`, ended every call with a
 * TypeError of ours. Now the one is not needed, and the other, which says how long a call may take, is asked for with a
 * typed error. Found with strange values in the members of a context; so since there was a shim.
 */
import { expect, it } from 'vitest';
import { type FcContext, fcHttp, MalformedEventError } from '../../lib/shim/index.ts';
import { eventOf, fcContext, manualClock, rejection } from '../lib/shim/support.ts';

const handler = fcHttp(
  async (_event, { functionVersion, invokedFunctionArn }) => ({ functionVersion, invokedFunctionArn }),
  manualClock(),
);
const call = (changes: object) => handler(eventOf('http'), { ...fcContext(), ...changes } as FcContext);

it('takes a context without a service', async () => {
  for (const service of [undefined, null]) {
    const { body } = await call({ service });
    expect(JSON.parse(body)).toEqual({
      functionVersion: '',
      invokedFunctionArn: 'acs:fc:cn-shanghai:1234567890123456:functions/relay-intake',
    });
  }
});

it('refuses one that does not say how long a call may take', async () => {
  for (const value of [undefined, null, {}, 'x'])
    expect(await rejection(call({ function: value }))).toBeInstanceOf(MalformedEventError);
});
