/**
 * A body that the platform's event calls base64 and that is none made the adapter of the framework throw: an answer of status
 * 500 that was no problem document, and a stack trace on the console. One with parts missing was decoded to something.
 * Such an event is none now. Found with recorded events, changed; so since there was an event function.
 */
import { expect, it } from 'vitest';
import { fcHttp, MalformedEventError } from '../../lib/shim/index.ts';
import { bytesOf, eventOf, fcContext, manualClock, rejection } from '../lib/shim/support.ts';

const handler = fcHttp(async ({ body = '' }) => ({ statusCode: 200, body }), manualClock());
const call = (body: string) => {
  const event = JSON.parse(eventOf('http').toString());
  return handler(bytesOf({ ...event, body, isBase64Encoded: true }), fcContext());
};

it.each(['{"n":1}', 'AP8', 'AP8=AP8=', 'AP=8', 'A===', '====', 'AP8=\n', 'AP-_'])(
  '%j is no base64',
  async (body) => {
    expect(await rejection(call(body))).toBeInstanceOf(MalformedEventError);
  },
);

it.each(['', 'AP8=', 'AA==', 'AAAA', 'ab+/'])('%j is', async (body) => {
  expect((await call(body)).body).toBe(body);
});
