/**
 * Ends logs, so that retention may remove them (PROTOCOL.md §3.7). A file of its own, so that functions that only append do
 * without.
 */
import { type Burial, burial, retireLog } from './append/retire.ts';
import type { Tombstone } from './append/tombstone.ts';
import { type AppenderOptions, createAppender, type LogAppendOptions } from './appender.ts';

/** A writer like any other, beside any number of them. Every error is an `AppendError`. */
export interface Retirer {
  /** Closes the last segment of a log, unless it is. Gives its number; null if there is no log. */
  retire(key: string, call: LogAppendOptions): Promise<number | null>;
  /** What is to stand in the place of a closed segment, if it has the length and checksum that are told. Puts nothing. */
  burial(
    key: string,
    segment: number,
    about: Omit<Tombstone, 'segment'>,
    call: LogAppendOptions,
  ): Promise<Burial>;
}

export function createRetirer(options: AppenderOptions): Retirer {
  const { runtime, writer } = options;
  const { run, logOf } = createAppender(options);
  return {
    retire: (key, call) => run(retireLog({ log: logOf(key, call), writer, atMs: runtime.now() }), call),
    burial: (key, segment, about, call) => run(burial(logOf(key, call), segment, about), call),
  };
}
