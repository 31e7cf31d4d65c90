/** What answers are made of, as JSON Schema. The compiler sees to it that no member is forgotten. */
import type { Receipt, RecordReceipt } from '../../lib/append/types.ts';
import type { Failure } from '../../lib/intake/failure.ts';
import { problemTypes } from './problems.ts';

export type Json = Readonly<Record<string, unknown>>;

const text = (description: string): Json => ({ type: 'string', description });
const whole = (description: string, type: string | readonly string[] = 'integer'): Json => ({
  type,
  minimum: 0,
  description,
});
export const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });

const receipt: Readonly<Record<keyof Receipt, Json>> = {
  object: text('Key of the object.'),
  start: whole("Where the payload's own bytes begin."),
  end: whole('Where they end; the next position of the object.'),
};

const recordReceipt: Readonly<Record<keyof RecordReceipt, Json>> = {
  object: text("Key of the object: one of the log's segments."),
  start: whole('Where the append that holds the record begins; null if it is known by its number alone.', [
    'integer',
    'null',
  ]),
  end: whole('Where that append ends, commit line included.', ['integer', 'null']),
  id: text("The record's id."),
  source: text('Who numbers the ids.'),
  record: whole('Which data line of the append the record is, from 0.', ['integer', 'null']),
  repeat: { type: 'boolean', description: 'The record was in before this call.' },
};

/** Of `Failure`, under the names that they have over HTTP. */
type Told = Omit<Failure, 'code' | 'httpStatus' | 'message' | 'misfits'>;
const told: Readonly<Record<keyof Told, Json>> = {
  fate: {
    enum: ['in', 'not-in', 'unknown'],
    description: 'What became of the payload. After "unknown", send it again under the same id.',
  },
  index: whole('Which record of a call with several it is about, from 0.'),
  object: text('Key of the object.'),
  attempts: whole('Attempts made.'),
  positions: { type: 'array', items: { type: 'integer' }, description: 'Positions tried.' },
  position: whole("The object's length."),
  epoch: whole('The epoch that the log knows.'),
  expectedSeq: whole('The number that is next.'),
  receivedSeq: whole('The number that came.'),
  storeCode: text("The store's own code."),
  storeRequestId: text("The store's own name of the request."),
  retryAfterMs: whole('How long the store asks to wait, in milliseconds.'),
};

const closed = (properties: Readonly<Record<string, Json>>, required = Object.keys(properties)): Json => ({
  type: 'object',
  required,
  properties,
  additionalProperties: false,
});

const receipts = (items: Json): Json => ({ type: 'array', minItems: 1, items });

export const schemas: Readonly<Record<string, Json>> = {
  Receipt: closed(receipt),
  RecordReceipt: closed(recordReceipt),
  Receipts: closed({ receipts: receipts(ref('Receipt')) }),
  RecordReceipts: closed({ receipts: receipts(ref('RecordReceipt')) }),
  Problem: {
    description: 'RFC 9457. Decide by `type` and `fate`; `detail` is for people.',
    ...closed(
      {
        type: { enum: problemTypes },
        title: text('The type, for people.'),
        status: { type: 'integer' },
        detail: text('What is wrong and what to do.'),
        ...told,
        errors: {
          type: 'array',
          description: 'Where the record does not fit the schema of its target.',
          items: closed({
            pointer: text('JSON Pointer (RFC 6901) into the record.'),
            keyword: text('The keyword of the schema that is not met.'),
          }),
        },
        requestId: text('Name of the call.'),
        receipts: receipts({
          anyOf: [ref('Receipt'), ref('RecordReceipt'), { type: 'null' }],
          description: 'Where the records are that are in; null for those that are not.',
        }),
      },
      ['type', 'title', 'status', 'fate'],
    ),
  },
};

/** A CloudEvent in JSON (CloudEvents specification, "JSON Event Format"). */
export function cloudEvent(data: Json): Json {
  return {
    type: 'object',
    required: ['specversion', 'id', 'source', 'type'],
    properties: {
      specversion: { const: '1.0' },
      id: { type: 'string', minLength: 1 },
      source: { type: 'string', minLength: 1 },
      type: { type: 'string', minLength: 1 },
      time: { type: ['string', 'null'], description: "RFC 3339. The record's time." },
      data,
      data_base64: { type: 'string' },
    },
  };
}
