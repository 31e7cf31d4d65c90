/** A data line read back as what came in (PROTOCOL.md §3.1). */
import { sliceMember } from '../append/json.ts';
import { lineText } from '../append/record.ts';
import type { DataLine } from '../append/types.ts';

/** A JSON value as its text, to the last digit; or bytes. */
export type Value =
  | { readonly kind: 'json'; readonly json: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array };

const RECORD = '{"$record":';
const BYTES = /^\{"\$bytes":"([A-Za-z0-9+/]*={0,2})"\}$/;

/** The record that a data line stands for. Only whole lines of our own are unwrapped; any other is the record itself. */
export function readValue(line: DataLine): Value {
  const json = lineText(line);
  // A record that had one of these keys itself is wrapped, so these are ours.
  const base64 = BYTES.exec(json)?.[1];
  if (base64 !== undefined) return { kind: 'bytes', bytes: Buffer.from(base64, 'base64') };
  const wrapped = json.startsWith(RECORD) ? sliceMember(json, '$record') : undefined;
  return { kind: 'json', json: wrapped ?? json };
}
