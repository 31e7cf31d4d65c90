import { position } from '../../../lib/append/types.ts';
import type { Appender } from '../../../lib/appender.ts';

const NOWHERE = position(0);

/** Takes everything and writes nothing: for what would become of a payload, as far as that can be told beforehand. */
export const dryAppender: Appender = {
  appendBytes: async (object) => ({ object, start: NOWHERE, end: NOWHERE }),
  appendRecords: async (object, records) =>
    records.map(({ id, source }, record) => ({
      object,
      start: NOWHERE,
      end: NOWHERE,
      id,
      source,
      record,
      repeat: false,
    })),
};
