/**
 * A header with half of a surrogate pair in the platform's event made the adapter of the framework throw, before the app
 * saw the request: an answer of status 500 that was no problem document, and a stack trace on the console that no logger
 * of ours wrote. Such an event is none now. Found with recorded events, changed; so since there was an event function.
 */
import { expect, it } from 'vitest';
import { fcHttp, MalformedEventError } from '../../lib/shim/index.ts';
import { bytesOf, eventOf, fcContext, manualClock, rejection } from '../lib/shim/support.ts';

it('an event with half a pair in a header is none', async () => {
  const handler = fcHttp(
    async ({ headers }) => ({ statusCode: 200, body: headers['x'] ?? '' }),
    manualClock(),
  );
  const call = (value: string) => {
    const event = JSON.parse(eventOf('http').toString());
    return handler(bytesOf({ ...event, headers: { X: value } }), fcContext());
  };
  expect(await rejection(call('a\ud800'))).toBeInstanceOf(MalformedEventError);
  expect((await call('a\ud83d\ude00')).body).toBe('a\u{1f600}');
});
