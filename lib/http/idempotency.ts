/**
 * An `Idempotency-Key` names one record: with another body it is a mistake of the caller's, who would take the answer of
 * the first for one to the second. A log knows ids and no bodies, so the record that is in is read back and compared.
 */
import { COMMIT_PREFIX, parseCommitLine } from '../append/commit.ts';
import { OutcomeUnknown } from '../append/errors.ts';
import type { RecordReceipt } from '../append/types.ts';
import { IntakeError, quote } from '../intake/errors.ts';
import { type Payload, recordOf } from '../intake/payload.ts';
import { namesOf } from '../reader.ts';
import { type ObjectStore, StoreError } from '../store/port.ts';

/** Kept back from the remaining time, to answer before the platform ends the call. */
const ANSWER_MS = 300;
const REQUEST_TIMEOUT_MS = 30_000;
const LINE_END = 10;

/**
 * Checks a record that was in before the call. Throws `IntakeError` `IdempotencyMismatch` if it is another than
 * `payload`, and `OutcomeUnknown` if it could not be read.
 */
export async function assertSameRecord(
  store: Pick<ObjectStore, 'read'>,
  receipt: RecordReceipt,
  { content }: Pick<Payload, 'content'>,
  remainingMs: () => number,
): Promise<void> {
  const { id, source } = receipt;
  const stored = await storedLine(store, receipt, remainingMs);
  const { line } = recordOf(content, { id, source, timeMs: 0 });
  if (Buffer.compare(stored, line) === 0) return;
  throw new IntakeError(
    'IdempotencyMismatch',
    `The Idempotency-Key ${quote(id)} was used for another body, and that one is in: the receipt says where. Send this body under a key of its own.`,
  );
}

async function storedLine(
  store: Pick<ObjectStore, 'read'>,
  receipt: RecordReceipt,
  remainingMs: () => number,
): Promise<Uint8Array> {
  const { object: key, start, end } = receipt;
  const timeoutMs = Math.min(REQUEST_TIMEOUT_MS, remainingMs() - ANSWER_MS);
  if (start === null || end === null || timeoutMs <= 0) throw unknown(key);
  try {
    const read = await store.read(key, { start, end }, { timeoutMs });
    const line = read && dataLine(read.bytes, receipt);
    if (line) return line;
  } catch (error) {
    if (error instanceof StoreError) throw unknown(key, error);
    throw error;
  }
  throw unknown(key);
}

/** The record's line in its append (PROTOCOL.md §3), or null if these are other bytes than the receipt says. */
function dataLine(append: Uint8Array, { id, source, start, record }: RecordReceipt): Uint8Array | null {
  let found: Uint8Array | null = null;
  // No data line is empty: a line end comes first where the bytes before the append lacked one.
  let from = append[0] === LINE_END ? 1 : 0;
  for (let index = 0; ; index++) {
    const to = append.indexOf(LINE_END, from);
    if (to < 0) return null;
    const line = append.subarray(from, to);
    if (isCommit(line)) {
      const commit = parseCommitLine(Buffer.from(line).toString());
      const name = commit?.start === start ? namesOf(commit)[record ?? -1] : undefined;
      return name?.id === id && name.source === source ? found : null;
    }
    if (index === record) found = line;
    from = to + 1;
  }
}

/** No data line begins like this (§3.1). */
function isCommit(line: Uint8Array): boolean {
  return Buffer.from(line.subarray(0, COMMIT_PREFIX.length)).toString('latin1') === COMMIT_PREFIX;
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
