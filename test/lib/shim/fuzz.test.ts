import type { SQSEvent } from 'aws-lambda';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  fcHttp,
  fcQueue,
  fcSchedule,
  queueNameOf,
  ShimError,
  undecodableOf,
} from '../../../lib/shim/index.ts';
import { anyEvent, QUEUE_EVENTS, STRANGE } from './mutations.ts';
import { eventOf, fcContext, manualClock } from './support.ts';

/** Runs to the end, or to a typed error whose message is short. */
async function endsTyped(call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof ShimError)) throw error;
    expect(error.message.length).toBeLessThan(300);
  }
}

function assertWellFormed({ Records }: SQSEvent): void {
  for (const record of Records) {
    const { messageId, body, receiptHandle, md5OfBody, eventSource, eventSourceARN, awsRegion, attributes } =
      record;
    const texts = [messageId, body, receiptHandle, eventSourceARN, awsRegion, ...Object.values(attributes)];
    for (const text of texts) expect(typeof text).toBe('string');
    expect(md5OfBody).toMatch(/^[0-9a-f]{32}$/);
    expect(eventSource).toMatch(/^acs:[a-z:]+$/);
    expect(attributes.SentTimestamp).toMatch(/^\d*$/);
    expect(attributes.ApproximateReceiveCount).toMatch(/^[1-9]\d*$/);
    for (const { dataType, stringValue } of Object.values(record.messageAttributes)) {
      expect(dataType).toBe('String');
      expect(stringValue).toMatch(/./s);
    }
    expect(['string', 'undefined']).toContain(typeof queueNameOf(record));
  }
}

describe('whatever event arrives', () => {
  it('a queue handler is given well-formed records, or the call fails with a typed error', async () => {
    const handler = fcQueue(async (event) => assertWellFormed(event), manualClock());
    await fc.assert(
      fc.asyncProperty(anyEvent(QUEUE_EVENTS), (event) => endsTyped(() => handler(event, fcContext()))),
      { numRuns: 3000 },
    );
  });

  it('a queue handler that asks for it is given all of it, and no call fails', async () => {
    let seen: SQSEvent['Records'] = [];
    const handler = fcQueue(
      async (event) => {
        assertWellFormed(event);
        seen = event.Records;
      },
      { ...manualClock(), undecodable: 'is-record' },
    );
    await fc.assert(
      fc.asyncProperty(anyEvent(QUEUE_EVENTS), async (event) => {
        await handler(event, fcContext());
        const kept = seen.filter((record) => undecodableOf(record) !== undefined);
        for (const { body, messageAttributes } of kept) {
          const encoding = messageAttributes['encoding'] ? 'base64' : 'utf8';
          expect(event.includes(Buffer.from(body, encoding))).toBe(true);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('a declared STREAM of any bytes is one record that gives them back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), async (bytes) => {
        let back: Buffer | undefined;
        const handler = fcQueue(
          async (event) => {
            assertWellFormed(event);
            const [record] = event.Records;
            const encoding = record?.messageAttributes['encoding'] ? 'base64' : 'utf8';
            back = Buffer.from(record?.body ?? '', encoding);
          },
          { ...manualClock(), shape: 'mns-topic-stream' },
        );
        await handler(Buffer.from(bytes), fcContext());
        expect(back).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it('an HTTP handler is given a request, or the call fails with a typed error', async () => {
    const handler = fcHttp(async (event) => {
      expect(event.rawPath).toMatch(/^\//);
      expect(event.requestContext.time).toMatch(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/);
      return { statusCode: 204 };
    }, manualClock());
    await fc.assert(
      fc.asyncProperty(anyEvent(['http']), (event) =>
        endsTyped(async () => expect((await handler(event, fcContext())).statusCode).toBe(204)),
      ),
      { numRuns: 1000 },
    );
  });

  it('an HTTP handler may answer anything, and FC gets the whole struct', async () => {
    const anyResult = fc.oneof(
      fc.anything({ withBigInt: true, withSparseArray: true }),
      fc.record({
        statusCode: fc.oneof(fc.nat(700), STRANGE),
        headers: fc.object(),
        body: STRANGE,
        cookies: STRANGE,
      }),
    );
    await fc.assert(
      fc.asyncProperty(anyResult, async (result) => {
        const response = await fcHttp(async () => result, manualClock())(eventOf('http'), fcContext());
        expect(Number.isInteger(response.statusCode)).toBe(true);
        expect(typeof response.body).toBe('string');
        expect(typeof response.isBase64Encoded).toBe('boolean');
        for (const value of Object.values(response.headers)) expect(typeof value).toBe('string');
      }),
      { numRuns: 1000 },
    );
  });

  it('a timer handler is given a schedule, or the call fails with a typed error', async () => {
    const handler = fcSchedule(async ({ id, time, detail }) => {
      expect(id).toBe(`${detail.triggerName}-${time}`);
      expect(typeof detail.payload).toBe('string');
    }, manualClock());
    await fc.assert(
      fc.asyncProperty(anyEvent(['timer']), (event) => endsTyped(() => handler(event, fcContext()))),
      { numRuns: 1000 },
    );
  });

  it('a context of any kind is taken, or the call fails with a typed error', async () => {
    const members = fc.constantFrom(
      'function.timeout',
      'function',
      'service',
      'credentials',
      'requestId',
      'retryCount',
    );
    await fc.assert(
      fc.asyncProperty(members, STRANGE, async (member, strange) => {
        const [name = '', inner] = member.split('.');
        const fc2 = fcContext();
        const value = inner === undefined ? strange : { ...fc2.function, [inner]: strange };
        const context = { ...fc2, [name]: value } as typeof fc2;
        let remainingMs: number | undefined;
        const handler = fcHttp(async (_event, { getRemainingTimeInMillis }) => {
          remainingMs = getRemainingTimeInMillis();
          return { statusCode: 204 };
        }, manualClock());
        await endsTyped(() => handler(eventOf('http'), context));
        if (remainingMs !== undefined) expect(remainingMs).toBeGreaterThan(0);
      }),
      { numRuns: 300 },
    );
  });

  it('deep nesting overflows nothing', async () => {
    const deep = `${'[{"a":'.repeat(100_000)}1${'}]'.repeat(100_000)}`;
    const record = (value: string): Buffer =>
      Buffer.from(`[{"topic":"t","partition":0,"offset":1,"value":${value}}]`);
    let length = 0;
    const handler = fcQueue(async ({ Records }) => {
      length = Records[0]?.body.length ?? 0;
    }, manualClock());
    await handler(record(deep), fcContext());
    expect(length).toBe(deep.length);
    await endsTyped(() => handler(Buffer.from(deep), fcContext()));
    await endsTyped(() => handler(Buffer.from('['.repeat(1_000_000)), fcContext()));
  });
});
