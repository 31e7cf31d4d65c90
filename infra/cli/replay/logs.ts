/** Goes through dead-letter logs, sends what is wanted again in batches, and counts how it ended. */
import { quote } from '../../../lib/intake/errors.ts';
import type { FoundLetter } from './letters.ts';
import { type Ending, type ReplayOptions, replay } from './run.ts';

export interface LogsOptions {
  /** Keys of dead-letter logs. */
  readonly logs: readonly string[];
  readonly lettersOf: (log: string) => AsyncIterable<FoundLetter>;
  readonly replaying: ReplayOptions;
  /** Asked between two batches. */
  readonly isStopped: () => boolean;
  readonly onLetters: () => void;
  readonly tell: (line: string, isBad: boolean) => void;
  /** Tells also of letters that were sent again before. */
  readonly showAll: boolean;
  readonly isDry: boolean;
}

export interface Tally {
  replayed: number;
  wasIn: number;
  stillBad: number;
  /** Marked by an earlier run. */
  before: number;
  /** Why it did not go on. */
  failure: string | null;
  wasStopped: boolean;
}

/** Letters of one batch: enough for few appends, and few enough to stop soon. */
const BATCH_LETTERS = 500;
const BATCH_BYTES = 4 * 1024 * 1024;
const BATCH_MS = 120_000;

export async function replayLogs(options: LogsOptions): Promise<Tally> {
  const { logs, replaying, isStopped, onLetters, tell, showAll, isDry } = options;
  const tally: Tally = { replayed: 0, wasIn: 0, stillBad: 0, before: 0, failure: null, wasStopped: false };

  async function send(letters: readonly FoundLetter[]): Promise<void> {
    const deadline = performance.now() + BATCH_MS;
    const endings = await replay(replaying, letters, () => deadline - performance.now());
    for (const ending of endings) {
      if (ending.kind === 'replayed') tally.replayed++;
      else if (ending.kind === 'was-in') tally.wasIn++;
      else if (ending.kind === 'still-bad') tally.stillBad++;
      else tally.failure ??= told(ending, 'not in');
      if (ending.kind === 'still-bad') tell(told(ending, 'still bad'), true);
      else if (isDry) tell(told(ending, 'would go to'), false);
    }
  }

  for (const log of logs) {
    let batch: FoundLetter[] = [];
    let bytes = 0;
    for await (const found of options.lettersOf(log)) {
      onLetters();
      if (found.wasReplayed) {
        tally.before++;
        if (showAll) tell(`${'sent before'.padEnd(WORD_CHARS)}${nameOf(found)}`, false);
        continue;
      }
      batch.push(found);
      bytes += found.bytes;
      if (batch.length < BATCH_LETTERS && bytes < BATCH_BYTES) continue;
      await send(batch);
      batch = [];
      bytes = 0;
      if (tally.failure !== null || isStopped()) break;
    }
    if (tally.failure === null && !isStopped() && batch.length > 0) await send(batch);
    tally.wasStopped = isStopped();
    if (tally.failure !== null || tally.wasStopped) break;
  }
  return tally;
}

/** In one line. */
export function summary({ replayed, wasIn, stillBad, before }: Tally, isDry: boolean): string {
  const sent = isDry
    ? `${letters(replayed)} would be sent again`
    : `${letters(replayed)} sent again, ${wasIn} were in already`;
  return `${sent}, ${stillBad} still cannot be appended, ${before} were sent again before.`;
}

const letters = (count: number): string => (count === 1 ? '1 letter' : `${count} letters`);

const WORD_CHARS = 13;

function told({ found, object, reason }: Ending, word: string): string {
  const where = object === null ? '' : ` ${object}`;
  const why = reason === null ? '' : `: ${reason.code}: ${reason.message}`;
  return `${word.padEnd(WORD_CHARS)}${nameOf(found)}${where}${why}`;
}

function nameOf({ letter: { queue, messageId, timeMs, reason } }: FoundLetter): string {
  const time = new Date(timeMs).toISOString();
  return `${queue === null ? '(no queue)' : quote(queue)} ${quote(messageId)} ${time} (parked: ${reason.code})`;
}
