/** A small run that kept its promises, made with the appender on a store in memory. */
import type { Delivery, Evidence, Job, Outcome } from '../../infra/torture/processes/evidence.ts';
import { lineOf, payloadOf } from '../../infra/torture/processes/evidence.ts';
import { Journal } from '../../infra/torture/processes/journal.ts';
import { jsonLine } from '../../lib/append/record.ts';
import { type Appender, createAppender } from '../../lib/appender.ts';
import { systemRuntime } from '../../lib/runtime.ts';
import { memoryStore } from '../../lib/store/memory.ts';

export const LOG = 'logs/a.ndjson';
export const RAW = 'raw/a.txt';
const WINDOW_RECORDS = 400;

const job = (index: number, of: Partial<Job>): Job => ({
  index,
  format: 'log',
  key: LOG,
  ids: [],
  marked: false,
  bytes: 30,
  timeMs: 1000,
  ...of,
});

export const soundEvidence = async (): Promise<Evidence> => (await soundRun()).evidence;

export async function soundRun(): Promise<{ readonly evidence: Evidence; readonly journal: Journal }> {
  const store = memoryStore();
  const journal = new Journal();
  const writers = new Map(
    ['w1', 'w2'].map((writer) => [
      writer,
      createAppender({ store, runtime: systemRuntime(() => {}), writer }),
    ]),
  );
  const send = async (what: Job, writer: string) => {
    const delivery = journal.sent(what, writer);
    const outcome = await appended(writers.get(writer), delivery);
    journal.ended(`${what.index}.${delivery.number}`, outcome);
  };
  const first = job(0, { ids: ['a', 'b', 'c'] });
  await send(first, 'w1');
  await send(job(1, { ids: ['d'] }), 'w2');
  await send(first, 'w2');
  await send(job(2, { ids: ['d', 'e'] }), 'w1');
  const payload = job(3, { format: 'raw', key: RAW, marked: true });
  await send(payload, 'w1');
  await send(payload, 'w2');
  await send(job(4, { format: 'raw', key: RAW }), 'w2');
  await send(job(5, { ids: ['f'] }), 'w1');
  const objects = new Map<string, Uint8Array>();
  for (const key of [LOG, RAW])
    objects.set(
      key,
      (await store.read(key, { start: 0, end: 1e6 }, { timeoutMs: 1000 }))?.bytes ?? new Uint8Array(),
    );
  const { deliveries } = journal;
  const evidence = { deliveries, objects, windowRecords: WINDOW_RECORDS, segmentBytesMax: 64 * 1024 };
  return { evidence, journal };
}

async function appended(appender: Appender | undefined, delivery: Delivery): Promise<Outcome> {
  if (appender === undefined) return { kind: 'gone' };
  const { key, format, ids } = delivery.job;
  const options = { remainingMs: () => 10_000 };
  if (format === 'raw') {
    const receipt = await appender.appendBytes(key, Buffer.from(payloadOf(delivery)), options);
    return { kind: 'receipts', receipts: [receipt] };
  }
  const records = ids.map((id) => ({
    id,
    line: jsonLine(lineOf(delivery, id)),
    source: 'torture',
    timeMs: 0,
  }));
  return { kind: 'receipts', receipts: await appender.appendRecords(key, records, options) };
}
