/** Whether a record fits the schema of its target (PROTOCOL.md §7). */
import { lineBytes } from '../append/record.ts';
import type { LogRecord } from '../append/types.ts';
import { readValue } from '../reader/value.ts';
import type { Schema } from '../schema/schema.ts';
import type { Misfit } from '../schema/types.ts';
import { IntakeError } from './errors.ts';

/** The value is built as a tree, whose memory is many times that of its text. */
const LINE_BYTES_MAX = 1024 * 1024;

/** What is looked at is what a reader will find. Throws `IntakeError` `SchemaMismatch` or `PayloadTooLarge`. */
export function assertFits(schema: Schema, { line }: Pick<LogRecord, 'line'>): void {
  if (lineBytes(line) > LINE_BYTES_MAX) {
    throw new IntakeError(
      'PayloadTooLarge',
      `The target has a schema, and a record that is checked against one has at most ${LINE_BYTES_MAX} bytes.`,
    );
  }
  const value = readValue(line);
  if (value.kind === 'bytes') throw mismatch('is of bytes, which are no JSON', []);
  const misfits = misfitsOf(schema, JSON.parse(value.json));
  if (misfits === null) throw mismatch('is nested too deep to be checked', []);
  if (misfits.length > 0) throw mismatch('does not fit', misfits);
}

function misfitsOf(schema: Schema, value: unknown): readonly Misfit[] | null {
  try {
    return schema.check(value);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function mismatch(what: string, misfits: readonly Misfit[]): IntakeError {
  return new IntakeError(
    'SchemaMismatch',
    `The record ${what}, and the target takes only what fits its schema. Correct the record, or the schema in append.config.ts.`,
    { misfits },
  );
}
