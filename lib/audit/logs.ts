/** Reads every log of an interval, one after the other, and looks at every byte of each. */
import type { GroupSource } from '../aggregate/plan.ts';
import type { SourceObject } from '../aggregate/source.ts';
import type { Calls } from '../aggregator/calls.ts';
import { segmentKey } from '../append/segment.ts';
import { parseTombstone, TOMBSTONE_START_BYTES, type Tombstone } from '../append/tombstone.ts';
import type { DedupeWindow } from '../append/types.ts';
import type { AuditedObject } from './report.ts';
import { type AuditedRecord, type Fault, SegmentAudit } from './segment.ts';
import { RecordWindow } from './window.ts';

export interface LogsAudit {
  readonly calls: Calls;
  readonly dedupe: DedupeWindow;
  readonly onFault: (fault: Fault) => void;
  readonly onRecord: (object: GroupSource['objects'][number], record: AuditedRecord) => void;
  /** The object has been read. */
  readonly onObject: (object: AuditedObject & { readonly commits: number }) => void;
}

type Listed = GroupSource['objects'][number];

/** Takes a turn after each piece that was read. */
export async function* auditLogs({ objects }: GroupSource, audit: LogsAudit): AsyncGenerator<void> {
  let log = null as { readonly first: string; readonly window: RecordWindow } | null;
  let before = null as { readonly segment: number; readonly closed: boolean } | null;
  for (const object of objects) {
    if (object.first !== log?.first) {
      log = { first: object.first, window: new RecordWindow(audit.dedupe) };
      before = null;
    }
    checkOrder(object, before, audit.onFault);
    const closed = yield* auditObject(object, log.window, audit);
    before = { segment: object.segment, closed };
  }
}

/** Segments follow each other, and each but the last is closed (PROTOCOL.md §3.5). */
function checkOrder(
  { key: object, first, segment, length }: SourceObject & { readonly length: number },
  before: { readonly segment: number; readonly closed: boolean } | null,
  onFault: (fault: Fault) => void,
): void {
  const expected = (before?.segment ?? -1) + 1;
  const say = (code: Fault['code'], message: string) =>
    onFault({ code, object, start: 0, end: length, message });
  if (segment !== expected) say('MissingObject', `${segmentKey(first, expected)} is not there, and this is`);
  else if (before !== null && !before.closed)
    say('NotClosed', `${segmentKey(first, before.segment)} is not closed, and this goes on from it`);
}

/** Whether it is closed. */
async function* auditObject(
  object: Listed,
  window: RecordWindow,
  audit: LogsAudit,
): AsyncGenerator<void, boolean> {
  const { key, segment, length, type } = object;
  if (type !== 'Appendable') {
    // A tombstone says what it stands for, and goes on (§3.7).
    const tombstone = await tombstoneIn(audit.calls, key);
    const what = tombstone ?? { length, crc64: 0n };
    if (tombstone === null)
      audit.onFault({
        code: 'BadObject',
        object: key,
        start: 0,
        end: length,
        message: `it is of type ${type}, and no tombstone: nobody can append to it`,
      });
    audit.onObject({
      key,
      length: what.length,
      crc64: String(what.crc64),
      records: 0,
      commits: 0,
      ...(tombstone !== null && { retired: true }),
    });
    return tombstone !== null;
  }
  const scan = new SegmentAudit({ object: key, segment, window }, audit.onFault);
  let read = 0;
  let sum: bigint | null = null;
  for await (const piece of audit.calls.pieces(key, 0, length)) {
    if (piece === null) break;
    for (const record of scan.push(piece.bytes)) audit.onRecord(object, record);
    read += piece.bytes.length;
    // Of an object that has grown since it was listed, the store tells no sum of what is looked at.
    sum = piece.length === length ? piece.crc64 : null;
    yield;
  }
  scan.end({ length, crc64: read === length ? sum : null });
  const { records, commits } = scan;
  audit.onObject({ key, length, crc64: String(scan.crc64), records, commits });
  return scan.closed;
}

async function tombstoneIn(calls: Calls, key: string): Promise<Tombstone | null> {
  for await (const read of calls.pieces(key, 0, TOMBSTONE_START_BYTES))
    return read && parseTombstone(read.bytes);
  return null;
}
