/**
 * What an audit writes down of each record that it finds in the logs, for the comparison with what jobs made of them: a
 * line of numbers, so that a log of any size fits on the disk.
 */
import { contentHash } from '../aggregate/content-hash.ts';
import { readValue } from '../reader/value.ts';
import type { AuditedRecord } from './segment.ts';

/** The columns of a line, in order. */
export const FACT_COLUMNS = ['identity', 'content', 'object', 'start', 'record'] as const;

export interface Fact {
  readonly line: string;
  /** The record's content hash. */
  readonly content: bigint;
}

/** `object` is the number by which the comparison knows the segment. */
export function factOf(
  family: string,
  object: number,
  { line, source, id, numbered, start, record }: AuditedRecord,
): Fact {
  const name = { family, source, epoch: numbered?.epoch ?? null, id };
  // Rows hold the record as it came; of one of bytes, the line that stands for it.
  const value = readValue(line);
  const content = contentHash({ ...name, data: value.kind === 'json' ? value.json : line });
  const identity = contentHash({ ...name, data: '' });
  return { line: `${[identity, content, object, start, record].join(',')}\n`, content };
}
