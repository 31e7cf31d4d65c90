/** A large log in a local file, as the appender itself makes it: with the commits and checkpoints of a real one. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { crc64 } from '../../../lib/append/crc64.ts';
import type { LogRecord } from '../../../lib/append/types.ts';
import { createAppender } from '../../../lib/appender.ts';
import { systemRuntime } from '../../../lib/runtime.ts';
import type { AppendAnswer, ObjectStore } from '../../../lib/store/port.ts';

export interface LargeLog {
  readonly bytes: number;
  readonly records: number;
  /** Of them, those that are in it for the second time. */
  readonly repeats: number;
}

/** The hour that all records are of. */
const HOUR_MS = Date.UTC(2026, 10, 22, 20);
const RECORDS_PER_APPEND = 500;
const APPEND_MS = 50;
const REPEATS = 0.01;
/** After so many others the log itself does not recognise a record. Odd: what is repeated is no repeat. */
const REPEATED_AFTER = 40_001;
const CALL = { remainingMs: () => 60_000, segmentBytesMax: Number.MAX_SAFE_INTEGER };

/** Makes a log of `bytes` bytes or a little more. The same each time. */
export async function makeLog(file: string, bytes: number): Promise<LargeLog> {
  const log = openSync(file, 'wx');
  let [length, sum, nowMs] = [0, 0n, HOUR_MS];
  const store: Pick<ObjectStore, 'append' | 'read'> = {
    read: async () => null,
    async append(_key, position, body): Promise<AppendAnswer> {
      if (position !== length) return { kind: 'conflict', length };
      writeSync(log, body);
      length += body.length;
      sum = crc64(body, sum);
      return { kind: 'appended', nextPosition: length, crc64: sum };
    },
  };
  const runtime = { ...systemRuntime(() => {}), now: () => nowMs };
  // It writes this log alone and from the start, so it asks for nothing else.
  const appender = createAppender({ store: store as ObjectStore, runtime, writer: 'bench' });
  const random = mulberry32();
  let [records, repeats] = [0, 0];
  try {
    for (; length < bytes; nowMs += APPEND_MS) {
      const batch = Array.from({ length: RECORDS_PER_APPEND }, () => {
        const again = records > REPEATED_AFTER && records % 2 === 1 && random() < 2 * REPEATS;
        if (again) repeats++;
        return recordOf(again ? records++ - REPEATED_AFTER : records++, nowMs, random);
      });
      await appender.appendRecords('large.ndjson', batch, CALL);
    }
    return { bytes: length, records, repeats };
  } finally {
    closeSync(log);
  }
}

function recordOf(number: number, nowMs: number, random: () => number): LogRecord {
  const below = (limit: number) => Math.floor(random() * limit);
  const word = (factor: number) => Math.imul(number + 1, factor) >>> 0;
  const hex = (factor: number) => word(factor).toString(16).padStart(8, '0');
  const id = `${hex(0x9e3779b1)}-${hex(0x85ebca77).slice(0, 4)}-4000-8000-${hex(0xc2b2ae3d)}${hex(0x27d4eb2f).slice(0, 4)}`;
  const amount = below(100_000) / 100;
  const line = `{"order":${number},"customer":"customer-${below(1000)}","amount":${amount},"sku":"sku-${below(9999)}","note":"${random().toString(36).slice(2)}"}`;
  return { line, id, source: 'http', timeMs: nowMs - below(1000) };
}

/** Numbers in [0, 1) that look random: Tommy Ettinger's generator. */
function mulberry32(): () => number {
  let state = 1;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
