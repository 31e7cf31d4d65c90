import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crc64 } from '../../lib/append/crc64.ts';
import { fileBody, put } from '../../lib/put.ts';
import { systemRuntime } from '../../lib/runtime.ts';
import { memoryStore } from '../../lib/store/memory.ts';
import { type Bucket, NO_ANSWER, type PutAnswer, StoreError } from '../../lib/store/port.ts';

const failed = (code: string, detail = {}): PutAnswer => ({
  kind: 'failed',
  failure: new StoreError(code, code, detail),
});

/** A bucket that answers as it is told before it does anything, and what was slept. */
function bench(...answers: ((key: string) => PutAnswer)[]) {
  const memory = memoryStore({ crc64Update: (sum, bytes) => crc64(bytes, sum) });
  const slept: number[] = [];
  let calls = 0;
  const bucket: Bucket = {
    ...memory,
    async put(...call) {
      calls++;
      const answer = answers.shift();
      return answer === undefined ? memory.put(...call) : answer(call[0]);
    },
  };
  const runtime = { ...systemRuntime(), random: () => 0.5, sleep: async (ms: number) => void slept.push(ms) };
  return { world: { bucket, runtime }, memory, slept, calls: () => calls };
}

const OPTIONS = { remainingMs: () => 10_000 };
const body = Buffer.from('rows');

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'put-'));
});
afterAll(() => rm(dir, { recursive: true }));

describe('a put', () => {
  it('is made again until it has an answer', async () => {
    const it = bench(
      () => failed(NO_ANSWER),
      () => failed('InternalError', { status: 500 }),
      () => failed('TotalQpsLimitExceeded', { status: 503, delayMs: 1234 }),
    );
    expect(await put(it.world, 'k', body, OPTIONS)).toBe('created');
    expect(it.calls()).toBe(4);
    expect(it.slept).toEqual([50, 100, 1234]);
  });

  it('is not made again if it is refused', async () => {
    const it = bench(() => failed('AccessDenied', { status: 403 }));
    await expect(put(it.world, 'k', body, OPTIONS)).rejects.toMatchObject({ code: 'AccessDenied' });
    expect(it.calls()).toBe(1);
  });

  it('ends in time, with the last failure', async () => {
    const never = bench();
    await expect(put(never.world, 'k', body, { remainingMs: () => 0 })).rejects.toMatchObject({
      code: NO_ANSWER,
    });
    expect(never.calls()).toBe(0);
    const slow = bench(() => failed('TotalQpsLimitExceeded', { status: 503, delayMs: 10_000 }));
    await expect(put(slow.world, 'k', body, OPTIONS)).rejects.toMatchObject({
      code: 'TotalQpsLimitExceeded',
    });
    expect(slow.slept).toEqual([]);
  });

  it('tells what is there already', async () => {
    const it = bench();
    const forbidOverwrite = { ...OPTIONS, forbidOverwrite: true };
    expect(await put(it.world, 'k', body, forbidOverwrite)).toBe('created');
    expect(await put(it.world, 'k', body, forbidOverwrite)).toBe('exists');
  });

  it('is an error if the store has other bytes than were sent', async () => {
    const it = bench(() => ({ kind: 'created', crc64: 1n }));
    await expect(put(it.world, 'k', body, OPTIONS)).rejects.toMatchObject({ code: 'ChecksumMismatch' });
    expect(await put(bench(() => ({ kind: 'created', crc64: null })).world, 'k', body, OPTIONS)).toBe(
      'created',
    );
  });

  it('of a file has its bytes, again with each try', async () => {
    const file = path.join(dir, 'rows');
    const bytes = Buffer.alloc(300_000, 'rows,');
    await writeFile(file, bytes);
    const streamed = await fileBody(file);
    expect(streamed).toMatchObject({ length: bytes.length, crc64: crc64(bytes) });
    const it = bench();
    for (const key of ['a', 'b']) {
      expect(await put(it.world, key, streamed, OPTIONS)).toBe('created');
      const read = await it.memory.read(key, { start: 0, end: bytes.length }, { timeoutMs: 1 });
      expect(bytes.equals(read?.bytes ?? Buffer.alloc(0))).toBe(true);
    }
  });

  it('of a file that changed, or went, puts nothing', async () => {
    const file = path.join(dir, 'unsteady');
    await writeFile(file, 'first');
    const streamed = await fileBody(file);
    const it = bench();
    for (const [text, code] of [
      ['other', 'InvalidDigest'],
      ['longer', 'InvalidRequest'],
      [null, 'InvalidRequest'],
    ] as const) {
      if (text === null) await rm(file);
      else await writeFile(file, text);
      await expect(put(it.world, 'k', streamed, OPTIONS)).rejects.toMatchObject({ code });
    }
    expect(await it.memory.head('k', { timeoutMs: 1 })).toBeNull();
  });
});
