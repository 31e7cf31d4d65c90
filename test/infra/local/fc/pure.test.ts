import { truncateSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHttpEvent, toHttpResponse } from '../../../../infra/local/fc/http/event.ts';
import { Journal } from '../../../../infra/local/fc/journal.ts';
import { retryDelayMs } from '../../../../infra/local/fc/queue/retry.ts';
import { tempDir } from './support.ts';

describe('the HTTP event', () => {
  const facts = { functionName: 'f', region: 'r', accountId: '1', triggerId: 't', requestId: 'q', atMs: 0 };

  it('carries any body unchanged, told by isBase64Encoded', () => {
    const types = fc.constantFrom(
      'text/plain',
      'application/json',
      'application/octet-stream',
      'image/svg+xml',
      '',
    );
    fc.assert(
      fc.property(fc.uint8Array(), types, (bytes, type) => {
        const rawHeaders = type ? ['content-type', type] : [];
        const request = {
          method: 'POST',
          target: '/',
          rawHeaders,
          body: Buffer.from(bytes),
          sourceIp: '::1',
        };
        const { body, isBase64Encoded } = toHttpEvent(request, facts);
        expect([...Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8')]).toEqual([...bytes]);
      }),
    );
  });

  it('is made of any target', () => {
    fc.assert(
      fc.property(fc.string(), (target) => {
        const request = { method: 'GET', target, rawHeaders: [], body: Buffer.alloc(0), sourceIp: '::1' };
        expect(toHttpEvent(request, facts).rawPath).toBe(target.split('?', 1)[0]);
      }),
    );
  });

  it('has any answer turned into a response', () => {
    const struct = fc.record({ statusCode: fc.anything(), headers: fc.anything(), body: fc.anything() });
    fc.assert(
      fc.property(fc.oneof(fc.json(), struct), (answer) => {
        const text =
          typeof answer === 'string'
            ? answer
            : JSON.stringify(answer, (_, v) => (typeof v === 'bigint' ? 0 : v));
        const { status } = toHttpResponse(Buffer.from(text));
        expect(status).toBeGreaterThanOrEqual(200);
        expect(status).toBeLessThanOrEqual(599);
      }),
    );
  });
});

describe('a journal', () => {
  it('has after any crash what was acknowledged before, in order', async () => {
    const operation = fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd'), value: fc.option(fc.string()) });
    const dir = tempDir();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 8 }), fc.nat(30), async (operations, torn) => {
        const file = join(dir, `${run++}.journal`);
        const journal = await Journal.open<string>(file);
        for (const { id, value } of operations)
          await (value === null ? journal.remove([id]) : journal.put(id, value));
        const acknowledged = [...journal.entries];
        const { size } = await stat(file);
        await journal.put('late', 'x'.repeat(30));
        await journal.close();
        truncateSync(file, size + torn);
        const again = await Journal.open<string>(file);
        expect([...again.entries]).toEqual(acknowledged);
        await again.put('next', 'y');
        await again.close();
        const third = await Journal.open<string>(file);
        expect([...third.entries]).toEqual([...acknowledged, ['next', 'y']]);
        await third.close();
      }),
      { numRuns: 40 },
    );
  });

  it('does not grow with what was removed', async () => {
    const file = join(tempDir(), 'j');
    const journal = await Journal.open<string>(file);
    await journal.put('stays', 'here');
    const value = 'x'.repeat(100_000);
    for (let i = 0; i < 40; i++) {
      await journal.put(`${i}`, value);
      await journal.remove([`${i}`]);
    }
    await journal.close();
    expect((await stat(file)).size).toBeLessThan(1_500_000);
    const again = await Journal.open<string>(file);
    expect([...again.entries]).toEqual([['stays', 'here']]);
    await again.close();
  });
});

describe('the retry strategies', () => {
  const delays = (strategy: 'BACKOFF_RETRY' | 'EXPONENTIAL_DECAY_RETRY', random: number) => {
    const all: number[] = [];
    for (let retry = 1; ; retry++) {
      const delay = retryDelayMs(strategy, retry, random);
      if (delay === null) return all;
      all.push(delay / 1000);
    }
  };

  it('are 3 retries 10 to 20 s apart, and 176 over about a day', () => {
    expect(delays('BACKOFF_RETRY', 0)).toEqual([10, 10, 10]);
    expect(delays('BACKOFF_RETRY', 0.999_999).every((delay) => delay < 20)).toBe(true);
    const decay = delays('EXPONENTIAL_DECAY_RETRY', 0);
    expect(decay).toHaveLength(176);
    expect(decay.slice(0, 11)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 512]);
  });
});
