/**
 * An `Idempotency-Key` names one body: with another one it is a mistake of the caller's, who would take the answer of the
 * first for one to the second. Another number of records is told by their ids, before anything is appended. What is in
 * them a log does not know, so records that are in are read back and compared.
 */
import { isCommitLike, parseCommitLine } from '../append/commit.ts';
import { IdempotencyMismatch, OutcomeUnknown } from '../append/errors.ts';
import type { RecordReceipt } from '../append/types.ts';
import { quote } from '../intake/errors.ts';
import { type Content, type Payload, recordOf } from '../intake/payload.ts';
import { namesOf, tombstoneOf } from '../reader.ts';
import { type ObjectStore, StoreError } from '../store/port.ts';

/** Kept back from the remaining time, to answer before the platform ends the call. */
const ANSWER_MS = 300;
const REQUEST_TIMEOUT_MS = 30_000;
const LINE_END = 10;
const NOTHING = Buffer.alloc(0);

/**
 * Checks those of the records that were in before the call, an append at a time. Throws `IdempotencyMismatch` if one is
 * another than its payload, and `OutcomeUnknown` if it could not be read.
 */
export async function assertSameRecords(
  store: Pick<ObjectStore, 'read'>,
  receipts: readonly RecordReceipt[],
  payloads: readonly Pick<Payload, 'content'>[],
  remainingMs: () => number,
): Promise<void> {
  const appends = new Map<string, { receipt: RecordReceipt; content: Content }[]>();
  for (const [index, receipt] of receipts.entries()) {
    const { content } = payloads[index] ?? {};
    if (!receipt.repeat || content === undefined) continue;
    const place = `${receipt.start}/${receipt.object}`;
    const append = appends.get(place) ?? [];
    append.push({ receipt, content });
    appends.set(place, append);
  }
  // One after the other: an append may be as long as a call.
  for (const records of appends.values()) {
    const stored = await storedLines(
      store,
      records.map(({ receipt }) => receipt),
      remainingMs,
    );
    if (stored === null) continue;
    for (const [index, { receipt, content }] of records.entries()) {
      const { id, source } = receipt;
      const { line } = recordOf(content, { id, source, timeMs: 0 });
      const sent = typeof line === 'string' ? Buffer.from(line) : line;
      if (Buffer.compare(stored[index] ?? NOTHING, sent) === 0) continue;
      throw new IdempotencyMismatch(
        `The Idempotency-Key ${quote(id)} was used for another body, and that one is in: the receipt says where. Send this body under a key of its own.`,
        receipts,
      );
    }
  }
}

/** The data lines of records that are in one append; null if retention has removed it (§3.7): their ids are all that is known. */
async function storedLines(
  store: Pick<ObjectStore, 'read'>,
  records: readonly RecordReceipt[],
  remainingMs: () => number,
): Promise<Uint8Array[] | null> {
  const [{ object: key = '', start = null, end = null } = {}] = records;
  const timeoutMs = Math.min(REQUEST_TIMEOUT_MS, remainingMs() - ANSWER_MS);
  if (start === null || end === null || timeoutMs <= 0) throw unknown(key);
  try {
    const read = await store.read(key, { start, end }, { timeoutMs });
    const lines = read && dataLines(read.bytes, start, records);
    if (lines) return lines;
    if (read?.type === 'Normal' && (await tombstoneOf(store, key, { timeoutMs })) !== null) return null;
  } catch (error) {
    if (error instanceof StoreError) throw unknown(key, error);
    throw error;
  }
  throw unknown(key);
}

/** The lines of the records in their append (PROTOCOL.md §3), or null if these are other bytes than the receipts say. */
function dataLines(
  append: Uint8Array,
  start: number,
  records: readonly RecordReceipt[],
): Uint8Array[] | null {
  const lines: Uint8Array[] = [];
  // No data line is empty: a line end comes first where the bytes before the append lacked one.
  let from = append[0] === LINE_END ? 1 : 0;
  for (;;) {
    const to = append.indexOf(LINE_END, from);
    if (to < 0) return null;
    const line = append.subarray(from, to);
    from = to + 1;
    if (!isCommitLike(line)) {
      lines.push(line);
      continue;
    }
    const commit = parseCommitLine(Buffer.from(line).toString());
    if (commit?.start !== start) return null;
    const names = namesOf(commit);
    const found = records.flatMap(({ id, source, record }) => {
      const name = names[record ?? -1];
      const stored = lines[record ?? -1];
      return stored !== undefined && name?.id === id && name.source === source ? [stored] : [];
    });
    return found.length === records.length ? found : null;
  }
}

function unknown(key: string, failure?: StoreError): OutcomeUnknown {
  return new OutcomeUnknown(
    `A record of this Idempotency-Key is in ${key}, and it could not be read, so nobody can tell whether it is this one. Send it again under the same key.`,
    {
      key,
      storeCode: failure?.code ?? null,
      requestId: failure?.requestId ?? null,
      retryAfterMs: failure?.delayMs ?? null,
      cause: failure,
    },
  );
}
