/** Reads ranges of source objects, and finds where one may be cut (PROTOCOL.md §10.4). */
import { JobError } from '../aggregate/errors.ts';
import type { SourceRange } from '../aggregate/plan.ts';
import type { RangeBytes } from '../aggregate/ports.ts';
import type { SourceLayout } from '../aggregate/source.ts';
import type { Range } from '../aggregate/types.ts';
import { UNCOVERED_BYTES_MAX } from '../append/fold.ts';
import { CommitScan } from '../reader/scan.ts';
import type { Calls } from './calls.ts';

/** How much is searched for the end of an append: mostly it is near, and none is longer than the last. */
const SEARCH_BYTES = [4 * 1024 * 1024, 32 * 1024 * 1024, UNCOVERED_BYTES_MAX];
const LINE_END = 10;

export const rangeBytes = (calls: Calls, layout: SourceLayout, range: Range): RangeBytes => ({
  ...range,
  family: layout.parse(range.object)?.family ?? range.object,
  pieces: rangePieces(calls, range),
});

/** The bytes of a range. Throws `JobError` `SourceReplaced` if they are not all there. */
export async function* rangePieces(calls: Calls, { object, from, to }: Range): AsyncGenerator<Uint8Array> {
  for await (const read of calls.pieces(object, from, to)) {
    if (read === null || read.length < to)
      throw new JobError(
        'SourceReplaced',
        `${object} has ${read?.length ?? 0} bytes, and ${to} were claimed. Put it back as it was.`,
      );
    yield read.bytes;
  }
}

/** The start of `range`, cut at the end of an append at or before `at`; all of it if none is found. */
export async function cutRange(calls: Calls, range: SourceRange, at: number): Promise<SourceRange> {
  for (const bytes of SEARCH_BYTES) {
    const start = Math.max(range.from, at - bytes);
    const end = await lastCommitEnd(calls, { ...range, from: start, to: at }, start === range.from);
    if (end !== null) return { ...range, to: end };
    if (start === range.from) break;
  }
  return range;
}

/** `isLineStart`: whether `from` is one for sure. */
async function lastCommitEnd(calls: Calls, range: Range, isLineStart: boolean): Promise<number | null> {
  let scan = isLineStart ? new CommitScan({ from: range.from }) : null;
  let end: number | null = null;
  let position = range.from;
  for await (const piece of rangePieces(calls, range)) {
    let bytes = piece;
    if (scan === null) {
      const firstLine = bytes.indexOf(LINE_END) + 1;
      if (firstLine > 0) scan = new CommitScan({ from: position + firstLine });
      bytes = bytes.subarray(firstLine);
    }
    position += piece.length;
    for (const found of scan?.push(bytes) ?? []) end = found.end;
  }
  return end;
}
