/** A writer, as a program: the appender on OSS, taking calls over IPC. It ends when its source does. */
import { AppendError } from '../../../lib/append/errors.ts';
import { jsonLine } from '../../../lib/append/record.ts';
import { type AppendOptions, createAppender } from '../../../lib/appender.ts';
import { systemRuntime } from '../../../lib/runtime.ts';
import { ossStore } from '../../../lib/store/oss.ts';
import type { Outcome, ReceiptData } from './evidence.ts';
import {
  ACCESS_KEY,
  BUCKET,
  type Call,
  END,
  REGION,
  type Said,
  SOURCE,
  type Told,
  type WriterOptions,
} from './messages.ts';

const { endpoint, writer, windowRecords, segmentBytesMax, requestTimeoutMs } = JSON.parse(
  process.argv[2] ?? '',
) as WriterOptions;

/** Small, so that logs get checkpoints and cold writers need two requests. */
const COLD_START = { tailBytes: 4 * 1024, bytesMax: 16 * 1024 };

const runtime = systemRuntime();
const appender = createAppender({
  store: ossStore({
    endpoint,
    region: REGION,
    bucket: BUCKET,
    credentials: () => ACCESS_KEY,
    runtime,
  }),
  runtime,
  writer,
  requestTimeoutMs,
  coldStart: COLD_START,
});
const ofLogs = { dedupe: { records: windowRecords, ageMs: null }, segmentBytesMax };

async function append({ key, timeMs, payload }: Call): Promise<readonly ReceiptData[]> {
  const endMs = runtime.monotonic() + timeMs;
  const options: AppendOptions = { remainingMs: () => endMs - runtime.monotonic() };
  if ('raw' in payload) return [await appender.appendBytes(key, Buffer.from(payload.raw), options)];
  const records = payload.records.map(({ id, json }) => ({
    line: jsonLine(json),
    id,
    source: SOURCE,
    timeMs: runtime.now(),
  }));
  return appender.appendRecords(key, records, { ...options, ...ofLogs });
}

async function outcomeOf(call: Call): Promise<Outcome> {
  try {
    return { kind: 'receipts', receipts: await append(call) };
  } catch (error) {
    if (error instanceof AppendError)
      return { kind: 'error', code: error.code, fate: error.fate, message: error.message };
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { kind: 'error', code: null, fate: 'unknown', message };
  }
}

const say = (said: Said) => process.send?.(said);

process.on('message', (call: Told) => {
  if (call === END) process.exit();
  void outcomeOf(call).then((outcome) => say({ name: call.name, outcome }));
});
process.on('disconnect', () => process.exit());
say({ ready: true });
