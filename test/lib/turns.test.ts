import { describe, expect, it } from 'vitest';
import { crc64 } from '../../lib/append/crc64.ts';
import { jsonLine } from '../../lib/append/record.ts';
import { createAppender } from '../../lib/appender.ts';
import { systemRuntime } from '../../lib/runtime.ts';
import { memoryStore } from '../../lib/store/memory.ts';
import { readLog } from './append/reference.ts';

/** Writers that append in turns to one log, a record every 10 ms, each request taking 20 ms. */
async function alternate(writers: number, appends: number) {
  const memory = memoryStore({ crc64Update: (sum, bytes) => crc64(bytes, sum) });
  let nowMs = 1_700_000_000_000;
  let ticksMs = 0;
  const seen = { slept: 0, reads: 0, conflicts: 0 };
  const runtime = {
    ...systemRuntime(),
    now: () => nowMs,
    monotonic: () => (ticksMs += 20),
    sleep: async (ms: number) => {
      nowMs += ms;
      seen.slept++;
    },
  };
  const store: typeof memory = {
    ...memory,
    read: (...call) => {
      seen.reads++;
      return memory.read(...call);
    },
    append: async (...call) => {
      const answer = await memory.append(...call);
      if (answer.kind === 'conflict') seen.conflicts++;
      return answer;
    },
  };
  const instances = Array.from({ length: writers }, (_, w) =>
    createAppender({ store, runtime, writer: `w${w}` }),
  );
  const all = Array.from({ length: appends }, (_, n) => n);
  for (const n of all) {
    nowMs += 10;
    const record = { line: jsonLine(`${n}`), id: `${n}`, source: 's', timeMs: nowMs };
    await instances[n % writers]?.appendRecords('k', [record], { remainingMs: () => 30_000 });
  }
  const read = await memory.read('k', { start: 0, end: 1e9 }, { timeoutMs: 1 });
  const ids = readLog(read?.bytes ?? new Uint8Array()).flatMap(({ records }) => records.map(({ id }) => id));
  return { ...seen, ids, all: all.map(String) };
}

describe('an appender', () => {
  it('that is alone never waits, and reads nothing but once', async () => {
    const { slept, reads, conflicts, ids, all } = await alternate(1, 60);
    expect({ slept, reads, conflicts }).toEqual({ slept: 0, reads: 1, conflicts: 0 });
    expect(ids).toEqual(all);
  });

  it('of a busy log waits for its turn and reads what is new, instead of running into conflicts', async () => {
    const { slept, reads, conflicts, ids, all } = await alternate(3, 90);
    expect(slept).toBeGreaterThan(30);
    expect(reads).toBeGreaterThan(45);
    // Only at the beginning, before the log was busy.
    expect(conflicts).toBeLessThan(30);
    expect(ids).toEqual(all);
  });
});
