/** The two formats of a target as the intake sees them: what a payload becomes, and how a batch of those is appended. */
import { advance, byteLength, type LogRecord, type Receipt, type RecordReceipt } from '../append/types.ts';
import type { Appender, AppendOptions } from '../appender.ts';
import type { Target } from '../config.ts';
import { assertFits } from './fit.ts';
import { type Payload, rawBytes, recordOf } from './payload.ts';

export interface Format<Body> {
  /** Throws `IntakeError`. */
  prepare(payload: Payload, name: Omit<LogRecord, 'line'>, target: Target): Body;
  /** One append; one receipt a body, in their order. */
  append(
    key: string,
    bodies: readonly Body[],
    options: AppendOptions,
    target: Target,
  ): Promise<(Receipt | RecordReceipt)[]>;
}

export function logFormat(appender: Appender): Format<LogRecord> {
  return {
    prepare: ({ content }, name, { schema }) => {
      const record = recordOf(content, name);
      if (schema !== null) assertFits(schema, record);
      return record;
    },
    append: (key, records, options, { dedupe, segmentBytesMax, lanes }) =>
      appender.appendRecords(key, records, {
        ...options,
        dedupe,
        segmentBytesMax,
        expectsNew: lanes?.by === 'instance',
      }),
  };
}

export function rawFormat(appender: Appender): Format<Uint8Array> {
  return {
    prepare: ({ content }) => rawBytes(content),
    append: async (key, payloads, options) => {
      const whole = payloads.length === 1 ? payloads[0] : undefined;
      const { object, start } = await appender.appendBytes(key, whole ?? Buffer.concat(payloads), options);
      let next = start;
      return payloads.map((payload) => {
        const receipt = { object, start: next, end: advance(next, byteLength(payload.length)) };
        next = receipt.end;
        return receipt;
      });
    },
  };
}
