import { crc64 } from '../../lib/append/crc64.ts';
import { jsonLine } from '../../lib/append/record.ts';
import type { LogRecord } from '../../lib/append/types.ts';
import { type Appender, createAppender } from '../../lib/appender.ts';
import { systemRuntime } from '../../lib/runtime.ts';
import { memoryStore } from '../../lib/store/memory.ts';
import {
  type AppendAnswer,
  type Bucket,
  NO_ANSWER,
  type ObjectStore,
  StoreError,
} from '../../lib/store/port.ts';
import { readLog } from '../lib/append/reference.ts';

export const CALL = { remainingMs: () => 20_000 };
export const STORE_CALL = { timeoutMs: 1000 };

export const record = (id: string, value: unknown = { id }): LogRecord => ({
  line: jsonLine(JSON.stringify(value)),
  id,
  source: 's',
  timeMs: 1,
});

export const newStore = (): Bucket => memoryStore({ crc64Update: (sum, bytes) => crc64(bytes, sum) });

export const instance = (store: ObjectStore, writer: string): Appender =>
  createAppender({ store, writer, runtime: { ...systemRuntime(), sleep: async () => {} } });

export const noAnswer = (): AppendAnswer => ({ kind: 'failed', failure: new StoreError(NO_ANSWER, 'lost') });

export async function content(store: ObjectStore, key: string): Promise<Buffer> {
  const read = await store.read(key, { start: 0, end: 1e12 }, { timeoutMs: 1000 });
  return Buffer.from(read?.bytes ?? []);
}

export const ids = async (store: ObjectStore, key: string): Promise<string[]> =>
  readLog(await content(store, key)).flatMap(({ records }) => records.map(({ id }) => id));
