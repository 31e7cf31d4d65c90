/** The event function from the platform's event to the object: whatever event arrives, as `functions/http.ts` takes it. */
import type { Handler } from 'aws-lambda';
import fc from 'fast-check';
import { handle } from 'hono/aws-lambda';
import { expect, it, onTestFinished, vi } from 'vitest';
import { credentialHolder } from '../../../lib/credentials.ts';
import { createHttpApp } from '../../../lib/http/app.ts';
import { lambdaPlatform } from '../../../lib/http/lambda.ts';
import { fcHttp, ShimError } from '../../../lib/shim/index.ts';
import { bench } from '../intake/support.ts';
import { changed } from '../shim/mutations.ts';
import { bytesOf, eventOf, fcContext } from '../shim/support.ts';
import { CONFIG, EVENTS, withAccess } from './support.ts';

function eventFunction() {
  const it = withAccess(bench(CONFIG));
  const app = createHttpApp({ ...it, platform: lambdaPlatform(credentialHolder()) });
  const lambda: Handler = handle(app, { isContentTypeBinary: () => true });
  return Object.assign(it, { call: fcHttp(lambda, { now: it.runtime.monotonic }) });
}

/** The recorded event, for what there is here. */
function requestTo(rawPath: string, more: object = {}): Buffer {
  const event = JSON.parse(eventOf('http').toString());
  return bytesOf({ ...event, rawPath, ...more });
}

const events = changed(
  () => requestTo('/append/events'),
  () => requestTo('/append/notes/a%2Fb', { body: 'AP8=', isBase64Encoded: true }),
  () => requestTo('/append/tenants'),
  () =>
    requestTo('/append/whole', {
      headers: { 'Content-Type': 'application/x-ndjson', 'Idempotency-Key': 'k' },
      body: '1\n2',
    }),
);

it('any event is answered, or is none to the shim; a refusal leaves nothing behind', async () => {
  // What the framework cannot make a request of, such as an unknown method, it tells the console, and answers 400.
  const told = vi.spyOn(console, 'error').mockImplementation(() => {});
  onTestFinished(() => told.mockRestore());
  await fc.assert(
    fc.asyncProperty(events, async (event) => {
      const { call, appends, logged } = eventFunction();
      try {
        const { statusCode, body } = await call(event, fcContext());
        expect([200, 304, 400, 401, 403, 404, 405, 412, 413, 415, 416, 422], body).toContain(statusCode);
        expect(appends.length).toBe(statusCode === 200 && appends.length > 0 ? 1 : 0);
      } catch (error) {
        if (!(error instanceof ShimError)) throw error;
        expect(appends).toEqual([]);
      }
      expect(logged.filter(({ level }) => level === 'error')).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

it('a body is what came, in text and in base64', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1 }), async (bytes) => {
      const { call, store, text } = eventFunction();
      const body = Buffer.from(bytes).toString('base64');
      await call(requestTo('/append/notes/a', { body, isBase64Encoded: true }), fcContext());
      const read = await store.read('notes/a', { start: 0, end: 1e9 }, { timeoutMs: 1000 });
      expect(Buffer.from(read?.bytes ?? [])).toEqual(Buffer.from(bytes));
      const back = await call(requestTo('/append/notes/a', { body: '', requestContext: GET }), fcContext());
      expect(back).toMatchObject({ statusCode: 200, body, isBase64Encoded: true });
      await call(requestTo('/append/events', { body: '{"größer":1.0}' }), fcContext());
      expect(await text(EVENTS)).toMatch(/^\{"größer":1\.0\}\n/);
    }),
    { numRuns: 100 },
  );
});

const { requestContext } = JSON.parse(eventOf('http').toString());
const GET = { ...requestContext, http: { ...requestContext.http, method: 'GET' } };
