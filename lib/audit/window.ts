/** What an audit remembers of a log from commit to commit: that each record is there once, and producers in sequence. */
import type { Commit } from '../append/commit.ts';
import { digestOf } from '../append/digest.ts';
import { type DedupeWindow, type LogRecord, position } from '../append/types.ts';
import { type Run, Window, type WindowState } from '../append/window.ts';
import { namesOf, type RecordName } from '../reader.ts';

export interface Misplaced {
  readonly code: 'Repeat' | 'OutOfSequence';
  readonly message: string;
}

/** Of one log, over all of its segments. */
export class RecordWindow {
  readonly #window: Window;

  constructor(dedupe: DedupeWindow) {
    this.#window = new Window(dedupe);
  }

  /** Takes the next commit; says what of its records should not have been appended, by the window of PROTOCOL.md §4.1. */
  take(commit: Commit, { segment, end }: { readonly segment: number; readonly end: number }): Misplaced[] {
    const misplaced: Misplaced[] = [];
    const seen = new Set<string>();
    /** Of each producer, its epoch and number so far in this commit. */
    const last = new Map<string, NonNullable<RecordName['numbered']>>();
    for (const [record, name] of namesOf(commit).entries()) {
      const why = this.#whyNot(name, seen, last);
      if (why !== null) misplaced.push({ ...why, message: `record ${record} of the append ${why.message}` });
    }
    this.#window.accept(commit, { segment, start: position(commit.start), end: position(end) });
    return misplaced;
  }

  /** What in a checkpoint is not what was seen, null if all is. Windows may differ in length, not in what they hold. */
  whyNot(checkpoint: WindowState): string | null {
    const own = this.#window.state();
    const count = Math.min(own.runs.length, checkpoint.runs.length);
    const [ours, theirs] = [own.runs, checkpoint.runs].map((runs) => runs.slice(runs.length - count));
    if (!ours?.every((run, at) => isSameRun(run, theirs?.[at])))
      return 'remembers other records than those that were committed';
    const numbers = new Map(own.numbers.map((one) => [one.source, one]));
    const wrong = checkpoint.numbers.find(({ source, ...theirs }) => {
      const known = numbers.get(source);
      return (
        known && JSON.stringify([known.epoch, known.ranges]) !== JSON.stringify([theirs.epoch, theirs.ranges])
      );
    });
    if (wrong !== undefined) return 'remembers other numbers of a source than those that were committed';
    return own.latestMs === checkpoint.latestMs ? null : 'tells another time of the latest commit';
  }

  #whyNot(
    name: RecordName,
    seen: Set<string>,
    last: Map<string, NonNullable<RecordName['numbered']>>,
  ): Misplaced | null {
    const { source, id, numbered } = name;
    const key = JSON.stringify([source, id, numbered?.epoch ?? null]);
    if (seen.has(key)) return { code: 'Repeat', message: 'is in it twice' };
    seen.add(key);
    const before = last.get(source);
    if (numbered !== null) last.set(source, numbered);
    if (numbered !== null && numbered.epoch !== null && before?.epoch === numbered.epoch)
      return numbered.number === before.number + 1 ? null : outOfSequence(`follows number ${before.number}`);
    const finding = this.#window.find(asRecord(name), digestOf(source, id));
    switch (finding.verdict) {
      case 'new':
        return null;
      case 'in': {
        const { place } = finding;
        const where = place === null ? '' : `, at ${place.start} of segment ${place.segment}`;
        return { code: 'Repeat', message: `was in the log already${where}` };
      }
      case 'fenced':
        return outOfSequence(`is of epoch ${numbered?.epoch}, after epoch ${finding.epoch}`);
      case 'gap':
        return outOfSequence(`has number ${numbered?.number}, and ${finding.expected} was next`);
    }
  }
}

const outOfSequence = (message: string): Misplaced => ({ code: 'OutOfSequence', message });

/** The window looks at names only. */
const asRecord = ({ source, id, timeMs, numbered }: RecordName): LogRecord => ({
  line: new Uint8Array(),
  source,
  id,
  timeMs,
  ...(numbered !== null && { numbered }),
});

/** A checkpoint does not tell the writer. */
function isSameRun(one: Run, other: Run | undefined): boolean {
  return (
    one.segment === other?.segment &&
    one.start === other.start &&
    one.end === other.end &&
    one.atMs === other.atMs &&
    one.firstRecord === other.firstRecord &&
    one.digests.length === other.digests.length &&
    one.digests.every((digest, at) => digest === other.digests[at])
  );
}
